// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.xbean.asm9.Type;

/**
 * Application classes that a library may look at by reflection, once the function uses one: what it
 * is given, what constants name, and the classes that these mention, each as a whole.
 */
final class ReflectedClasses {
  private static final Pattern CLASS_NAME =
      Pattern.compile("(?:[\\p{L}_$][\\p{L}\\d_$]*[./])+[\\p{L}_$][\\p{L}\\d_$]*");

  private final CodeGraph graph;
  private final ClassFiles files;
  private final SortedSet<String> tokens = new TreeSet<>();
  private final Set<String> named = new HashSet<>();
  private final Set<String> whole = new LinkedHashSet<>();
  private boolean usesLibraries;

  ReflectedClasses(CodeGraph graph) {
    this.graph = graph;
    this.files = graph.files;
  }

  void useLibrary() {
    usesLibraries = true;
  }

  boolean usesLibraries() {
    return usesLibraries;
  }

  boolean isWhole(String name) {
    return whole.contains(name);
  }

  /** A class constant that code hands around. */
  void token(Type constant) {
    Type type = constant.getSort() == Type.ARRAY ? constant.getElementType() : constant;
    if (type.getSort() == Type.OBJECT && files.isApplication(type.getInternalName())) {
      tokens.add(type.getInternalName());
      if (files.read(type.getInternalName()).isEnum()) {
        graph.initialize(type.getInternalName());
      }
    }
  }

  /** A resource by its name: those of all jars and directories count. */
  void readResource(String name) {
    usesLibraries = true;
    if (name.endsWith(".class")) {
      graph.calls.noteFindsClasses();
    }
  }

  /** A text that may name a class, for a library to load. */
  void mayName(String text) {
    if (text.length() < 300 && CLASS_NAME.matcher(text).matches()) {
      named.add(text.replace('.', '/'));
    }
  }

  /** Once a library is used: what it may look at by reflection. True if there was anything new. */
  boolean follow(List<String> instantiated) {
    if (!usesLibraries) {
      return false;
    }
    int before = whole.size();
    for (String name : instantiated) {
      whole(name, true);
    }
    for (String name : List.copyOf(tokens)) {
      whole(name, true);
    }
    for (String name : List.copyOf(named)) {
      named.remove(name);
      if (files.isApplication(name)) {
        whole(name, true);
      }
    }
    return whole.size() > before;
  }

  /**
   * A class with all its members, annotations and the application classes its fields mention.
   *
   * @param statics whether static methods may be called too
   */
  void whole(String name, boolean statics) {
    if (!files.isApplication(name) || !whole.add(name)) {
      return;
    }
    ClassFile file = files.read(name);
    byte[] stripped = WholeClass.digest(file);
    graph.global().tag('W').putString(StableNames.withoutCell(name)).putBytes(stripped);
    graph.part("class " + StableNames.ofClass(name).replace('/', '.'), stripped);
    graph.classRef(new CanonicalHasher(), name);
    graph.initialize(name);
    for (ClassFile.Method method : file.methods()) {
      boolean skip =
          method.isAbstract()
              || method.name().equals("<clinit>")
              || (method.isStatic() && (!statics || method.isSynthetic()))
              || (method.isStatic() && method.key().equals("main([Ljava/lang/String;)V"))
              || Dispatch.isForPlanning(files.supertypes(name), method);
      if (!skip) {
        String at = StableNames.label(name, method.name());
        graph.methodRef(new CanonicalHasher(), name, method.name(), method.desc(), at);
      }
    }
    if (WholeClass.namesTypesInData(file)) {
      graph.calls.noteFindsClasses();
    }
    for (String type : WholeClass.mentioned(file, statics)) {
      whole(type, statics);
    }
  }
}
