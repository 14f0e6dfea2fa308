// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.unsafe.types.BinaryView;
import org.jspecify.annotations.Nullable;

/** Hands out views of binaries. */
abstract class ViewableColumn extends MappedColumn {
  ViewableColumn(Slots slots) {
    super(slots);
  }

  abstract byte @Nullable [] base();

  abstract long data();

  abstract int offset(int rowId);

  /** Points into the mapping, or to what was decompressed. */
  @Override
  @SuppressWarnings("NullAway") // null for null is what Spark asks for; its class is unannotated
  public @Nullable BinaryView getBinaryView(int rowId) {
    if (isNullAt(rowId)) {
      return null;
    }
    int start = offset(rowId);
    return BinaryView.fromAddress(base(), data() + start, offset(rowId + 1) - start);
  }
}
