// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.CodeGraph.StaticRead;
import java.lang.reflect.Field;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Judges the static fields of application classes that reached code reads. A static must have been
 * given its only value by the initializer of its class, whose code is in the hash. Its content
 * counts; where that can change, as that of an array or a map, the task that computes rows looks at
 * it again.
 *
 * <p>The value is looked at only after the initializer itself was accepted, since looking runs it.
 */
final class StaticFields {
  private final CodeGraph graph;
  private final CapturedValues values;
  private final Set<String> done = new HashSet<>();

  StaticFields(CodeGraph graph, CapturedValues values) {
    this.graph = graph;
    this.values = values;
  }

  /** True if a static was encoded that had not been before. */
  boolean encodeReads() {
    boolean any = false;
    StaticRead read;
    while ((read = graph.nextStaticRead()) != null) {
      if (done.add(read.owner() + "." + read.field())) {
        encode(read);
        any = true;
      }
    }
    return any;
  }

  private void encode(StaticRead read) {
    ClassFile file = graph.files.read(read.owner());
    ClassFile.Field field = file.field(read.field());
    if (field == null || isCompilerTable(file, field)) {
      return;
    }
    String path = StableNames.label(read.owner(), field.name());
    Set<String> writers = file.writers(field.name());
    boolean lazy = writers.stream().anyMatch(ClassFile::isLazyInitializer);
    if (!field.isFinal()
        && !(field.isPrivate() && writers.stream().allMatch(ClassFile::isInitializer))) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          read.at()
              + " reads "
              + path
              + ", which can be assigned while the application runs; make it final (a val), or pass"
              + " its value as an argument");
    }
    if (lazy) {
      if (!field.name().startsWith("bitmap$")) {
        LazyValues.check(graph, field.desc(), value(read), path, true);
      }
      return;
    }
    if (LibraryObjects.isDeclared(graph.files, field)) {
      LibraryObjects.check(graph, read.owner(), field, path);
      graph.fieldRef(graph.global().tag('L'), read.owner(), field.name(), field.desc());
      return;
    }
    CanonicalHasher local = new CanonicalHasher();
    graph.fieldRef(local, read.owner(), field.name(), field.desc());
    Object value = value(read);
    if (field.name().equals("MODULE$") && value != null) {
      values.holdShared(value, StableNames.label(read.owner(), "this"));
    } else {
      values.encodeShared(local, value, path);
    }
    byte[] digest = local.digest();
    graph.global().tag('=').putBytes(digest);
    if (!field.name().equals("MODULE$")) {
      graph.part("static " + path, digest);
    }
  }

  /** Tables that a compiler makes and nobody can reach: switch maps, the constants of an enum. */
  private static boolean isCompilerTable(ClassFile file, ClassFile.Field field) {
    return field.isSynthetic()
        && (field.name().startsWith("$SwitchMap$")
            || (file.isEnum() && field.isPrivate() && field.desc().startsWith("[")));
  }

  private @Nullable Object value(StaticRead read) {
    try {
      Field field = graph.files.initialized(read.owner()).getDeclaredField(read.field());
      field.setAccessible(true);
      return field.get(null);
    } catch (ReflectiveOperationException | LinkageError | RuntimeException e) {
      throw graph.refuse(
          Refusal.Code.FUNCTION,
          read.at()
              + " reads "
              + StableNames.label(read.owner(), read.field())
              + ", whose value cannot be had here: "
              + e);
    }
  }
}
