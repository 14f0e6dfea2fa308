// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.Platform;

/** Doubles, bit for bit. */
public final class DoubleColumn extends MappedColumn {
  private final long data;

  DoubleColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  public double getDouble(int rowId) {
    return Platform.getDouble(null, data + ((long) rowId << 3));
  }

  @Override
  public double[] getDoubles(int rowId, int count) {
    double[] values = new double[count];
    Platform.copyMemory(
        null,
        data + ((long) rowId << 3),
        values,
        Platform.DOUBLE_ARRAY_OFFSET,
        (long) count * Double.BYTES);
    return values;
  }
}
