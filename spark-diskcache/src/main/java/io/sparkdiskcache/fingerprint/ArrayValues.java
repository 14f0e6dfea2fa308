// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Array;
import org.apache.xbean.asm9.Type;

/** Encodes arrays: their type, and every element bit by bit. */
final class ArrayValues {
  private ArrayValues() {}

  static void encode(
      CodeGraph graph, CapturedValues values, CanonicalHasher into, Object array, String path) {
    int length = Array.getLength(array);
    into.tag('a').putInt(length);
    graph.type(into, Type.getType(array.getClass()));
    String element = path + "[]";
    if (array.getClass().getComponentType().isPrimitive()) {
      values.spend(8L * length, path);
    }
    if (array instanceof byte[] of) {
      into.putBytes(of);
    } else if (array instanceof int[] of) {
      for (int value : of) {
        into.putInt(value);
      }
    } else if (array instanceof long[] of) {
      for (long value : of) {
        into.putLong(value);
      }
    } else if (array instanceof double[] of) {
      for (double value : of) {
        into.putLong(Double.doubleToRawLongBits(value));
      }
    } else if (array instanceof float[] of) {
      for (float value : of) {
        into.putInt(Float.floatToRawIntBits(value));
      }
    } else if (array instanceof char[] of) {
      for (char value : of) {
        into.putInt(value);
      }
    } else if (array instanceof short[] of) {
      for (short value : of) {
        into.putInt(value);
      }
    } else if (array instanceof boolean[] of) {
      for (boolean value : of) {
        into.putBoolean(value);
      }
    } else {
      for (int i = 0; i < length; i++) {
        values.encode(into, Array.get(array, i), element);
      }
    }
  }
}
