// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/**
 * Strings of any collation, one after the other or as numbers of a dictionary; what is returned
 * points into the mapping, or to what was decompressed.
 */
@Internal
public final class StringColumn extends MappedColumn {
  private final long offsets;
  private final byte @Nullable [] base; // what data is an offset in; null if it is an address
  private final long data;
  private final long indexes;

  /** Bytes of an index; 0 without a dictionary. */
  private final int indexWidth;

  StringColumn(Slots slots, long offsets, byte @Nullable [] base, long data) {
    this(slots, offsets, base, data, 0, 0);
  }

  StringColumn(
      Slots slots, long offsets, byte @Nullable [] base, long data, long indexes, int indexWidth) {
    super(slots);
    this.offsets = offsets;
    this.base = base;
    this.data = data;
    this.indexes = indexes;
    this.indexWidth = indexWidth;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return indexWidth == 0
        ? ArrowViews.Buffers.bytes(slots, offsets, base, data)
        : ArrowViews.Buffers.ofDictionary(slots, this, offsets, data);
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable UTF8String getUTF8String(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    long at = offsets + ((long) string(rowId) << 2);
    int start = Platform.getInt(null, at);
    int end = Platform.getInt(null, at + Integer.BYTES);
    return UTF8String.fromAddress(base, data + start, end - start);
  }

  /** Which of the strings a row has. */
  int string(int rowId) {
    return switch (indexWidth) {
      case 0 -> rowId;
      case Byte.BYTES -> Platform.getByte(null, indexes + rowId);
      case Short.BYTES -> Platform.getShort(null, indexes + ((long) rowId << 1)) & 0xffff;
      default -> Platform.getInt(null, indexes + ((long) rowId << 2));
    };
  }
}
