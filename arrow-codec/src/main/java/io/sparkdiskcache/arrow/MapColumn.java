// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Maps. */
@Internal
public final class MapColumn extends MappedColumn {
  private final long offsets;
  private final MappedColumn keys;
  private final MappedColumn values;

  MapColumn(Slots slots, long offsets, MappedColumn keys, MappedColumn values) {
    super(slots);
    this.offsets = offsets;
    this.keys = keys;
    this.values = values;
  }

  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable ColumnarMap getMap(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    long at = offsets + ((long) rowId << 2);
    int start = Platform.getInt(null, at);
    int length = Platform.getInt(null, at + Integer.BYTES) - start;
    return new ColumnarMap(keys, values, start, length);
  }

  /** The keys of all maps, then their values. */
  @Override
  public ColumnVector getChild(int ordinal) {
    return ordinal == 0 ? keys : values;
  }
}
