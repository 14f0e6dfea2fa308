// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;

/** Who decides how much memory an entry may take that is in no file. */
@Internal
public interface MemoryGrant {
  /** Whether so many bytes more may be taken; if so they are counted. */
  boolean take(long bytes);
}
