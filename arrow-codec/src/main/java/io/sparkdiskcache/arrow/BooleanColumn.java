// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.unsafe.Platform;

/** Booleans, one bit each. */
@Internal
public final class BooleanColumn extends MappedColumn {
  private final long bits;

  BooleanColumn(Slots slots, long bits) {
    super(slots);
    this.bits = bits;
  }

  @Override
  ArrowViews.Buffers arrow() {
    return ArrowViews.Buffers.bits(slots, bits);
  }

  @Override
  public boolean getBoolean(int rowId) {
    return (Platform.getByte(null, bits + (rowId >> 3)) >> (rowId & 7) & 1) != 0;
  }
}
