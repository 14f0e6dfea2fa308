// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.jspecify.annotations.Nullable;

/** Spark has no views of binaries. */
abstract class ViewableColumn extends MappedColumn {
  ViewableColumn(Slots slots) {
    super(slots);
  }

  abstract byte @Nullable [] base();

  abstract long data();

  abstract int offset(int rowId);
}
