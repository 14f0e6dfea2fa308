// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.Externalizable;
import java.io.Serializable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.xbean.asm9.Type;

/**
 * Which fields of an object of a followed class a task gets: those that Java serialization writes,
 * of an object that the whole JVM shares all.
 */
final class ObjectFields {
  /** Superclasses whose fields are all set by the code of the class, which is in the hash. */
  private static final Set<String> FROM_CODE = Set.of("java.lang.Enum", "scala.Enumeration");

  private final CodeGraph graph;
  private final CapturedValues values;
  private final Set<Class<?>> serializable = new HashSet<>();
  private final Map<Class<?>, List<Slot>> slots = new HashMap<>();
  private final Map<Class<?>, List<Slot>> sharedSlots = new HashMap<>();

  ObjectFields(CodeGraph graph, CapturedValues values) {
    this.graph = graph;
    this.values = values;
  }

  /** A task must get the value that is encoded here. */
  void checkSerialization(Class<?> type, String path) {
    if (!serializable.add(type)) {
      return;
    }
    if (!Serializable.class.isAssignableFrom(type)) {
      throw values.refuse(path + " is a " + type.getName() + ", which is not serializable");
    }
    if (Externalizable.class.isAssignableFrom(type)) {
      throw customSerialization(type, "writeExternal", path);
    }
    boolean module = graph.files.read(Type.getInternalName(type)).field("MODULE$") != null;
    for (Class<?> c = type; c != null && isFollowed(c); c = c.getSuperclass()) {
      for (Method method : c.getDeclaredMethods()) {
        boolean hook =
            switch (method.getName()) {
              case "writeObject", "readObject", "readObjectNoData", "readResolve" -> true;
              case "writeReplace" -> !module;
              default -> false;
            };
        if (hook && !method.isBridge() && !method.isSynthetic()) {
          throw customSerialization(c, method.getName(), path);
        }
      }
    }
  }

  private RefusedException customSerialization(Class<?> type, String method, String path) {
    return values.refuse(
        path
            + " is a "
            + type.getName()
            + ", which serializes itself by "
            + method
            + ", so what a task gets may not be what is here; capture plain values instead");
  }

  /** One instance field, with the class that declares it. */
  record Slot(String owner, ClassFile.Field declared, Field field) {
    String key() {
      return owner + "." + declared.name();
    }
  }

  boolean isFollowed(Class<?> type) {
    ClassFiles.Origin origin = graph.files.origin(Type.getInternalName(type));
    return origin == ClassFiles.Origin.APPLICATION || origin == ClassFiles.Origin.LIBRARY;
  }

  /** The fields that travel to a task, superclasses last, in an order that names do not move. */
  List<Slot> of(Class<?> type, String path, boolean shared) {
    Map<Class<?>, List<Slot>> known = shared ? sharedSlots : slots;
    List<Slot> found = known.get(type);
    if (found == null) {
      found = find(type, path, shared);
      known.put(type, found);
    }
    return found;
  }

  private List<Slot> find(Class<?> type, String path, boolean shared) {
    List<Slot> slots = new ArrayList<>();
    for (Class<?> c = type; c != null && c != Object.class; c = c.getSuperclass()) {
      if (!isFollowed(c)) {
        for (Field field : c.getDeclaredFields()) {
          if (!Modifier.isStatic(field.getModifiers()) && !FROM_CODE.contains(c.getName())) {
            throw values.refuse(
                path
                    + " is a "
                    + type.getName()
                    + ", which inherits state from "
                    + c.getName()
                    + "; hold that as a value instead");
          }
        }
        continue;
      }
      boolean travels = shared || Serializable.class.isAssignableFrom(c);
      if (!travels) {
        String constructor = Type.getInternalName(c);
        if (graph.files.isApplication(constructor)) {
          graph.methodRef(new CanonicalHasher(), constructor, "<init>", "()V", path);
        }
        continue;
      }
      String owner = Type.getInternalName(c);
      Map<String, Field> byName = new HashMap<>();
      for (Field field : c.getDeclaredFields()) {
        byName.put(field.getName(), field);
      }
      for (ClassFile.Field declared : graph.files.read(owner).fields()) {
        Field field = byName.get(declared.name());
        if (!declared.isStatic() && field != null) {
          slots.add(new Slot(owner, declared, field));
        }
      }
    }
    return slots;
  }
}
