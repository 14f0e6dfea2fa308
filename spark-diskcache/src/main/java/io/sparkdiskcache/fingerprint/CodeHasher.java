// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.invoke.SerializedLambda;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.apache.xbean.asm9.Type;

/**
 * Identity of a function object: its code, the code that this can reach, and the values that either
 * reads. Equal digests mean equal results for equal arguments; recompiling, moving lines, renaming
 * locals or adding unrelated code does not change the digest.
 *
 * <p>Fails closed: what cannot be followed, or depends on more than arguments and constants, is
 * {@linkplain RefusedException refused} with the method and the reason. These are known to get past
 * it:
 *
 * <ul>
 *   <li>A well-known library ({@link Libraries}) that reads the clock or the environment by itself.
 *   <li>Objects whose {@code hashCode} or {@code toString} is asked for by a library or through
 *       {@code Object}, and is the one of {@code Object}.
 *   <li>Class files that were replaced between their loading and the first hash.
 * </ul>
 *
 * The Java version, and through it the platform's own code, is for the caller to add.
 *
 * <p>{@link CodeGraph} walks the code, {@link MethodEncoder} encodes one method, {@link
 * CapturedValues} values, {@link StaticFields} statics; {@link ClassFiles} reads and classifies
 * classes. The walk alternates until nothing is left to discover: code reads fields, whose values
 * bring classes, whose methods are code.
 */
final class CodeHasher implements FunctionIdentity {
  private static final String FORMAT = "jvm-code-1";

  private final ClassLoader loader;
  private final Set<String> excused;
  private final boolean inTask;
  private final Map<List<Object>, byte[]> classPaths = new ConcurrentHashMap<>();
  private final Map<List<Object>, Boolean> provided = new ConcurrentHashMap<>();

  /** The context class loader of the session, which sees the notebook and {@code spark.jars}. */
  CodeHasher(ClassLoader loader) {
    this(loader, Set.of());
  }

  /**
   * @param excused reasons of {@link ForbiddenCalls} that are no reason to refuse
   */
  CodeHasher(ClassLoader loader, Set<String> excused) {
    this(loader, excused, false);
  }

  private CodeHasher(ClassLoader loader, Set<String> excused, boolean inTask) {
    this.loader = loader;
    this.excused = excused;
    this.inTask = inTask;
  }

  /** Of functions that came to this process by serialization. */
  static CodeHasher inTask(ClassLoader loader, Set<String> excused) {
    return new CodeHasher(loader, excused, true);
  }

  /** The identity of a function object: a lambda, or an object of a named or anonymous class. */
  @Override
  public CodeIdentity hash(Object function, String place) {
    return walk(
        function.getClass(),
        found -> collectOwnClasses(function, found),
        place,
        (graph, values) -> {
          CanonicalHasher local = new CanonicalHasher();
          values.encode(local, function, "function");
          graph.global().putBytes(local.digest());
        });
  }

  /**
   * The identity of a class that an encoder or a user-defined type constructs and reads: all of it.
   */
  @Override
  public CodeIdentity hashClass(Class<?> userClass, String place) {
    String name = Type.getInternalName(userClass);
    return walk(
        userClass,
        found -> found.add(name),
        place,
        (graph, values) -> {
          CanonicalHasher local = new CanonicalHasher();
          graph.classRef(local, name);
          graph.global().putBytes(local.digest());
          graph.checks.comesFromRows(name);
          graph.reflected.whole(name, false);
          graph.instantiate(name);
        });
  }

  /** By name: neither the JDK's, Scala's nor Spark's. */
  static boolean isUserClass(String internalName) {
    return ClassFiles.isUserClass(internalName);
  }

  /**
   * Neither the JDK's, nor from a jar of Scala or Spark. A class that is only named as if it were
   * Spark's, but comes from a directory or notebook, is the user's.
   */
  static boolean isUserClass(Class<?> type) {
    Class<?> element = type;
    while (element.isArray()) {
      element = element.getComponentType();
    }
    if (element.isPrimitive()
        || element.getClassLoader() == null
        || element.getClassLoader() == ClassLoader.getPlatformClassLoader()) {
      return false;
    }
    return new ClassFiles(element.getClassLoader(), Set.of(), "")
            .origin(Type.getInternalName(element))
        != ClassFiles.Origin.ENGINE;
  }

