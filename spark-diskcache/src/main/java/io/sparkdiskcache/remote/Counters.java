// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import java.util.concurrent.atomic.LongAdder;

/** The write side of {@link RemoteStats}. */
final class Counters {
  final LongAdder hits = new LongAdder();
  final LongAdder misses = new LongAdder();
  final LongAdder damaged = new LongAdder();
  final LongAdder uploads = new LongAdder();
  final LongAdder dropped = new LongAdder();
  final LongAdder failures = new LongAdder();

  RemoteStats snapshot() {
    return new RemoteStats(
        hits.sum(), misses.sum(), damaged.sum(), uploads.sum(), dropped.sum(), failures.sum());
  }
}
