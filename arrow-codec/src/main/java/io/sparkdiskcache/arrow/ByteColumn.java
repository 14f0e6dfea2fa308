// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Bytes. */
@Internal
public final class ByteColumn extends MappedColumn {
  private final long data;

  ByteColumn(Slots slots, long data) {
    super(slots);
    this.data = data;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(slots, Kind.INT8, Kind.INT8, data);
  }

  @Override
  public byte getByte(int rowId) {
    return Platform.getByte(null, data + rowId);
  }

  @Override
  public byte[] getBytes(int rowId, int count) {
    byte[] values = new byte[count];
    Platform.copyMemory(null, data + rowId, values, Platform.BYTE_ARRAY_OFFSET, count);
    return values;
  }
}
