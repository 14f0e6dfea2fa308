// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.concurrent.atomic.LongAdder;

/** The write side of {@link StoreStats}. */
final class Counters {
  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();
  final LongAdder published = new LongAdder();
  final LongAdder privateKept = new LongAdder();
  final LongAdder duplicatesDiscarded = new LongAdder();
  final LongAdder evictedForLimit = new LongAdder();
  final LongAdder evictedOnRequest = new LongAdder();
  final LongAdder evictedReplaced = new LongAdder();
  final LongAdder evictedUnfinished = new LongAdder();
  final LongAdder missingFiles = new LongAdder();
  final LongAdder quarantined = new LongAdder();
  final LongAdder errors = new LongAdder();

  StoreStats snapshot(Totals totals, long privateBytes) {
    return new StoreStats(
        hits.sum(),
        misses.sum(),
        published.sum(),
        privateKept.sum(),
        duplicatesDiscarded.sum(),
        evictedForLimit.sum(),
        evictedOnRequest.sum(),
        evictedReplaced.sum(),
        evictedUnfinished.sum(),
        missingFiles.sum(),
        quarantined.sum(),
        errors.sum(),
        totals.entries(),
        totals.bytes(),
        totals.sets(),
        privateBytes,
        totals.unindexedFiles(),
        totals.unindexedBytes());
  }
}