  private CodeIdentity walk(
      Class<?> root,
      Consumer<Set<String>> own,
      String place,
      BiConsumer<CodeGraph, CapturedValues> start) {
    try {
      ClassLoader through = loaderFor(root);
      Set<String> ownClasses = new HashSet<>();
      own.accept(ownClasses);
      Set<String> ownJars = new HashSet<>();
      ClassFiles bare = new ClassFiles(through, Set.of(), place);
      for (String name : ownClasses) {
        ClassFiles.Origin origin = bare.origin(name);
        String jar = bare.jar(name);
        boolean users =
            origin == ClassFiles.Origin.LIBRARY || origin == ClassFiles.Origin.APPLICATION;
        if (users && jar != null) {
          ownJars.add(jar);
        }
      }
      ClassFiles files = new ClassFiles(through, ownJars, place);
      if (ownClasses.stream().anyMatch(Libraries::isKnown)) {
        files.ownIsNamedLikeLibrary();
      }
      CodeGraph graph = new CodeGraph(files, place, excused);
      CapturedValues values = new CapturedValues(graph, inTask);
      StaticFields statics = new StaticFields(graph, values);
      graph.global().putString(FORMAT);
      start.accept(graph, values);
      boolean more = true;
      while (more) {
        more = graph.drain();
        more |= values.encodeReadFields();
        more |= statics.encodeReads();
        more |= graph.followLibraries();
      }
      graph.checkWhole();
      values.checkLazyFields();
      byte[] digest =
          graph.digest(
              wholly -> classPath(through, ownJars, wholly),
              ofLibraries -> provides(files, ownJars, ofLibraries));
      return new CodeIdentity(
          digest,
          graph.covered(),
          graph.parts(),
          changeable(graph, values),
          graph.files.inMemory());
    } catch (StackOverflowError e) {
      throw RefusedException.of(
          Refusal.Code.FUNCTION_STATE,
          place,
          "the function captures a structure that is nested too deeply to be encoded");
    } catch (RefusedException e) {
      throw e;
    } catch (RuntimeException | LinkageError e) {
      throw RefusedException.of(
          Refusal.Code.INTERNAL, place, "the function's code cannot be examined: " + e);
    }
  }

  private static Optional<String> changeable(CodeGraph graph, CapturedValues values) {
    if (values.changeable().isPresent()) {
      return values.changeable();
    }
    return graph.checks.writes()
        ? Optional.of("a field of an object that came with it, which it assigns")
        : graph.reads.isEmpty() ? Optional.empty() : Optional.of("a file");
  }

  /** The same for all functions of a plan. */
  private byte[] classPath(ClassLoader through, Set<String> own, boolean wholly) {
    return classPaths.computeIfAbsent(
        List.of(through, own, wholly), k -> ClassPathIdentity.of(through, own, wholly));
  }

  private boolean provides(ClassFiles files, Set<String> own, boolean ofLibraries) {
    return provided.computeIfAbsent(
        List.of(files.loader(), own, ofLibraries),
        k -> UserServices.areProvided(files, ofLibraries));
  }

  /** The session's loader, unless the function comes from one that the session does not see. */
  private ClassLoader loaderFor(Class<?> root) {
    Class<?> named = root;
    if (CapturedValues.isLambda(root)) {
      named = root.getNestHost();
    }
    ClassLoader own = named.getClassLoader();
    if (own == null || new ClassFiles(loader, Set.of(), "").isSame(named)) {
      return loader;
    }
    return own;
  }

  /** A value of a library's is no code of the user's. */
  private static boolean mayWrap(Object captured) {
    return CapturedValues.isLambda(captured.getClass())
        || !Libraries.isKnown(Type.getInternalName(captured.getClass()));
  }

  /**
   * The classes whose jars are the function's own: the one it was written in, and where it is a
   * wrapper, those of what it wraps.
   */
  private static void collectOwnClasses(Object value, Set<String> found) {
    if (!CapturedValues.isLambda(value.getClass())) {
      found.add(Type.getInternalName(value.getClass()));
      return;
    }
    SerializedLambda form = CapturedValues.serialized(value);
    if (form == null) {
      return;
    }
    found.add(form.getCapturingClass());
    found.add(form.getImplClass());
    for (int i = 0; i < form.getCapturedArgCount(); i++) {
      Object captured = form.getCapturedArg(i);
      if (captured != null && found.size() < 100 && mayWrap(captured)) {
        collectOwnClasses(captured, found);
      }
    }
  }
}
