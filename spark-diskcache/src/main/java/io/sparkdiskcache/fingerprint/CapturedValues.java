// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.invoke.SerializedLambda;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.xbean.asm9.Opcodes;
import org.apache.xbean.asm9.Type;
import org.jspecify.annotations.Nullable;

/**
 * Encodes the values a function carries: what it captured, and the statics it reads.
 *
 * <p>Of an object of an application class the fields that reached code reads are encoded, once the
 * code is known: a notebook's closure carries the whole cell around it and uses one variable of it.
 * Fields that Java serialization leaves behind are left out: transient fields, and the fields of
 * superclasses that are not serializable. Lazy vals are left out too: they follow from the rest.
 *
 * <p>An object that is met again is written as a back reference, so cycles end.
 */
final class CapturedValues {
  /** An object whose fields are encoded as code turns out to read them. */
  private record Held(Object object, int id, String path, boolean shared, Set<String> done) {}

  /** Bytes that one function may hold, with so many for each object. */
  private static final long BUDGET = 128L << 20;

  private static final int PER_OBJECT = 32;

  private final CodeGraph graph;
  private final List<Held> objects = new ArrayList<>();
  private final Set<String> heldClasses = new HashSet<>();
  private final Set<Object> sharedObjects = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Set<Object> open = Collections.newSetFromMap(new IdentityHashMap<>());
  private IdentityHashMap<Object, Integer> seen = new IdentityHashMap<>();
  private final Set<Class<?>> accepted = new HashSet<>();
  private final ObjectFields fields;
  private final boolean inTask;
  private long budget = BUDGET;
  private @Nullable String lazyField;
  private @Nullable String mutableAt;
  private @Nullable String lazyUnseen;

  /** True while a value is encoded that the whole JVM shares, which must not be mutable. */
  private boolean shared;

  /**
   * @param inTask true if what is captured came by serialization and is in the state that the code
   *     will find; false where it is what will be serialized
   */
  CapturedValues(CodeGraph graph, boolean inTask) {
    this.graph = graph;
    this.inTask = inTask;
    this.fields = new ObjectFields(graph, this);
  }

  /** Whether a hash table is iterated here as it will be in the task. */
  boolean iteratesAsInTask() {
    return inTask || shared;
  }

  /** Ends the walk before it takes long or fills the heap. */
  void spend(long bytes, String path) {
    budget -= bytes;
    if (budget < 0) {
      throw refuse(
          path
              + " and what is captured beside it hold more than "
              + (BUDGET >> 20)
              + " MiB, or as many objects of "
              + PER_OBJECT
              + " bytes; join with the data, or read it from a file inside the function");
    }
  }

  /** True if something was met that could change before a task serializes it. */
  boolean sawMutable() {
    return mutableAt != null;
  }

  /** What a task has to look at again after its last row. */
  Optional<String> changeable() {
    return Optional.ofNullable(mutableAt != null ? mutableAt : lazyUnseen);
  }

  RefusedException refuse(String sentence) {
    return graph.refuse(shared ? Refusal.Code.FUNCTION : Refusal.Code.FUNCTION_STATE, sentence);
  }

  /**
   * Notes that the value at {@code path} can be changed by whoever holds it: a task has to look at
   * it again.
   */
  void mutable(String path) {
    if (mutableAt == null) {
      mutableAt = path;
    }
  }

  /** A value of a static, or of the object behind MODULE$. */
  void encodeShared(CanonicalHasher into, @Nullable Object value, String path) {
    boolean before = shared;
    shared = true;
    try {
      encode(into, value, path);
    } finally {
      shared = before;
    }
  }

  void encode(CanonicalHasher into, @Nullable Object value, String path) {
    if (value == null) {
      into.tag('0');
      return;
    }
    if (PlainValues.encode(graph, this, into, value, path)) {
      return;
    }
    if (value instanceof MemoizableFunction.Memoized) {
      throw graph.refuse(
          Refusal.Code.FUNCTION, path + " is memoised: its results are kept one by one");
    }
    spend(PER_OBJECT, path);
    Integer known = seen.get(value);
    if (known != null) {
      into.tag('^').putInt(known);
      return;
    }
    if (!open.add(value)) {
      throw refuse(path + " contains itself through a set or map, which has no stable encoding");
    }
    seen.put(value, seen.size());
    try {
      Class<?> type = value.getClass();
      if (type.isArray()) {
        mutable(path);
        ArrayValues.encode(graph, this, into, value, path);
      } else if (isLambda(type)) {
        lambda(into, value, path);
      } else if (!CollectionValues.encode(graph, this, into, value, path)
          && !PlatformValues.encode(this, into, value, path, shared)) {
        object(into, value, path);
      }
    } finally {
      open.remove(value);
    }
  }

