// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/** Strings of any collation; what is returned points into the mapping. */
public final class StringColumn extends MappedColumn {
  private final long offsets;
  private final long data;

  StringColumn(Slots slots, long offsets, long data) {
    super(slots);
    this.offsets = offsets;
    this.data = data;
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable UTF8String getUTF8String(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    long at = offsets + ((long) rowId << 2);
    int start = Platform.getInt(null, at);
    int end = Platform.getInt(null, at + Integer.BYTES);
    return UTF8String.fromAddress(null, data + start, end - start);
  }
}
