// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.io.UncheckedIOException;

/**
 * Messages and answers as bytes: Spark's RPC layer does not see classes that came by {@code
 * spark.jars}, and hands bytes through. Nothing is read but types of this package and values and
 * collections of the JDK.
 */
final class Wire {
  private static final ObjectInputFilter ONLY_MESSAGES =
      ObjectInputFilter.Config.createFilter(
          "io.sparkdiskcache.cluster.*;java.lang.*;java.util.*;!*");

  private Wire() {}

  static byte[] encode(Object message) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(message);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot encode " + message.getClass().getName(), e);
    }
    return bytes.toByteArray();
  }

  static Object decode(Object bytes) {
    try (ObjectInputStream in = new OwnClasses((byte[]) bytes)) {
      in.setObjectInputFilter(ONLY_MESSAGES);
      return in.readObject();
    } catch (IOException | ClassNotFoundException e) {
      throw new IllegalArgumentException("Cannot decode a message: " + e, e);
    }
  }

  private static final class OwnClasses extends ObjectInputStream {
    OwnClasses(byte[] bytes) throws IOException {
      super(new ByteArrayInputStream(bytes));
    }

    @Override
    protected Class<?> resolveClass(ObjectStreamClass of)
        throws IOException, ClassNotFoundException {
      return of.getName().startsWith(Wire.class.getPackageName())
          ? Class.forName(of.getName(), false, Wire.class.getClassLoader())
          : super.resolveClass(of);
    }
  }
}
