// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.ClassFiles.Resolved;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/**
 * The code that can run once a function is called: methods, discovered breadth first, each encoded
 * once.
 *
 * <h2>Two streams</h2>
 *
 * Every reference to application code is written twice. Into the stream of the method or value that
 * refers to it goes its {@linkplain StableNames stable name}; the digest of that stream is what
 * people are shown as the part that changed. Into the global stream goes the number in which the
 * thing was discovered, which tells apart what a stable name leaves alike. The global stream also
 * gets the digest of each part, so it determines everything but the numbers in compiler-made names.
 *
 * <h2>Dispatch</h2>
 *
 * A class that is instantiated (NEW, a captured value, a Scala object, an enum) brings every method
 * that overrides or implements an inherited one: rapid type analysis. Classes that are initialized
 * bring their static initializer. An abstract method that is called must have an implementation
 * among the instantiated classes.
 *
 * <h2>Libraries</h2>
 *
 * Well-known libraries are identified by content and not followed; since they call each other, all
 * jars of the class path count as soon as one is used, with their order and with the resources of
 * the user's own. They may look at any object or class they can get hold of by reflection, so from
 * then on application classes count {@linkplain ReflectedClasses whole}, with the classes that
 * these mention. Where a name is computed, all code of the user's counts.
 */
final class CodeGraph {
  private static final int MAX_METHODS = 20_000;
  private static final int CLASS_FLAGS =
      Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT | Opcodes.ACC_ENUM | Opcodes.ACC_RECORD;

  final ClassFiles files;
  private final String place;
  final LibraryCalls calls;
  final WholeGraphChecks checks;
  final ReadFiles reads;
  final ReflectedClasses reflected;
  private final CanonicalHasher global = new CanonicalHasher();
  private final Map<String, Integer> numbers = new HashMap<>();
  private final Deque<Resolved> methods = new ArrayDeque<>();
  private final Deque<String> classes = new ArrayDeque<>();
  private final Set<String> instantiated = new LinkedHashSet<>();
  private final Set<String> initialized = new HashSet<>();
  private final Set<String> modules = new HashSet<>();
  private final List<String> rawNames = new ArrayList<>();
  private final SortedSet<String> covered = new TreeSet<>();
  private final Map<String, CanonicalHasher> parts = new HashMap<>();
  private final Deque<StaticRead> staticReads = new ArrayDeque<>();
  private boolean observesNames;
  private boolean observesMessages;
  private final Set<String> messageOwners = new LinkedHashSet<>();
  private int unorderedDepth;
  private final SortedMap<String, Runnable> afterUnordered = new TreeMap<>();

  /** A static field that reached code reads, to be judged once its initializer is accepted. */
  record StaticRead(String owner, String field, String at) {}

  /**
   * @param excused reasons of {@link ForbiddenCalls} that do not count
   */
  CodeGraph(ClassFiles files, String place, Set<String> excused) {
    this.files = files;
    this.place = place;
    this.calls = new LibraryCalls(this, excused);
    this.checks = new WholeGraphChecks(this);
    this.reads = new ReadFiles(this);
    this.reflected = new ReflectedClasses(this);
  }

  CanonicalHasher global() {
    return global;
  }

  RefusedException refuse(Refusal.Code code, String sentence) {
    return RefusedException.of(code, place, sentence);
  }

  /** Adds to what people are shown under a name; overloads and equal elements share one. */
  void part(String name, byte[] digest) {
    parts.computeIfAbsent(name, n -> new CanonicalHasher()).putBytes(digest);
  }

  /** Ends the parts. */
  SortedMap<String, String> parts() {
    SortedMap<String, String> ended = new TreeMap<>();
    parts.forEach(
        (name, hasher) -> ended.put(name, HexFormat.of().formatHex(hasher.digest(), 0, 8)));
    return ended;
  }

  List<String> covered() {
    return List.copyOf(covered);
  }

