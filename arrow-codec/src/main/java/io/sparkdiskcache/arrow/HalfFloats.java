// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Floating-point numbers of 16 bits: IEEE 754 binary16 and bfloat16, the upper half of a float.
 * Conversions round to nearest, ties to even, once: also those from double. Infinities, both zeros
 * and subnormals stay what they are; what is too large becomes infinite, every NaN {@link
 * #HALF_NAN} or {@link #BFLOAT_NAN}, because sign and payload would depend on the processor.
 *
 * <p>From Java 20 on the JVM has instructions for binary16. They are reached through constant
 * method handles, which the compiler folds away; on Java 17 the handles are those of the routines
 * below, whose results are the same.
 */
final class HalfFloats {
  static final short HALF_NAN = 0x7e00;
  static final short BFLOAT_NAN = 0x7fc0;

  private static final MethodHandle HALF_TO_FLOAT =
      intrinsic("float16ToFloat", "halfToFloatInJava", float.class, short.class);
  private static final MethodHandle FLOAT_TO_HALF =
      intrinsic("floatToFloat16", "floatToHalfInJava", short.class, float.class);

  private static final int SIGN = 0x8000_0000;
  private static final int FLOAT_INFINITY = 0x7f80_0000;
  private static final int HALF_INFINITY = 0x7c00;

  /** Significand bits that a float has and a half has not. */
  private static final int LOST_BITS = 13;

  /** 2^16 as a float: beyond all halves. */
  private static final int TOO_LARGE = 0x4780_0000;

  /** 2^-14 as a float: the smallest normal half. */
  private static final int SMALLEST_NORMAL = 0x3880_0000;

  /** How much larger a float's exponent is biased, in place; and as a factor. */
  private static final int REBIAS = 112 << 23;

  private static final float REBIAS_FACTOR = 0x1p112f;

  /** Its last bit is worth as much as a half's: adding it rounds there. */
  private static final float ROUNDS_SUBNORMALS = 0.5f;

  private HalfFloats() {}

  static float halfToFloat(short half) {
    try {
      return (float) HALF_TO_FLOAT.invokeExact(half);
    } catch (Throwable e) {
      throw new AssertionError("a conversion throws nothing", e);
    }
  }

  static short floatToHalf(float value) {
    try {
      short half = (short) FLOAT_TO_HALF.invokeExact(value);
      return Float.isNaN(value) ? HALF_NAN : half;
    } catch (Throwable e) {
      throw new AssertionError("a conversion throws nothing", e);
    }
  }

  static short doubleToHalf(double value) {
    return floatToHalf(roundToOdd(value));
  }

  static float bfloatToFloat(short bfloat) {
    return Float.intBitsToFloat(bfloat << 16);
  }

  static short floatToBfloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
    return Float.isNaN(value) ? BFLOAT_NAN : (short) rounded;
  }

  static short doubleToBfloat(double value) {
    return floatToBfloat(roundToOdd(value));
  }

  /**
   * The float next to the value towards zero, its last bit set if the value is no float: rounding
   * it once more, to fewer bits, gives what rounding the value would give.
   */
  private static float roundToOdd(double value) {
    float nearest = (float) value;
    if (nearest == value || Double.isNaN(value)) {
      return nearest;
    }
    int bits = Float.floatToRawIntBits(nearest);
    int towardsZero = Math.abs((double) nearest) > Math.abs(value) ? bits - 1 : bits;
    return Float.intBitsToFloat(towardsZero | 1);
  }

  static float halfToFloatInJava(short half) {
    int magnitude = half & 0x7fff;
    // The product is exact, for subnormals too; infinity and NaN only lack the rest of an exponent.
    int bits =
        Float.floatToRawIntBits(Float.intBitsToFloat(magnitude << LOST_BITS) * REBIAS_FACTOR);
    int special = magnitude >= HALF_INFINITY ? FLOAT_INFINITY : 0;
    return Float.intBitsToFloat(bits | special | ((half << 16) & SIGN));
  }

  static short floatToHalfInJava(float value) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & ~SIGN;
    int half;
    if (magnitude >= TOO_LARGE) {
      half = magnitude > FLOAT_INFINITY ? HALF_NAN : HALF_INFINITY;
    } else if (magnitude < SMALLEST_NORMAL) {
      half =
          Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + ROUNDS_SUBNORMALS)
              - Float.floatToRawIntBits(ROUNDS_SUBNORMALS);
    } else {
      int odd = (magnitude >>> LOST_BITS) & 1;
      half = (magnitude - REBIAS + (1 << (LOST_BITS - 1)) - 1 + odd) >>> LOST_BITS;
    }
    return (short) (half | (bits >>> 16 & 0x8000));
  }

  private static MethodHandle intrinsic(
      String ofTheJvm, String inJava, Class<?> result, Class<?> argument) {
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    MethodType type = MethodType.methodType(result, argument);
    try {
      return lookup.findStatic(Float.class, ofTheJvm, type);
    } catch (NoSuchMethodException e) {
      try {
        return lookup.findStatic(HalfFloats.class, inJava, type);
      } catch (ReflectiveOperationException missing) {
        throw new ExceptionInInitializerError(missing);
      }
    } catch (IllegalAccessException e) {
      throw new ExceptionInInitializerError(e);
    }
  }
}
