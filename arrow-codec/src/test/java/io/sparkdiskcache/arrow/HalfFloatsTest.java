// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against decimal arithmetic: every number of 16 bits and every place where rounding turns. */
final class HalfFloatsTest {
  private static final int CODES = 1 << 16;

  /** A format of 16 bits, by definition and as converted here. */
  enum Format {
    BINARY16(10, 15, HalfFloats.HALF_NAN) {
      @Override
      float toFloat(short code) {
        return HalfFloats.halfToFloat(code);
      }

      @Override
      short of(float value) {
        return HalfFloats.floatToHalf(value);
      }

      @Override
      short of(double value) {
        return HalfFloats.doubleToHalf(value);
      }
    },
    BINARY16_IN_JAVA(10, 15, HalfFloats.HALF_NAN) {
      @Override
      float toFloat(short code) {
        return HalfFloats.halfToFloatInJava(code);
      }

      @Override
      short of(float value) {
        short code = HalfFloats.floatToHalfInJava(value);
        return Float.isNaN(value) ? (short) (code & 0x7fff) : code;
      }

      @Override
      short of(double value) {
        return HalfFloats.doubleToHalf(value);
      }
    },
    BFLOAT16(7, 127, HalfFloats.BFLOAT_NAN) {
      @Override
      float toFloat(short code) {
        return HalfFloats.bfloatToFloat(code);
      }

      @Override
      short of(float value) {
        return HalfFloats.floatToBfloat(value);
      }

      @Override
      short of(double value) {
        return HalfFloats.doubleToBfloat(value);
      }
    };

    final int significandBits;
    final int bias;
    final short nan;

    Format(int significandBits, int bias, short nan) {
      this.significandBits = significandBits;
      this.bias = bias;
      this.nan = nan;
    }

    abstract float toFloat(short code);

    abstract short of(float value);

    abstract short of(double value);

    int infinity() {
      return 0x7fff >> significandBits << significandBits;
    }

    /** The value of a positive code by the standard; of infinity, what would follow the largest. */
    BigDecimal value(int code) {
      int exponent = code >> significandBits;
      int significand = code & ((1 << significandBits) - 1);
      int units = exponent == 0 ? significand : significand + (1 << significandBits);
      int scale = Math.max(exponent, 1) - bias - significandBits;
      BigDecimal two = BigDecimal.valueOf(2);
      return scale >= 0
          ? two.pow(scale).multiply(BigDecimal.valueOf(units))
          : BigDecimal.valueOf(units).divide(two.pow(-scale));
    }

