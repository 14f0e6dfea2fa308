// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.CharType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.VarcharType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/**
 * Statistics of every batch of an entry, kept as they lie in the file and decoded a batch at a
 * time.
 *
 * <p>For each batch and column, big endian: null count (int), what its values take in Spark's own
 * cache, see {@link SparkSizes} (long) and, where {@link #hasBounds}, one byte that says whether
 * bounds follow: two booleans, two longs for every integer type, two doubles for both floating
 * types, two 128-bit numbers for decimals, two strings with a 16-bit length. Bounds are absent when
 * all values are null or a string is long; readers must not take absence for "no row matches". See
 * {@link BatchFilter}.
 */
final class EntryStats {
  /** Bytes of a string that is still kept as a bound. */
  static final int MAX_STRING_BOUND = 256;

  /** Values of a column in Spark's row of statistics: bounds, null count, row count, bytes. */
  static final int VALUES = 5;

  private static final int UTF8_BINARY = 0;

  private final List<ColumnLayout> columns;
  private final ByteBuffer bytes;
  private final int[] rows;
  private final int[] starts;
  private final long dataBytes;

  private EntryStats(
      List<ColumnLayout> columns, ByteBuffer bytes, int[] rows, int[] starts, long dataBytes) {
    this.dataBytes = dataBytes;
    this.columns = columns;
    this.bytes = bytes;
    this.rows = rows;
    this.starts = starts;
  }

  /** Statistics that do not describe the batches they came with. */
  static final class InvalidStatsException extends Exception {
    private static final long serialVersionUID = 1L;

    InvalidStatsException(String message) {
      super(message);
    }
  }

  /**
   * Whether minimum and maximum are kept: for numbers, dates and times, booleans, and strings that
   * compare by their bytes. Never for strings whose collation or padding changes comparisons.
   */
  static boolean hasBounds(DataType type) {
    ColumnLayout.Kind kind = ColumnLayout.kindOf(type);
    if (kind == null) {
      return false;
    }
    return switch (kind) {
      case BOOLEAN, INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, DECIMAL -> true;
      case STRING ->
          ((StringType) type).collationId() == UTF8_BINARY
              && !(type instanceof CharType)
              && !(type instanceof VarcharType);
      default -> false;
    };
  }

  /** Checks everything that {@link #row} will decode. */
  static EntryStats parse(String encoded, ColumnLayout.Batch layout, List<BatchBuffers> batches)
      throws InvalidStatsException {
    ByteBuffer bytes;
    try {
      bytes = ByteBuffer.wrap(Base64.getDecoder().decode(encoded));
    } catch (IllegalArgumentException e) {
      throw new InvalidStatsException(String.valueOf(e.getMessage()));
    }
    int[] rows = new int[batches.size()];
    int[] starts = new int[batches.size()];
    long dataBytes = 0;
    try {
      for (int i = 0; i < rows.length; i++) {
        rows[i] = batches.get(i).rows();
        starts[i] = bytes.position();
        for (ColumnLayout column : layout.columns()) {
          int nulls = bytes.getInt();
          if (nulls != batches.get(i).nullCount(column)) {
            throw new InvalidStatsException("null count " + nulls + " in batch " + i);
          }
          long size = bytes.getLong();
          if (size < 0) {
            throw new InvalidStatsException("size " + size + " in batch " + i);
          }
          dataBytes = Math.addExact(dataBytes, size);
          readBounds(column.type, bytes);
        }
      }
    } catch (BufferUnderflowException e) {
      throw new InvalidStatsException("they end early");
    } catch (ArithmeticException e) {
      throw new InvalidStatsException("sizes add up to more than is possible");
    }
    if (bytes.hasRemaining()) {
      throw new InvalidStatsException(bytes.remaining() + " bytes too many");
    }
    return new EntryStats(layout.columns(), bytes, rows, starts, dataBytes);
  }

  /** The bytes of all values by the count of Spark's own cache. */
  long dataBytes() {
    return dataBytes;
  }

  /** Spark's row of statistics of a batch: {@link #VALUES} values per column. */
  InternalRow row(int batch) {
    ByteBuffer in = bytes.duplicate().position(starts[batch]);
    @Nullable Object[] values = new @Nullable Object[VALUES * columns.size()];
    int at = 0;
    for (ColumnLayout column : columns) {
      values[at + 2] = in.getInt();
      values[at + 3] = rows[batch];
      values[at + 4] = in.getLong();
      Object[] bounds = checkedBounds(column.type, in);
      if (bounds != null) {
        values[at] = bounds[0];
        values[at + 1] = bounds[1];
      }
      at += VALUES;
    }
    return new GenericInternalRow(values);
  }

  private static Object @Nullable [] checkedBounds(DataType type, ByteBuffer in) {
    try {
      return readBounds(type, in);
    } catch (InvalidStatsException e) {
      throw new IllegalStateException("Statistics changed after they were checked", e);
    }
  }

  private static Object @Nullable [] readBounds(DataType type, ByteBuffer in)
      throws InvalidStatsException {
    if (!hasBounds(type) || !readFlag(in)) {
      return null;
    }
    return new Object[] {readBound(type, in), readBound(type, in)};
  }

  private static Object readBound(DataType type, ByteBuffer in) throws InvalidStatsException {
    ColumnLayout.Kind kind = ColumnLayout.kindOf(type);
    if (kind == null) {
      throw new InvalidStatsException("no bounds of type " + type);
    }
    return switch (kind) {
      case BOOLEAN -> readFlag(in);
      case INT8 -> (byte) readInteger(in, Byte.MIN_VALUE, Byte.MAX_VALUE);
      case INT16 -> (short) readInteger(in, Short.MIN_VALUE, Short.MAX_VALUE);
      case INT32 -> (int) readInteger(in, Integer.MIN_VALUE, Integer.MAX_VALUE);
      case INT64 -> in.getLong();
      case FLOAT32 -> (float) in.getDouble();
      case FLOAT64 -> in.getDouble();
      case DECIMAL -> readDecimal(in, (DecimalType) type);
      case STRING -> readString(in);
      default -> throw new InvalidStatsException("no bounds of type " + type);
    };
  }

  private static boolean readFlag(ByteBuffer in) throws InvalidStatsException {
    byte flag = in.get();
    if (flag != 0 && flag != 1) {
      throw new InvalidStatsException("flag " + flag);
    }
    return flag == 1;
  }

  private static long readInteger(ByteBuffer in, long min, long max) throws InvalidStatsException {
    long value = in.getLong();
    if (value < min || value > max) {
      throw new InvalidStatsException("bound " + value);
    }
    return value;
  }

  private static Decimal readDecimal(ByteBuffer in, DecimalType type) throws InvalidStatsException {
    byte[] unscaled = new byte[2 * Long.BYTES];
    in.get(unscaled);
    BigDecimal value = new BigDecimal(new BigInteger(unscaled), type.scale());
    if (value.precision() > type.precision()) {
      throw new InvalidStatsException("bound " + value);
    }
    return Decimal.apply(value, type.precision(), type.scale());
  }

  private static UTF8String readString(ByteBuffer in) throws InvalidStatsException {
    int length = in.getShort();
    if (length < 0 || length > MAX_STRING_BOUND) {
      throw new InvalidStatsException("bound of " + length + " bytes");
    }
    byte[] utf8 = new byte[length];
    in.get(utf8);
    return UTF8String.fromBytes(utf8);
  }
}
