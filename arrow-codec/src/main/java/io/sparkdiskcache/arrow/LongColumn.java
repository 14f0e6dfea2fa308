// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.Platform;

/** Longs, timestamps, times of day and day-time intervals. */
public final class LongColumn extends MappedColumn {
  private final long data;

  LongColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  public long getLong(int rowId) {
    return Platform.getLong(null, data + ((long) rowId << 3));
  }

  @Override
  public long[] getLongs(int rowId, int count) {
    long[] values = new long[count];
    Platform.copyMemory(
        null,
        data + ((long) rowId << 3),
        values,
        Platform.LONG_ARRAY_OFFSET,
        (long) count * Long.BYTES);
    return values;
  }
}
