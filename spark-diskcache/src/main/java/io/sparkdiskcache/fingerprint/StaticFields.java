// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.CodeGraph.StaticRead;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
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
    Optional<String> maker = maker(graph.files, file, field);
    boolean initialized =
        field.isPrivate()
            && writers.stream().allMatch(ClassFile::isInitializer)
            && !isWrittenInNest(graph.files, file, field);
    if (!field.isFinal() && !initialized && maker.isEmpty()) {
      throw refused(
          read,
          "which can be assigned while the application runs; make it final (a val), or pass its value"
              + " as an argument");
    }
    if (lazy) {
      if (!field.name().startsWith("bitmap$")) {
        LazyValues.check(graph, read.owner(), field, lazyValue(read, field, path), path, true);
      }
      return;
    }
    if (LibraryObjects.isDeclared(graph.files, field)) {
      LibraryObjects.check(graph, read.owner(), field, path, maker.orElse("<clinit>"));
      graph.fieldRef(graph.global().tag('L'), read.owner(), field.name(), field.desc());
      return;
    }
    CanonicalHasher local = new CanonicalHasher();
    graph.fieldRef(local, read.owner(), field.name(), field.desc());
    maker.ifPresent(method -> make(read, method));
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

  /** The one method that makes the value of the field when it is first asked for it. */
  static Optional<String> maker(ClassFiles files, ClassFile file, ClassFile.Field field) {
    return field.isFinal() || isWrittenInNest(files, file, field)
        ? Optional.empty()
        : MadeOnce.maker(file, field);
  }

  /** Whether another class of the nest, which may use what is private, assigns the field. */
  private static boolean isWrittenInNest(ClassFiles files, ClassFile file, ClassFile.Field field) {
    Set<String> nest = new TreeSet<>(file.nest());
    file.nest().stream()
        .filter(files::isApplication)
        .forEach(name -> nest.addAll(files.read(name).nest()));
    nest.remove(file.name());
    return nest.stream()
        .anyMatch(name -> !files.read(name).writers(file.name(), field.name()).isEmpty());
  }

  /** Whoever asks first must not matter, so it is asked for here. */
  private void make(StaticRead read, String method) {
    try {
      Method maker = graph.files.initialized(read.owner()).getDeclaredMethod(method);
      maker.setAccessible(true);
      Object unused = maker.invoke(null);
    } catch (ReflectiveOperationException | LinkageError | RuntimeException e) {
      throw refused(read, "which " + method + " cannot make here: " + e);
    }
  }

  /** Tables that a compiler makes and nobody can reach: switch maps, the constants of an enum. */
  private static boolean isCompilerTable(ClassFile file, ClassFile.Field field) {
    return field.isSynthetic()
        && (field.name().startsWith("$SwitchMap$")
            || (file.isEnum() && field.isPrivate() && field.desc().startsWith("[")));
  }

  /** Whoever asks first must not matter: the object that has the lazy val is asked for it here. */
  private @Nullable Object lazyValue(StaticRead read, ClassFile.Field field, String path) {
    Object value = value(read);
    if (value == null && graph.files.read(read.owner()).field("MODULE$") != null) {
      Object module = value(new StaticRead(read.owner(), "MODULE$", read.at()));
      value = module == null ? null : LazyValues.ask(graph, module, field, path);
    }
    return value;
  }

  private @Nullable Object value(StaticRead read) {
    try {
      Field field = graph.files.initialized(read.owner()).getDeclaredField(read.field());
      field.setAccessible(true);
      return field.get(null);
    } catch (ReflectiveOperationException | LinkageError | RuntimeException e) {
      throw refused(read, "whose value cannot be had here: " + e);
    }
  }

  /**
   * @param why a clause about the field
   */
  private RefusedException refused(StaticRead read, String why) {
    return graph.refuse(
        Refusal.Code.FUNCTION,
        read.at() + " reads " + StableNames.label(read.owner(), read.field()) + ", " + why);
  }
}
