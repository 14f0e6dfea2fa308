// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/** The write side of {@link StoreStats}. */
final class Counters {
  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();
  final LongAdder published = new LongAdder();
  final LongAdder duplicatesDiscarded = new LongAdder();
  final LongAdder missingFiles = new LongAdder();
  final LongAdder quarantined = new LongAdder();
  final LongAdder reindexed = new LongAdder();
  final LongAdder errors = new LongAdder();
  private final Map<EvictionCause, LongAdder> evicted = new EnumMap<>(EvictionCause.class);

  Counters() {
    for (EvictionCause cause : EvictionCause.values()) {
      evicted.put(cause, new LongAdder());
    }
  }

  void evicted(EvictionCause cause, long entries) {
    evicted.getOrDefault(cause, new LongAdder()).add(entries);
  }

  private long evicted(EvictionCause cause) {
    return evicted.getOrDefault(cause, new LongAdder()).sum();
  }

  StoreStats snapshot(Totals totals) {
    return new StoreStats(
        hits.sum(),
        misses.sum(),
        published.sum(),
        duplicatesDiscarded.sum(),
        evicted(EvictionCause.LIMIT),
        evicted(EvictionCause.FREE_SPACE),
        evicted(EvictionCause.TAG_LIMIT),
        evicted(EvictionCause.EXPIRED),
        evicted(EvictionCause.FILE_CHANGED),
        evicted(EvictionCause.REQUEST),
        evicted(EvictionCause.REPLACED),
        evicted(EvictionCause.UNFINISHED),
        missingFiles.sum(),
        quarantined.sum(),
        reindexed.sum(),
        errors.sum(),
        totals.entries(),
        totals.bytes(),
        totals.sets(),
        totals.unindexedFiles(),
        totals.unindexedBytes());
  }
}