  // ---- references

  /**
   * Between this and {@link #leaveUnordered} values are encoded whose order means nothing, so that
   * discovery must not follow it: references carry their raw name, and things are discovered at the
   * end in the order of these names.
   */
  void enterUnordered() {
    unorderedDepth++;
  }

  void leaveUnordered() {
    if (--unorderedDepth == 0) {
      List<Runnable> later = List.copyOf(afterUnordered.values());
      afterUnordered.clear();
      later.forEach(Runnable::run);
    }
  }

  boolean isUnordered() {
    return unorderedDepth > 0;
  }

  /** Now, or where order means nothing at its end, by the order of the keys. */
  void later(String key, Runnable discovery) {
    if (unorderedDepth > 0) {
      afterUnordered.put(key, discovery);
    } else {
      discovery.run();
    }
  }

  /** A graph over the same classes whose findings are thrown away. */
  CodeGraph aside() {
    return new CodeGraph(files, place, calls.excused());
  }

  private void reference(
      CanonicalHasher into, char kind, String stable, String raw, Runnable discovered) {
    into.tag(kind).putString(stable);
    if (unorderedDepth > 0) {
      into.putString(raw.equals(stable) ? "" : raw);
      afterUnordered.put(kind + raw, () -> number(kind + raw, discovered));
    } else {
      number(kind + raw, discovered);
    }
  }

  private void number(String key, Runnable discovered) {
    Integer known = numbers.get(key);
    if (known == null) {
      known = numbers.size();
      numbers.put(key, known);
      rawNames.add(key);
      discovered.run();
    }
    global.putInt(known);
  }

  void type(CanonicalHasher into, Type type) {
    switch (type.getSort()) {
      case Type.METHOD -> {
        into.tag('(').putInt(type.getArgumentTypes().length);
        for (Type argument : type.getArgumentTypes()) {
          type(into, argument);
        }
        type(into, type.getReturnType());
      }
      case Type.ARRAY -> {
        into.tag('[').putInt(type.getDimensions());
        type(into, type.getElementType());
      }
      case Type.OBJECT -> classRef(into, type.getInternalName());
      default -> into.tag('p').putString(type.getDescriptor());
    }
  }

  void classRef(CanonicalHasher into, String name) {
    if (name.startsWith("[")) {
      type(into, Type.getType(name));
      return;
    }
    switch (files.origin(name)) {
      case APPLICATION ->
          reference(into, 'U', StableNames.ofClass(name), name, () -> classes.add(name));
      case JDK -> into.tag('J').putString(name);
      case LOGGING -> into.tag('G').putString(name);
      case ABSENT -> into.tag('?').putString(name);
      case ENGINE -> into.tag('E').putString(name).putString(jarDigest(name));
      case LIBRARY -> {
        reflected.useLibrary();
        into.tag('L').putString(name).putString(jarDigest(name));
      }
    }
  }

  private String jarDigest(String name) {
    return files.identity(name);
  }

  /** A method that is called or handed on; its body is reached. */
  void methodRef(CanonicalHasher into, String owner, String name, String desc, String at) {
    methodRef(into, owner, name, desc, at, false);
  }

  /**
   * @param judged true if {@link CallRules} have allowed this very call
   */
  void methodRef(
      CanonicalHasher into, String owner, String name, String desc, String at, boolean judged) {
    if (owner.startsWith("[")) {
      into.tag('a').putString(name);
      type(into, Type.getType(owner));
      return;
    }
    if (!files.isApplication(owner)) {
      libraryMethod(into, owner, name, desc, at, judged);
      return;
    }
    Resolved target = files.resolve(owner, name, desc);
    if (target == null) {
      throw refuse(
          Refusal.Code.FUNCTION,
          at + " calls " + StableNames.label(owner, name) + ", which does not exist");
    }
    classRef(into, owner);
    if (files.read(owner).isEnum()) {
      initialize(owner);
    }
    if (!files.isApplication(target.owner())) {
      libraryMethod(into, target.owner(), name, desc, at, judged);
      return;
    }
    if (target.method().isAbstract()) {
      checks.callAbstract(target.owner(), name + desc, at);
    }
    reference(
        into,
        'M',
        StableNames.ofClass(target.owner()) + "." + StableNames.ofMethod(name),
        target.owner() + "." + name + desc,
        () -> discover(target));
    type(into, Type.getMethodType(desc));
  }

