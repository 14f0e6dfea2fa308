// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Shorts, or bytes in which all of them fit. */
@Internal
public final class ShortColumn extends MappedColumn {
  private final long data;
  private final int width;

  ShortColumn(Slots slots, long data, int width) {
    super(slots);
    this.data = data;
    this.width = width;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(slots, ArrowViews.integers(width), Kind.INT16, data);
  }

  @Override
  public short getShort(int rowId) {
    return width == Short.BYTES
        ? Platform.getShort(null, data + ((long) rowId << 1))
        : Platform.getByte(null, data + rowId);
  }

  @Override
  public short[] getShorts(int rowId, int count) {
    short[] values = new short[count];
    if (width != Short.BYTES) {
      for (int i = 0; i < count; i++) {
        values[i] = getShort(rowId + i);
      }
      return values;
    }
    Platform.copyMemory(
        null,
        data + ((long) rowId << 1),
        values,
        Platform.SHORT_ARRAY_OFFSET,
        (long) count * Short.BYTES);
    return values;
  }
}
