// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;

/** A column of type void: nothing but nulls, and no memory. */
@Internal
public final class NullColumn extends MappedColumn {
  NullColumn(Slots slots) {
    super(slots);
  }

  @Override
  public boolean isNullAt(int rowId) {
    return true;
  }
}