    /** The nearest code by search; of two as near, the even one. */
    short nearest(double value) {
      if (Double.isNaN(value)) {
        return nan;
      }
      int sign = Double.doubleToRawLongBits(value) < 0 ? 0x8000 : 0;
      if (Double.isInfinite(value)) {
        return (short) (sign | infinity());
      }
      BigDecimal wanted = new BigDecimal(value).abs();
      int low = 0;
      int high = infinity();
      while (high - low > 1) {
        int middle = (low + high) >>> 1;
        if (value(middle).compareTo(wanted) <= 0) {
          low = middle;
        } else {
          high = middle;
        }
      }
      int nearer =
          wanted.subtract(value(low)).compareTo(value(high).subtract(wanted).max(BigDecimal.ZERO));
      int code = nearer < 0 || (nearer == 0 && (low & 1) == 0) ? low : high;
      return (short) (sign | code);
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyCodeMeansWhatTheStandardSays(Format format) {
    for (int i = 0; i < CODES; i++) {
      int magnitude = i & 0x7fff;
      float value = format.toFloat((short) i);
      if (magnitude > format.infinity()) {
        assertThat(value).as("code %04x", i).isNaN();
      } else {
        double wanted =
            magnitude == format.infinity()
                ? Double.POSITIVE_INFINITY
                : format.value(magnitude).doubleValue();
        float signed = (float) (i == magnitude ? wanted : -wanted);
        assertThat(Float.floatToRawIntBits(value))
            .as("code %04x", i)
            .isEqualTo(Float.floatToRawIntBits(signed));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyCodeComesBack(Format format) {
    for (int i = 0; i < CODES; i++) {
      float value = format.toFloat((short) i);
      short wanted = Float.isNaN(value) ? format.nan : (short) i;
      assertThat(format.of(value)).as("code %04x", i).isEqualTo(wanted);
      assertThat(format.of((double) value)).as("code %04x", i).isEqualTo(wanted);
    }
  }

  /** Between each two neighbours, up to infinity: the middle, and the numbers beside it. */
  @ParameterizedTest
  @EnumSource
  void everyBoundaryRoundsToTheNearestAndTiesToEven(Format format) {
    for (int code = 0; code < format.infinity(); code++) {
      double middle =
          format
              .value(code)
              .add(format.value(code + 1))
              .divide(BigDecimal.valueOf(2))
              .doubleValue();
      short even = (short) (code + (code & 1));
      assertThat(format.of(middle)).as("above code %04x", code).isEqualTo(even);
      assertThat(format.of(-middle)).isEqualTo((short) (even | 0x8000));
      assertThat(format.of(Math.nextDown(middle))).isEqualTo((short) code);
      assertThat(format.of(Math.nextUp(middle))).isEqualTo((short) (code + 1));
      float asFloat = (float) middle;
      if (asFloat == middle) {
        assertThat(format.of(asFloat)).as("above code %04x", code).isEqualTo(even);
        assertThat(format.of(-asFloat)).isEqualTo((short) (even | 0x8000));
        assertThat(format.of(Math.nextDown(asFloat))).isEqualTo((short) code);
        assertThat(format.of(Math.nextUp(asFloat))).isEqualTo((short) (code + 1));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void otherNumbersRoundAsDecimalArithmeticDoes(Format format) {
    long seed = System.nanoTime();
    System.out.println("HalfFloatsTest: seed " + seed);
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 2_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      assertThat(format.of(value)).as("%s, seed %s", value, seed).isEqualTo(format.nearest(value));
      double any = Double.longBitsToDouble(random.nextLong());
      double close = value * (1 + random.nextDouble() * 1e-7);
      for (double wide : new double[] {any, close, value + Math.ulp((double) value)}) {
        assertThat(format.of(wide)).as("%s, seed %s", wide, seed).isEqualTo(format.nearest(wide));
      }
    }
  }

  @Test
  void everyNanIsTheSame() {
    for (int payload : new int[] {0x7f800001, 0x7fc00000, 0xffc00001, 0xff812345, -1}) {
      float value = Float.intBitsToFloat(payload);
      assertThat(HalfFloats.floatToHalf(value)).isEqualTo(HalfFloats.HALF_NAN);
      assertThat(HalfFloats.floatToBfloat(value)).isEqualTo(HalfFloats.BFLOAT_NAN);
    }
    for (long payload : new long[] {0x7ff0000000000001L, 0xfff8000000000001L, -1L}) {
      double value = Double.longBitsToDouble(payload);
      assertThat(HalfFloats.doubleToHalf(value)).isEqualTo(HalfFloats.HALF_NAN);
      assertThat(HalfFloats.doubleToBfloat(value)).isEqualTo(HalfFloats.BFLOAT_NAN);
    }
  }

  /** Extremes of double, which a float has already rounded away. */
  @Test
  void whatNoFloatHoldsIsRoundedOnceAndKeepsItsSign() {
    assertThat(HalfFloats.doubleToHalf(Double.MIN_VALUE)).isEqualTo((short) 0);
    assertThat(HalfFloats.doubleToHalf(-Double.MIN_VALUE)).isEqualTo((short) 0x8000);
    assertThat(HalfFloats.doubleToBfloat(-Double.MIN_VALUE)).isEqualTo((short) 0x8000);
    assertThat(HalfFloats.doubleToHalf(Double.MAX_VALUE)).isEqualTo((short) 0x7c00);
    assertThat(HalfFloats.doubleToBfloat(-Double.MAX_VALUE)).isEqualTo((short) 0xff80);
    double aboveATie = 1 + 0x1p-11 + 0x1p-40;
    assertThat(HalfFloats.floatToHalf((float) aboveATie))
        .as("rounded twice")
        .isEqualTo((short) 0x3c00);
    assertThat(HalfFloats.doubleToHalf(aboveATie)).as("rounded once").isEqualTo((short) 0x3c01);
  }
}
