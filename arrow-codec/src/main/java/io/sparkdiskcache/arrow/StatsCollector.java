// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Statistics of the batches being written, one scan over the finished buffers of each column. Only
 * top-level columns have them, and bounds only where {@link EntryStats#hasBounds} says so.
 */
final class StatsCollector {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final DataOutputStream out = new DataOutputStream(bytes);
  private long dataBytes;

  /** Adds a batch; to be called before the writers are reset. */
  void add(List<ColumnWriter> columns) throws IOException {
    for (ColumnWriter column : columns) {
      boolean isNullType = column.layout.kind == ColumnLayout.Kind.NULL;
      out.writeInt(isNullType ? column.count() : column.nullCount());
      long size = SparkSizes.of(column);
      dataBytes += size;
      out.writeLong(size);
      if (EntryStats.hasBounds(column.layout.type)) {
        addBounds(column);
      }
    }
  }

  /** The bytes that all values so far take in Spark's own cache, see {@link SparkSizes}. */
  long dataBytes() {
    return dataBytes;
  }

  /** Everything so far, as {@link EntryStats} reads it. */
  String encoded() {
    return Base64.getEncoder().encodeToString(bytes.toByteArray());
  }

  private void addBounds(ColumnWriter column) throws IOException {
    if (column.nullCount() == column.count()) {
      out.writeBoolean(false);
      return;
    }
    if (column instanceof VariableWidthWriters.StringWriter strings) {
      addStringBounds(strings);
      return;
    }
    out.writeBoolean(true);
    if (column instanceof FixedWidthWriters.BooleanWriter booleans) {
      addBooleanBounds(booleans);
    } else {
      addFixedWidthBounds((FixedWidthWriters.FixedWidthWriter) column);
    }
  }

  private void addBooleanBounds(FixedWidthWriters.BooleanWriter column) throws IOException {
    boolean min = true;
    boolean max = false;
    for (int i = 0; i < column.count(); i++) {
      if (!column.isNull(i)) {
        min &= column.value(i);
        max |= column.value(i);
      }
    }
    out.writeBoolean(min);
    out.writeBoolean(max);
  }

  private void addFixedWidthBounds(FixedWidthWriters.FixedWidthWriter column) throws IOException {
    switch (column.layout.kind) {
      case INT8, INT16, INT32, INT64 -> addIntegerBounds(column);
      case FLOAT32, FLOAT64 -> addFloatingBounds(column);
      case DECIMAL -> addDecimalBounds(column);
      default -> throw new IllegalStateException("No bounds of " + column.layout.kind);
    }
  }

  private void addIntegerBounds(FixedWidthWriters.FixedWidthWriter column) throws IOException {
    long min = Long.MAX_VALUE;
    long max = Long.MIN_VALUE;
    for (int i = 0; i < column.count(); i++) {
      if (column.isNull(i)) {
        continue;
      }
      long at = column.address(i);
      long value =
          switch (column.width) {
            case 1 -> Platform.getByte(null, at);
            case 2 -> Platform.getShort(null, at);
            case 4 -> Platform.getInt(null, at);
            default -> Platform.getLong(null, at);
          };
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    out.writeLong(min);
    out.writeLong(max);
  }

  /** In SQL's order: both zeros are equal, NaN equals NaN and is above everything. */
  private void addFloatingBounds(FixedWidthWriters.FixedWidthWriter column) throws IOException {
    double min = Double.NaN;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < column.count(); i++) {
      if (column.isNull(i)) {
        continue;
      }
      long at = column.address(i);
      double value =
          column.width == Float.BYTES ? Platform.getFloat(null, at) : Platform.getDouble(null, at);
      if (Double.compare(value, min) < 0) {
        min = value;
      }
      if (Double.compare(value, max) > 0) {
        max = value;
      }
    }
    out.writeDouble(min);
    out.writeDouble(max);
  }

  private void addDecimalBounds(FixedWidthWriters.FixedWidthWriter column) throws IOException {
    long minHigh = Long.MAX_VALUE;
    long minLow = -1;
    long maxHigh = Long.MIN_VALUE;
    long maxLow = 0;
    for (int i = 0; i < column.count(); i++) {
      if (column.isNull(i)) {
        continue;
      }
      long low = Platform.getLong(null, column.address(i));
      long high = Platform.getLong(null, column.address(i) + Long.BYTES);
      if (compare(high, low, minHigh, minLow) < 0) {
        minHigh = high;
        minLow = low;
      }
      if (compare(high, low, maxHigh, maxLow) > 0) {
        maxHigh = high;
        maxLow = low;
      }
    }
    out.writeLong(minHigh);
    out.writeLong(minLow);
    out.writeLong(maxHigh);
    out.writeLong(maxLow);
  }

  private static int compare(long high, long low, long otherHigh, long otherLow) {
    return high == otherHigh ? Long.compareUnsigned(low, otherLow) : Long.compare(high, otherHigh);
  }

  /** In order of bytes. A long bound is left out, and with it the other. */
  private void addStringBounds(VariableWidthWriters.StringWriter column) throws IOException {
    UTF8String min = null;
    UTF8String max = null;
    for (int i = 0; i < column.count(); i++) {
      if (column.isNull(i)) {
        continue;
      }
      int start = column.offset(i);
      UTF8String value =
          UTF8String.fromAddress(null, column.dataAddress() + start, column.offset(i + 1) - start);
      if (min == null || value.binaryCompare(min) < 0) {
        min = value;
      }
      if (max == null || value.binaryCompare(max) > 0) {
        max = value;
      }
    }
    if (min == null
        || max == null
        || min.numBytes() > EntryStats.MAX_STRING_BOUND
        || max.numBytes() > EntryStats.MAX_STRING_BOUND) {
      out.writeBoolean(false);
      return;
    }
    out.writeBoolean(true);
    addString(min);
    addString(max);
  }

  private void addString(UTF8String bound) throws IOException {
    byte[] utf8 = bound.getBytes();
    out.writeShort(utf8.length);
    out.write(utf8);
  }
}