  /** An object that every executor has one of: a Scala object, an enum constant. */
  void holdShared(Object object, String path) {
    graph.later(
        "hold " + path,
        () -> {
          if (sharedObjects.add(object)) {
            graph.checks.share(Type.getInternalName(object.getClass()));
            objects.add(new Held(object, objects.size(), path, true, new HashSet<>()));
          }
        });
  }

  /** Elements whose order means nothing: by their digests, sorted. */
  void unordered(CanonicalHasher into, List<? extends List<?>> entries, String path) {
    IdentityHashMap<Object, Integer> outer = seen;
    List<byte[]> digests = new ArrayList<>();
    String element = path + "{}";
    graph.enterUnordered();
    try {
      for (List<?> entry : entries) {
        seen = new IdentityHashMap<>();
        CanonicalHasher local = new CanonicalHasher();
        for (Object part : entry) {
          encode(local, part, element);
        }
        digests.add(local.digest());
      }
    } finally {
      seen = outer;
      graph.leaveUnordered();
    }
    into.putUnordered(digests);
  }

  // ---- lambdas

  static boolean isLambda(Class<?> type) {
    return type.isHidden() || type.getName().contains("$$Lambda");
  }

  /** The parts of a lambda, or null if it is not serializable. */
  static @Nullable SerializedLambda serialized(Object lambda) {
    try {
      Method replace = lambda.getClass().getDeclaredMethod("writeReplace");
      replace.setAccessible(true);
      return replace.invoke(lambda) instanceof SerializedLambda form ? form : null;
    } catch (NoSuchMethodException e) {
      return null;
    } catch (IllegalAccessException | InvocationTargetException | RuntimeException e) {
      throw new IllegalStateException("cannot look into " + lambda.getClass(), e);
    }
  }

  private void lambda(CanonicalHasher into, Object lambda, String path) {
    SerializedLambda form = serialized(lambda);
    if (form == null) {
      throw refuse(
          path
              + " is a lambda of "
              + lambda.getClass().getName().replaceFirst("\\$\\$Lambda.*", "")
              + " that is not serializable; cast it to a serializable interface");
    }
    Class<?> host = lambda.getClass().getNestHost();
    if (fields.isFollowed(host) && !graph.files.isSame(host)) {
      throw refuse(
          path
              + " is a lambda of a "
              + host.getName()
              + " of another class loader than the session's");
    }
    into.tag('F').putInt(form.getImplMethodKind());
    graph.classRef(into, form.getFunctionalInterfaceClass());
    into.putString(form.getFunctionalInterfaceMethodName());
    graph.type(into, Type.getMethodType(form.getFunctionalInterfaceMethodSignature()));
    graph.type(into, Type.getMethodType(form.getInstantiatedMethodType()));
    graph.checks.implementedByLambda(form.getFunctionalInterfaceClass());
    graph.reads.lambda(form);
    graph.methodRef(
        into, form.getImplClass(), form.getImplMethodName(), form.getImplMethodSignature(), path);
    if (form.getImplMethodKind() == Opcodes.H_NEWINVOKESPECIAL) {
      graph.instantiate(form.getImplClass());
    } else {
      graph.initialize(form.getImplClass());
    }
    into.putInt(form.getCapturedArgCount());
    for (int i = 0; i < form.getCapturedArgCount(); i++) {
      CanonicalHasher captured = new CanonicalHasher();
      String name = capturedName(form, i, path);
      encode(captured, form.getCapturedArg(i), name);
      byte[] digest = captured.digest();
      into.putBytes(digest);
      if (!graph.isUnordered()) {
        graph.part(name, digest);
      }
    }
  }

  /** The variable, as the code calls it; of a wrapper of Spark's that which it wraps. */
  private String capturedName(SerializedLambda form, int i, String path) {
    if (!graph.files.isApplication(form.getImplClass())) {
      return path;
    }
    boolean bound = form.getImplMethodKind() != Opcodes.H_INVOKESTATIC;
    int parameter = bound ? i - 1 : i;
    String variable =
        parameter < 0
            ? "this"
            : graph
                .files
                .read(form.getImplClass())
                .parameterName(form.getImplMethodName(), form.getImplMethodSignature(), parameter)
                .orElse("captured" + i);
    return path + "." + variable;
  }

