// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.Platform;

/** Shorts. */
public final class ShortColumn extends MappedColumn {
  private final long data;

  ShortColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  public short getShort(int rowId) {
    return Platform.getShort(null, data + ((long) rowId << 1));
  }

  @Override
  public short[] getShorts(int rowId, int count) {
    short[] values = new short[count];
    Platform.copyMemory(
        null,
        data + ((long) rowId << 1),
        values,
        Platform.SHORT_ARRAY_OFFSET,
        (long) count * Short.BYTES);
    return values;
  }
}
