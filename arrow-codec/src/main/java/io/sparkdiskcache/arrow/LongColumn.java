// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Longs, timestamps, times of day and day-time intervals; longs also in fewer bytes. */
@Internal
public final class LongColumn extends MappedColumn {
  private final long data;
  private final int width;

  LongColumn(Slots slots, long data, int width) {
    super(slots);
    this.data = data;
    this.width = width;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(slots, ArrowViews.integers(width), Kind.INT64, data);
  }

  @Override
  public long getLong(int rowId) {
    return switch (width) {
      case Long.BYTES -> Platform.getLong(null, data + ((long) rowId << 3));
      case Integer.BYTES -> Platform.getInt(null, data + ((long) rowId << 2));
      case Short.BYTES -> Platform.getShort(null, data + ((long) rowId << 1));
      default -> Platform.getByte(null, data + rowId);
    };
  }

  @Override
  public long[] getLongs(int rowId, int count) {
    long[] values = new long[count];
    if (width != Long.BYTES) {
      for (int i = 0; i < count; i++) {
        values[i] = getLong(rowId + i);
      }
      return values;
    }
    Platform.copyMemory(
        null,
        data + ((long) rowId << 3),
        values,
        Platform.LONG_ARRAY_OFFSET,
        (long) count * Long.BYTES);
    return values;
  }
}
