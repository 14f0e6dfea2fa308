// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Binaries, and the bytes of geometries and geographies. */
@Internal
public final class BinaryColumn extends ViewableColumn {
  private final long offsets;
  private final byte @Nullable [] base; // what data is an offset in; null if it is an address
  private final long data;

  BinaryColumn(Slots slots, long offsets, byte @Nullable [] base, long data) {
    super(slots);
    this.offsets = offsets;
    this.base = base;
    this.data = data;
  }

  @Override
  ArrowViews.Buffers arrow() {
    return ArrowViews.Buffers.bytes(slots, offsets, base, data);
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public byte @Nullable [] getBinary(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    int start = offset(rowId);
    byte[] value = new byte[offset(rowId + 1) - start];
    Platform.copyMemory(base, data + start, value, Platform.BYTE_ARRAY_OFFSET, value.length);
    return value;
  }

  @Override
  byte @Nullable [] base() {
    return base;
  }

  @Override
  long data() {
    return data;
  }

  @Override
  int offset(int rowId) {
    return Platform.getInt(null, offsets + ((long) rowId << 2));
  }
}
