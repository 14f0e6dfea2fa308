// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Finds class files through one class loader, says whose code they are, and resolves members as the
 * JVM would.
 *
 * <p>A class file that was read is kept as long as the loader lives, because a loaded class does
 * not change either. When the file below it has changed since it was first read (somebody
 * recompiled under a running shell), the loaded code and the file may differ: that is refused. A
 * change between loading a class and hashing it for the first time cannot be seen.
 */
final class ClassFiles {
  /** Whose code a class is. */
  enum Origin {
    /** The Java platform. */
    JDK,
    /** Scala's or Spark's own jars: identified by the jar. */
    ENGINE,
    /** Facades for logging: what they do never reaches a row. */
    LOGGING,
    /** {@link Libraries}: identified by the jar, and not followed. */
    LIBRARY,
    /** The user's jars, directories, notebooks: followed method by method. */
    APPLICATION,
    /** Mentioned, but not on the class path. */
    ABSENT
  }

  /**
   * @param jar path of the jar that holds the class; null outside of jars
   * @param file path, and for the check that it is still the same: length and time; null if the
   *     class is in memory
   */
  private record Loaded(
      String url,
      @Nullable String jar,
      @Nullable String file,
      long length,
      long modified,
      ClassFile classFile) {}

  private static final Map<ClassLoader, Map<String, Loaded>> BY_LOADER =
      Collections.synchronizedMap(new WeakHashMap<>());

  /** Class files that a loader cannot show: classes of a shell, as the driver has them. */
  private static final Map<ClassLoader, Map<String, byte[]>> GIVEN =
      Collections.synchronizedMap(new WeakHashMap<>());

  private static final String[] LOGGING = {
    "org/slf4j/", "org/apache/logging/", "org/apache/log4j/", "org/apache/commons/logging/"
  };

  private final ClassLoader loader;
  private final Set<String> ownJars;
  private final String place;
  private final Map<String, Loaded> loaded;
  private boolean ownIsNamedLikeLibrary;
  private final Set<String> checked = new LinkedHashSet<>();
  private final Map<String, Origin> origins = new HashMap<>();
  private final Map<String, Set<String>> supertypes = new HashMap<>();
  private final Map<String, Optional<Resolved>> resolved = new HashMap<>();

  ClassFiles(ClassLoader loader, Set<String> ownJars, String place) {
    this.loader = loader;
    this.ownJars = ownJars;
    this.place = place;
    this.loaded = BY_LOADER.computeIfAbsent(loader, l -> new ConcurrentHashMap<>());
  }

  ClassLoader loader() {
    return loader;
  }

  /** Tells the files of classes that were typed into the driver's shell, by internal name. */
  static void add(ClassLoader loader, Map<String, byte[]> classes) {
    if (!classes.isEmpty()) {
      GIVEN.computeIfAbsent(loader, l -> new ConcurrentHashMap<>()).putAll(classes);
    }
  }

  /** The files of all application classes looked at that are not in a file. */
  Map<String, byte[]> inMemory() {
    Map<String, byte[]> found = new HashMap<>();
    origins.forEach(
        (name, origin) -> {
          Loaded known = loaded.get(name);
          if (origin == Origin.APPLICATION && known != null && known.file == null) {
            found.put(name, known.classFile.bytes());
          }
        });
    return found;
  }

  Set<String> ownJars() {
    return ownJars;
  }

  /** By name alone: a class that is neither the JDK's, Scala's nor Spark's. */
  static boolean isUserClass(String internalName) {
    return !internalName.startsWith("[") && !isJdkName(internalName) && !isEngineName(internalName);
  }

  private static boolean isJdkName(String name) {
    return name.startsWith("java/")
        || name.startsWith("javax/")
        || name.startsWith("jdk/")
        || name.startsWith("sun/")
        || name.startsWith("com/sun/");
  }

  private static boolean isEngineName(String name) {
    return name.startsWith("scala/") || name.startsWith("org/apache/spark/");
  }

  Origin origin(String name) {
    return origins.computeIfAbsent(name, this::findOrigin);
  }

  boolean isApplication(String name) {
    return origin(name) == Origin.APPLICATION;
  }

  private Origin findOrigin(String name) {
    Loaded found = find(name);
    if (found == null) {
      return Origin.ABSENT;
    }
    if (found.url.startsWith("jrt:")) {
      return Origin.JDK;
    }
    if (found.jar == null) {
      return Origin.APPLICATION;
    }
    boolean own = ownJars.contains(found.jar);
    if (isEngineName(name) && !own) {
      return Origin.ENGINE;
    }
    for (String prefix : LOGGING) {
      if (name.startsWith(prefix)) {
        return Origin.LOGGING;
      }
    }
    return Libraries.isKnown(name) && !(own && ownIsNamedLikeLibrary)
        ? Origin.LIBRARY
        : Origin.APPLICATION;
  }

  /** Content of what a class of a library, Spark or Scala comes with. */
  String identity(String name) {
    String jar = jar(name);
    if (jar == null) {
      return "";
    }
    return ownJars.contains(jar) ? JarIdentity.librariesIn(jar) : JarIdentity.digest(jar);
  }

  /** Own classes are followed, whatever package they are in. */
  void ownIsNamedLikeLibrary() {
    ownIsNamedLikeLibrary = true;
  }

  /** The jar that holds a class, or null if it is in none. */
  @Nullable String jar(String name) {
    Loaded found = find(name);
    return found == null ? null : found.jar;
  }