  private void discover(Resolved method) {
    if (numbers.size() > MAX_METHODS) {
      throw refuse(
          Refusal.Code.FUNCTION,
          "the function reaches more than "
              + MAX_METHODS
              + " classes, methods and fields; keep the libraries it uses in jars of their own");
    }
    methods.add(method);
  }

  private void libraryMethod(
      CanonicalHasher into, String owner, String name, String desc, String at, boolean judged) {
    calls.check(owner, name, desc, at, judged);
    if (owner.equals("java/lang/Class") && (name.startsWith("get") || name.equals("toString"))) {
      observesNames = true;
    }
    classRef(into, owner);
    into.putString(name);
    type(into, Type.getMethodType(desc));
  }

  void fieldRef(CanonicalHasher into, String owner, String name, String desc) {
    classRef(into, owner);
    if (files.isApplication(owner)) {
      String declaring = files.declaring(owner, name);
      String holder = declaring == null ? owner : declaring;
      reference(into, 'F', StableNames.ofField(name), holder + "." + name, () -> {});
    } else {
      into.tag('f').putString(name);
    }
    type(into, Type.getType(desc));
  }

  // ---- what code does

  /** NEW, a captured value, a Scala object: dispatch can now reach its methods. */
  void instantiate(String name) {
    if (!files.isApplication(name)) {
      return;
    }
    if (unorderedDepth > 0) {
      afterUnordered.put("new " + name, () -> instantiate(name));
      return;
    }
    if (!instantiated.add(name)) {
      return;
    }
    initialize(name);
    CanonicalHasher local = new CanonicalHasher().tag('I');
    classRef(local, name);
    for (ClassFile.Method method : Dispatch.targets(files, name)) {
      methodRef(local, name, method.name(), method.desc(), StableNames.label(name, method.name()));
    }
    global.putBytes(local.digest());
  }

  /** The static initializers that run when a class is first used: superclasses too. */
  void initialize(String name) {
    if (!files.isApplication(name)) {
      return;
    }
    if (unorderedDepth > 0) {
      afterUnordered.put("init " + name, () -> initialize(name));
      return;
    }
    if (!initialized.add(name)) {
      return;
    }
    ClassFile file = files.read(name);
    if (file.superName() != null) {
      initialize(file.superName());
    }
    if (file.method("<clinit>", "()V") != null) {
      methodRef(
          new CanonicalHasher(), name, "<clinit>", "()V", StableNames.label(name, "<clinit>"));
    }
  }

  void readStatic(String owner, String field, String at) {
    initialize(owner);
    String declaring = files.declaring(owner, field);
    if (declaring == null) {
      throw refuse(
          Refusal.Code.FUNCTION,
          at + " reads " + StableNames.label(owner, field) + ", which does not exist");
    }
    if (!files.isApplication(declaring)) {
      readLibraryStatic(declaring, field, at);
      return;
    }
    initialize(declaring);
    if (field.equals("MODULE$")) {
      modules.add(declaring);
      instantiate(declaring);
    }
    staticReads.add(new StaticRead(declaring, field, at));
  }

  /** A constant of another jar; its value follows from the jar, unless it can be assigned. */
  void readLibraryStatic(String owner, String field, String at) {
    calls.permit(owner, field, "", at);
    if (files.origin(owner) == ClassFiles.Origin.LIBRARY) {
      String declaring = files.declaring(owner, field);
      ClassFile.Field declared = declaring == null ? null : files.read(declaring).field(field);
      if (declared == null || !declared.isFinal()) {
        throw refuse(
            Refusal.Code.FUNCTION,
            at
                + " reads "
                + StableNames.label(owner, field)
                + ", which can be assigned while the application runs; pass its value as an"
                + " argument");
      }
    }
  }

