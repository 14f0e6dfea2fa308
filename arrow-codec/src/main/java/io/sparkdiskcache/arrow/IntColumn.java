// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Ints, dates and year-month intervals; ints also in fewer bytes. */
@Internal
public final class IntColumn extends MappedColumn {
  private final long data;
  private final int width;

  IntColumn(Slots slots, long data, int width) {
    super(slots);
    this.data = data;
    this.width = width;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(slots, ArrowViews.integers(width), Kind.INT32, data);
  }

  @Override
  public int getInt(int rowId) {
    return switch (width) {
      case Integer.BYTES -> Platform.getInt(null, data + ((long) rowId << 2));
      case Short.BYTES -> Platform.getShort(null, data + ((long) rowId << 1));
      default -> Platform.getByte(null, data + rowId);
    };
  }

  @Override
  public int[] getInts(int rowId, int count) {
    int[] values = new int[count];
    if (width != Integer.BYTES) {
      for (int i = 0; i < count; i++) {
        values[i] = getInt(rowId + i);
      }
      return values;
    }
    Platform.copyMemory(
        null,
        data + ((long) rowId << 2),
        values,
        Platform.INT_ARRAY_OFFSET,
        (long) count * Integer.BYTES);
    return values;
  }
}
