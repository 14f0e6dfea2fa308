// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.Platform;

/** Ints, dates and year-month intervals. */
public final class IntColumn extends MappedColumn {
  private final long data;

  IntColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  public int getInt(int rowId) {
    return Platform.getInt(null, data + ((long) rowId << 2));
  }

  @Override
  public int[] getInts(int rowId, int count) {
    int[] values = new int[count];
    Platform.copyMemory(
        null,
        data + ((long) rowId << 2),
        values,
        Platform.INT_ARRAY_OFFSET,
        (long) count * Integer.BYTES);
    return values;
  }
}
