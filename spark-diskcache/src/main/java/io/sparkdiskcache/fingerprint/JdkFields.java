// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Field;
import org.jspecify.annotations.Nullable;

/** Fields of the JDK's and Scala's own objects that have no accessor. */
final class JdkFields {
  private JdkFields() {}

  /**
   * The value of the first field of this name, from the object's class upwards; null if there is
   * none.
   *
   * @throws IllegalStateException if the JVM does not open the package; Spark's own options do
   */
  static @Nullable Object find(Object object, String name) {
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      for (Field field : c.getDeclaredFields()) {
        if (field.getName().equals(name)) {
          try {
            field.setAccessible(true);
            return field.get(object);
          } catch (IllegalAccessException | RuntimeException e) {
            throw new IllegalStateException(
                "cannot read "
                    + c.getName()
                    + "."
                    + name
                    + "; start the JVM with Spark's own --add-opens options",
                e);
          }
        }
      }
    }
    return null;
  }
}
