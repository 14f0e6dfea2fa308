// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Floats, bit for bit. */
@Internal
public final class FloatColumn extends MappedColumn {
  private final long data;

  FloatColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(slots, Kind.FLOAT32, Kind.FLOAT32, data);
  }

  @Override
  public float getFloat(int rowId) {
    return Platform.getFloat(null, data + ((long) rowId << 2));
  }

  @Override
  public float[] getFloats(int rowId, int count) {
    float[] values = new float[count];
    Platform.copyMemory(
        null,
        data + ((long) rowId << 2),
        values,
        Platform.FLOAT_ARRAY_OFFSET,
        (long) count * Float.BYTES);
    return values;
  }
}
