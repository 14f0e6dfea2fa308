// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

/** Who decides how much memory an entry may take that is in no file. */
public interface MemoryGrant {
  /** Whether so many bytes more may be taken; if so they are counted. */
  boolean take(long bytes);
}