  /** The directory on the class path that holds a class, or null if it is in none. */
  @Nullable String directory(String name) {
    Loaded found = find(name);
    String end = "/" + name + ".class";
    return found == null || found.jar != null || found.file == null || !found.file.endsWith(end)
        ? null
        : found.file.substring(0, found.file.length() - end.length());
  }

  /** Refuses if there is no such class. */
  ClassFile read(String name) {
    Loaded found = find(name);
    if (found == null) {
      throw RefusedException.of(
          Refusal.Code.FUNCTION,
          place,
          "the bytecode of class "
              + name.replace('/', '.')
              + ", which the function needs, cannot be found; put its jar or directory on the class"
              + " path of the session");
    }
    return found.classFile;
  }

  private @Nullable Loaded find(String name) {
    Loaded found = loaded.get(name);
    if (found == null) {
      found = load(name);
      if (found == null) {
        return null;
      }
      Loaded earlier = loaded.putIfAbsent(name, found);
      found = earlier == null ? found : earlier;
      checked.add(name);
    } else if (found.file != null && checked.add(name)) {
      File file = new File(found.file);
      if (file.length() != found.length || file.lastModified() != found.modified) {
        throw RefusedException.of(
            Refusal.Code.FUNCTION,
            place,
            "class "
                + name.replace('/', '.')
                + " was loaded from "
                + found.file
                + ", which has changed since; restart the application so that it runs the new code");
      }
    }
    return found;
  }

  private @Nullable Loaded load(String name) {
    URL url = loader.getResource(name + ".class");
    if (url == null) {
      byte[] given = GIVEN.getOrDefault(loader, Map.of()).get(name);
      return given == null ? null : new Loaded("memory:", null, null, 0, 0, new ClassFile(given));
    }
    try (InputStream in = loader.getResourceAsStream(name + ".class")) {
      if (in == null) {
        return null;
      }
      byte[] bytes = in.readAllBytes();
      String text = url.toString();
      String jar = null;
      if (text.startsWith("jar:")) {
        jar = JarIdentity.filePath(text.substring("jar:".length(), text.indexOf("!/")));
        if (jar == null) {
          jar = text;
        }
      }
      String file = jar == null ? JarIdentity.filePath(text) : jar;
      File onDisk = file == null ? null : new File(file);
      return new Loaded(
          text,
          jar,
          file,
          onDisk == null ? 0 : onDisk.length(),
          onDisk == null ? 0 : onDisk.lastModified(),
          new ClassFile(bytes));
    } catch (IOException | IllegalArgumentException e) {
      throw RefusedException.of(
          Refusal.Code.FUNCTION, place, "the bytecode " + url + " cannot be read: " + e);
    }
  }

  /** Name of a class or interface that declares a member, and the member itself. */
  record Resolved(String owner, ClassFile.Method method) {}

  /** As the JVM does: superclasses first, then interfaces, concrete methods before abstract. */
  @Nullable Resolved resolve(String owner, String name, String desc) {
    return resolved
        .computeIfAbsent(
            owner + "." + name + desc, k -> Optional.ofNullable(find(owner, name, desc)))
        .orElse(null);
  }

  private @Nullable Resolved find(String owner, String name, String desc) {
    for (String c = owner; c != null; c = read(c).superName()) {
      ClassFile.Method method = read(c).method(name, desc);
      if (method != null) {
        return new Resolved(c, method);
      }
    }
    Resolved best = null;
    for (String type : supertypes(owner)) {
      ClassFile file = read(type);
      ClassFile.Method method = file.isInterface() ? file.method(name, desc) : null;
      if (method == null || method.isStatic() || method.isPrivate()) {
        continue;
      }
      boolean better =
          best == null
              || (best.method.isAbstract() && !method.isAbstract())
              || (best.method.isAbstract() == method.isAbstract() && isSubtype(type, best.owner));
      if (better) {
        best = new Resolved(type, method);
      }
    }
    return best;
  }

  /** The class that declares a field, or null. */
  @Nullable String declaring(String owner, String field) {
    for (String c = owner; c != null; c = read(c).superName()) {
      if (read(c).field(field) != null) {
        return c;
      }
      for (String type : supertypes(c)) {
        ClassFile file = read(type);
        if (file.isInterface() && file.field(field) != null) {
          return type;
        }
      }
    }
    return null;
  }

  /** The class itself, its superclasses and all their interfaces, in a fixed order. */
  Set<String> supertypes(String name) {
    Set<String> known = supertypes.get(name);
    if (known == null) {
      Set<String> found = new LinkedHashSet<>();
      collectSupertypes(name, found);
      known = Collections.unmodifiableSet(found);
      supertypes.put(name, known);
    }
    return known;
  }

  private void collectSupertypes(String name, Set<String> found) {
    if (!found.add(name)) {
      return;
    }
    ClassFile file = read(name);
    if (file.superName() != null) {
      collectSupertypes(file.superName(), found);
    }
    for (String type : file.interfaces()) {
      collectSupertypes(type, found);
    }
  }

  boolean isSubtype(String name, String ancestor) {
    return supertypes(name).contains(ancestor);
  }

  /** Loads and initializes a class; its code has been accepted by then. */
  Class<?> initialized(String name) throws ClassNotFoundException {
    return Class.forName(name.replace('/', '.'), true, loader);
  }

  /** True if {@code type} is the class that its name means to this loader. */
  boolean isSame(Class<?> type) {
    try {
      return Objects.equals(Class.forName(type.getName(), false, loader), type);
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }
}
