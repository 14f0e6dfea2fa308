// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Doubles, bit for bit; as floats where every one is a float. */
@Internal
public final class DoubleColumn extends MappedColumn {
  private final long data;
  private final boolean areFloats;

  DoubleColumn(Slots slots, long data, boolean areFloats) {
    super(slots);
    this.data = data;
    this.areFloats = areFloats;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(
        slots, areFloats ? Kind.FLOAT32 : Kind.FLOAT64, Kind.FLOAT64, data);
  }

  @Override
  public double getDouble(int rowId) {
    return areFloats
        ? Platform.getFloat(null, data + ((long) rowId << 2))
        : Platform.getDouble(null, data + ((long) rowId << 3));
  }

  @Override
  public double[] getDoubles(int rowId, int count) {
    double[] values = new double[count];
    if (areFloats) {
      for (int i = 0; i < count; i++) {
        values[i] = getDouble(rowId + i);
      }
      return values;
    }
    Platform.copyMemory(
        null,
        data + ((long) rowId << 3),
        values,
        Platform.DOUBLE_ARRAY_OFFSET,
        (long) count * Double.BYTES);
    return values;
  }
}
