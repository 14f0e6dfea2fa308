// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.Locale;

/** How a floating-point column is kept. Constants are ordered from most to least exact. */
public enum Precision {
  /** Bit for bit. */
  EXACT,
  /** IEEE 754 binary32. */
  FLOAT32,
  /** IEEE 754 binary16: 11 significant bits, up to 65504. */
  FLOAT16,
  /** The upper half of a float: 8 significant bits, the range of a float. */
  BFLOAT16;

  /**
   * As users write it, in lower case.
   *
   * @throws IllegalArgumentException if it is none
   */
  public static Precision parse(String text) {
    return valueOf(text.strip().toUpperCase(Locale.ROOT));
  }

  /** The stored type of a column of floats or doubles. */
  ColumnLayout.Kind kind(ColumnLayout.Kind declared) {
    return switch (this) {
      case EXACT -> declared;
      case FLOAT32 -> ColumnLayout.Kind.FLOAT32;
      case FLOAT16 -> ColumnLayout.Kind.FLOAT16;
      case BFLOAT16 -> ColumnLayout.Kind.BFLOAT16;
    };
  }

  /** As users write it. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
