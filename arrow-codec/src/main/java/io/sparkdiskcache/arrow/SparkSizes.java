// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.VariableWidthWriters.OffsetsWriter;
import java.math.BigInteger;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.unsafe.Platform;

/**
 * The bytes that the values of a column take by the count of Spark's own cache, whose statistics
 * decide on broadcasts: so many bytes for a value by its type, four for a null, and for nested
 * values those of an unsafe row.
 */
final class SparkSizes {
  private static final int NULL = 4;
  private static final int LENGTH = 4;
  private static final int WORD = 8;
  private static final int INTERVAL = 16;
  private static final int LARGE_DECIMAL = 16;

  private SparkSizes() {}

  /** Of all values of the batch being written. */
  static long of(ColumnWriter column) {
    long nulls = column.nullCount();
    long values = column.count() - nulls;
    return switch (column.layout.kind) {
      case NULL -> NULL * (long) column.count();
      case STRING, BINARY -> NULL * nulls + LENGTH * values + ((OffsetsWriter) column).end();
      case LIST, MAP -> NULL * nulls + nested(column);
      case STRUCT ->
          NULL * nulls
              + (column.layout.type instanceof CalendarIntervalType
                  ? INTERVAL * values
                  : column.layout.type instanceof VariantType
                      ? 2 * LENGTH * values + variantBytes(column, 0, column.count())
                      : nested(column));
      default -> NULL * nulls + values * fixedBytes(column.layout, Decimals.EIGHT_BYTES);
    };
  }

  private static long nested(ColumnWriter column) {
    long bytes = 0;
    for (int slot = 0; slot < column.count(); slot++) {
      if (!column.isNull(slot)) {
        bytes += LENGTH + unsafe(column, slot);
      }
    }
    return bytes;
  }

  /** Of a struct, array or map that is not null, in Spark's unsafe format. */
  private static long unsafe(ColumnWriter column, int slot) {
    if (column.layout.type instanceof StructType) {
      int fields = column.children().size();
      long bytes = bitmap(fields) + (long) WORD * fields;
      for (ColumnWriter field : column.children()) {
        bytes += inStruct(field, slot);
      }
      return bytes;
    }
    OffsetsWriter offsets = (OffsetsWriter) column;
    int from = offsets.offset(slot);
    int to = offsets.offset(slot + 1);
    ColumnWriter child = column.children().get(0);
    if (column.layout.type instanceof ArrayType) {
      return array(child, from, to);
    }
    if (column.layout.type instanceof MapType) {
      return WORD
          + array(child.children().get(0), from, to)
          + array(child.children().get(1), from, to);
    }
    throw new IllegalStateException("No unsafe format of " + column.layout.type);
  }

  private static long array(ColumnWriter element, int from, int to) {
    long n = (long) to - from;
    int width = fixedBytes(element.layout, Decimals.BY_PRECISION);
    long bytes = WORD + bitmap(n) + words(n * (width == 0 ? WORD : width));
    for (int slot = from; width == 0 && slot < to; slot++) {
      bytes += element.isNull(slot) ? 0 : beside(element, slot);
    }
    return bytes;
  }

  /**
   * The bytes that a field takes beside its word; some fields keep their room when they are null.
   */
  private static long inStruct(ColumnWriter field, int slot) {
    if (fixedBytes(field.layout, Decimals.BY_PRECISION) > 0
        || field.layout.kind == ColumnLayout.Kind.NULL) {
      return 0;
    }
    if (field.layout.kind == ColumnLayout.Kind.DECIMAL) {
      return LARGE_DECIMAL;
    }
    if (field.layout.type instanceof CalendarIntervalType) {
      return INTERVAL;
    }
    return field.isNull(slot) ? 0 : beside(field, slot);
  }

  private static long beside(ColumnWriter column, int slot) {
    return switch (column.layout.kind) {
      case NULL -> 0;
      case STRING, BINARY -> {
        OffsetsWriter bytes = (OffsetsWriter) column;
        yield words(bytes.offset(slot + 1) - bytes.offset(slot));
      }
      case DECIMAL -> words(decimalBytes((FixedWidthWriters.FixedWidthWriter) column, slot));
      default ->
          column.layout.type instanceof CalendarIntervalType
              ? INTERVAL
              : column.layout.type instanceof VariantType
                  ? words(LENGTH + variantBytes(column, slot, slot + 1))
                  : unsafe(column, slot);
    };
  }

  private static long variantBytes(ColumnWriter variant, int from, int to) {
    long bytes = 0;
    for (ColumnWriter part : variant.children()) {
      OffsetsWriter offsets = (OffsetsWriter) part;
      bytes += offsets.offset(to) - offsets.offset(from);
    }
    return bytes;
  }

  private static long decimalBytes(FixedWidthWriters.FixedWidthWriter column, int slot) {
    long at = column.address(slot);
    BigInteger unscaled =
        BigInteger.valueOf(Platform.getLong(null, at + Long.BYTES))
            .shiftLeft(Long.SIZE)
            .or(new BigInteger(Long.toUnsignedString(Platform.getLong(null, at))));
    return unscaled.bitLength() / Byte.SIZE + 1L;
  }

  /** As whom a decimal is counted. */
  private enum Decimals {
    EIGHT_BYTES,
    BY_PRECISION
  }

  /** 0 for what has no fixed width. */
  private static int fixedBytes(ColumnLayout layout, Decimals decimals) {
    return switch (layout.kind) {
      case BOOLEAN -> 1;
      case INT8, INT16, INT32, INT64, FLOAT32, FLOAT64 -> layout.kind.width;
      case DECIMAL ->
          decimals == Decimals.EIGHT_BYTES
                  || ((DecimalType) layout.type).precision() <= Decimal.MAX_LONG_DIGITS()
              ? WORD
              : 0;
      default -> 0;
    };
  }

  private static long bitmap(long bits) {
    return (bits + Long.SIZE - 1) / Long.SIZE * WORD;
  }

  private static long words(long bytes) {
    return (bytes + WORD - 1) / WORD * WORD;
  }
}