  // ---- objects of application classes

  private void object(CanonicalHasher into, Object object, String path) {
    Class<?> type = object.getClass();
    String name = Type.getInternalName(type);
    ClassFiles.Origin origin = graph.files.origin(name);
    boolean known = origin == ClassFiles.Origin.APPLICATION || origin == ClassFiles.Origin.LIBRARY;
    if (!known) {
      throw refuse(
          path
              + " is a "
              + type.getName()
              + ", which has no stable encoding; "
              + PlainValues.cure(type));
    }
    if (accepted.add(type) && !graph.files.isSame(type)) {
      throw refuse(
          path + " is a " + type.getName() + " of another class loader than the session's");
    }
    if (!shared) {
      fields.checkSerialization(type, path);
    }
    into.tag('o');
    graph.classRef(into, name);
    graph.instantiate(name);
    if (shared) {
      graph.checks.share(name);
    } else if (heldClasses.add(name)) {
      graph.checks.hold(name);
    }
    if (graph.isUnordered()) {
      for (ObjectFields.Slot slot : fields.of(type, path, shared)) {
        field(into, object, slot, path);
      }
    } else {
      into.putInt(objects.size());
      objects.add(new Held(object, objects.size(), path, shared, new HashSet<>()));
    }
  }

  /** True if a field of a held object was encoded that had not been before. */
  boolean encodeReadFields() {
    boolean any = false;
    for (int i = 0; i < objects.size(); i++) {
      Held held = objects.get(i);
      boolean before = shared;
      shared = held.shared;
      try {
        for (ObjectFields.Slot slot : fields.of(held.object.getClass(), held.path, shared)) {
          if (graph.isRead(slot.owner(), slot.declared().name()) && held.done.add(slot.key())) {
            CanonicalHasher local = new CanonicalHasher().putInt(held.id);
            field(local, held.object, slot, held.path);
            byte[] digest = local.digest();
            graph.global().tag('V').putBytes(digest);
            graph.part(held.path + "." + StableNames.ofField(slot.declared().name()), digest);
            any = true;
          }
        }
      } finally {
        shared = before;
      }
    }
    return any;
  }

  private void field(CanonicalHasher into, Object object, ObjectFields.Slot slot, String path) {
    ClassFile.Field declared = slot.declared();
    String place = path + "." + declared.name();
    graph.fieldRef(into, slot.owner(), declared.name(), declared.desc());
    Set<String> writers = graph.files.read(slot.owner()).writers(declared.name());
    if (writers.stream().anyMatch(ClassFile::isLazyInitializer)) {
      into.tag('z');
      lazyField = place;
      if (!declared.name().startsWith("bitmap$")) {
        Object value = read(object, slot, place);
        if (value == null && shared) {
          value = LazyValues.ask(graph, object, declared, place);
        }
        if (!LazyValues.check(graph, slot.owner(), declared, value, place, shared)) {
          lazyUnseen = place;
        }
      }
      return;
    }
    if (declared.isTransient() && !shared) {
      into.tag('t');
      return;
    }
    boolean initializedByTrait =
        !writers.isEmpty() && writers.stream().allMatch(CapturedValues::isTraitInitializer);
    if (!declared.isFinal() && !initializedByTrait) {
      if (shared) {
        throw refuse(
            place
                + " is shared by the whole JVM and is a field that is not final, so anybody may"
                + " assign it; make it final (a val)");
      }
      mutable(place);
    }
    if (shared && declared.isFinal() && LibraryObjects.isDeclared(graph.files, declared)) {
      LibraryObjects.check(graph, slot.owner(), declared, place, "<clinit>");
      into.tag('L');
      return;
    }
    encode(into, read(object, slot, place), place);
  }

  /**
   * A val of a Scala trait is assigned by the trait's initializer, so its field cannot be final.
   */
  private static boolean isTraitInitializer(String method) {
    return method.contains("$_setter_$");
  }

  private @Nullable Object read(Object object, ObjectFields.Slot slot, String path) {
    try {
      slot.field().setAccessible(true);
      return slot.field().get(object);
    } catch (IllegalAccessException | RuntimeException e) {
      throw refuse(path + " cannot be read: " + e);
    }
  }

  /** A lazy val may have been computed before something changed that it was computed from. */
  void checkLazyFields() {
    if (lazyField != null && mutableAt != null) {
      throw refuse(
          lazyField
              + " is lazy, and "
              + mutableAt
              + " beside it can change: which value a task gets cannot be told; make it a val");
    }
  }
}
