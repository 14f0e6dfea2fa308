// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoResult;
import org.jspecify.annotations.Nullable;

/**
 * A result at hand.
 *
 * @param value as the function returned it, or decoded; not to be changed
 */
record Known(@Nullable Object value, MemoResult result) {
  private static final int OVERHEAD = 200; // bytes of the objects around a value

  long weight() {
    return OVERHEAD + 2L * result.value().length;
  }
}
