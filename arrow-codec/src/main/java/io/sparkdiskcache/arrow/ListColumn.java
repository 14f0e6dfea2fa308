// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Arrays. */
@Internal
public final class ListColumn extends MappedColumn {
  private final long offsets;
  private final MappedColumn elements;

  ListColumn(Slots slots, long offsets, MappedColumn elements) {
    super(slots);
    this.offsets = offsets;
    this.elements = elements;
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable ColumnarArray getArray(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    long at = offsets + ((long) rowId << 2);
    int start = Platform.getInt(null, at);
    return new ColumnarArray(elements, start, Platform.getInt(null, at + Integer.BYTES) - start);
  }

  /** The elements of all arrays. */
  @Override
  public ColumnVector getChild(int ordinal) {
    return elements;
  }
}
