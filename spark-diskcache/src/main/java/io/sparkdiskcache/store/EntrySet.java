// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.time.Instant;
import java.util.List;

/**
 * All partitions of one generation: used whole or not at all.
 *
 * @param entries in partition order, 0 to n-1; empty for a relation of no partitions
 */
@Internal
public record EntrySet(
    Key setKey, Key generation, List<Entry> entries, SetMeta meta, Instant createdAt) {
  public EntrySet {
    entries = List.copyOf(entries);
  }

  /** Whether any of it was stored before. */
  public boolean isOlderThan(Instant limit) {
    return createdAt.isBefore(limit) || entries.stream().anyMatch(e -> e.isOlderThan(limit));
  }

  public long bytes() {
    return entries.stream().mapToLong(Entry::bytes).sum();
  }

  public long rows() {
    return entries.stream().mapToLong(Entry::rows).sum();
  }
}