  @Nullable StaticRead nextStaticRead() {
    return staticReads.poll();
  }

  void readField(String owner, String field, String desc, String at) {
    String declaring = files.isApplication(owner) ? files.declaring(owner, field) : null;
    if (declaring == null) {
      return;
    }
    if (files.origin(declaring) == ClassFiles.Origin.JDK) {
      calls.permit(declaring, field, "", at); // a protected one of a superclass
    }
    checks.readField(declaring, field, desc);
  }

  void writeField(String owner, String field, String at) {
    String declaring = files.isApplication(owner) ? files.declaring(owner, field) : null;
    if (declaring != null) {
      checks.writeField(declaring, field, at);
    }
  }

  /** Code can see what the JVM says of an exception, which it makes of debug information. */
  void observeMessages() {
    observesMessages = true;
  }

  /** Code can see the names that compilers count up, so they count. */
  void observeNames() {
    observesNames = true;
  }

  /** True if reached code, or a library by reflection, may read the field. */
  boolean isRead(String declaring, String field) {
    return checks.isRead(declaring, field)
        || reflected.isWhole(declaring)
        || !files.isApplication(declaring);
  }

  // ---- the walk

  /** Encodes everything that was discovered and not encoded yet. True if there was anything. */
  boolean drain() {
    boolean any = false;
    while (!classes.isEmpty() || !methods.isEmpty()) {
      any = true;
      while (!classes.isEmpty()) {
        declare(classes.remove());
      }
      if (!methods.isEmpty()) {
        encode(methods.remove());
      }
    }
    return any;
  }

  private void declare(String name) {
    ClassFile file = files.read(name);
    CanonicalHasher local = new CanonicalHasher().tag('C').putInt(file.access() & CLASS_FLAGS);
    classRef(local, name);
    if (file.superName() != null) {
      classRef(local, file.superName());
    }
    for (String type : file.interfaces()) {
      classRef(local, type);
    }
    global.putBytes(local.digest());
  }

  private void encode(Resolved method) {
    byte[] body = MethodEncoder.encode(this, method);
    messageOwners.add(method.owner());
    global.tag('B').putBytes(body);
    String label = StableNames.label(method.owner(), method.method().name());
    covered.add(label);
    part(label, body);
  }

  /** Once a library is used: what it may look at by reflection. True if there was anything new. */
  boolean followLibraries() {
    return reflected.follow(instantiated.stream().filter(name -> !modules.contains(name)).toList());
  }

  /** Checks what only the whole graph can tell. Call once, when nothing is left to discover. */
  void checkWhole() {
    checks.check(instantiated, modules);
  }

  /**
   * Ends the global stream.
   *
   * @param classPath its digest, with all classes of the user's or without
   * @param provides whether the user's code provides services, of libraries or only of the JDK
   */
  byte[] digest(Function<Boolean, byte[]> classPath, Predicate<Boolean> provides) {
    reads.encode(global);
    boolean wholly =
        calls.findsClasses()
            || ((reflected.usesLibraries() || calls.usesServices())
                && provides.test(reflected.usesLibraries()));
    if (reflected.usesLibraries() || wholly) {
      byte[] libraries = classPath.apply(wholly);
      global.tag('P').putBytes(libraries);
      part("libraries", libraries);
    }
    if (observesNames || observesMessages) {
      global.tag('N');
      rawNames.forEach(global::putString);
    }
    if (observesMessages) {
      global.tag('M');
      for (String owner : messageOwners) {
        files.read(owner).localNames().forEach(global::putString);
      }
    }
    return global.digest();
  }
}
