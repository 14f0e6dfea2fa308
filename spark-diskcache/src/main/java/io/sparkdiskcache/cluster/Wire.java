// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import java.lang.reflect.Constructor;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * Messages and answers as types of the JDK, because Spark's RPC layer does not see classes that
 * came by {@code spark.jars}. A record is an array of its name and its components, a constant an
 * array of its name and its own; lists and maps hold such values, all else is what it is. Nothing
 * is made of it but records and constants of this package.
 */
final class Wire {
  private static final String PACKAGE = Wire.class.getPackageName() + ".";

  private Wire() {}

  static Object encode(Object value) {
    if (value instanceof Record message) {
      RecordComponent[] components = message.getClass().getRecordComponents();
      Object[] encoded = new Object[components.length + 1];
      encoded[0] = name(message.getClass());
      for (int i = 0; i < components.length; i++) {
        encoded[i + 1] = encode(component(message, components[i]));
      }
      return encoded;
    }
    if (value instanceof Enum<?> constant) {
      return new Object[] {name(constant.getDeclaringClass()), constant.name()};
    }
    return each(value, Wire::encode);
  }

  static Object decode(Object value) {
    if (value instanceof Object[] encoded) {
      return decode((String) encoded[0], Arrays.copyOfRange(encoded, 1, encoded.length));
    }
    return each(value, Wire::decode);
  }

  /** A list or map with each of its values changed; all else as it is. */
  private static Object each(Object value, UnaryOperator<Object> change) {
    if (value instanceof List<?> list) {
      List<Object> changed = new ArrayList<>(list.size());
      list.forEach(element -> changed.add(change.apply(element)));
      return changed;
    }
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> changed = map instanceof SortedMap ? new TreeMap<>() : new HashMap<>();
      map.forEach((key, of) -> changed.put(key, change.apply(of)));
      return changed;
    }
    return value;
  }

  private static Object decode(String name, Object[] content) {
    try {
      Class<?> type = Class.forName(PACKAGE + name, true, Wire.class.getClassLoader());
      if (type.isEnum()) {
        for (Object constant : type.getEnumConstants()) {
          if (((Enum<?>) constant).name().equals(content[0])) {
            return constant;
          }
        }
      } else if (type.isRecord()) {
        Object[] values = Arrays.stream(content).map(Wire::decode).toArray();
        return constructor(type).newInstance(values);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("Cannot decode a message: " + name, e);
    }
    throw new IllegalArgumentException("Cannot decode a message: " + name + " is none");
  }

  private static Constructor<?> constructor(Class<?> type) throws NoSuchMethodException {
    Class<?>[] types =
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    Constructor<?> canonical = type.getDeclaredConstructor(types);
    canonical.setAccessible(true);
    return canonical;
  }

  private static Object component(Record message, RecordComponent component) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(message);
    } catch (ReflectiveOperationException e) {
      throw new IllegalArgumentException("Cannot encode a message: " + message, e);
    }
  }

  private static String name(Class<?> type) {
    if (!type.getName().startsWith(PACKAGE)) {
      throw new IllegalArgumentException("Cannot encode a message: " + type + " is none");
    }
    return type.getName().substring(PACKAGE.length());
  }
}
