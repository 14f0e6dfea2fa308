// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.sql.SQLException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Where failures that only cost a hit go: each is counted, the first of a kind and every 100th is
 * logged.
 */
final class Trouble {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final int LOG_EVERY = 100;

  private final Counters counters;
  private final Map<String, AtomicLong> seen = new ConcurrentHashMap<>();

  Trouble(Counters counters) {
    this.counters = counters;
  }

  /**
   * Does what costs at most a hit if it fails.
   *
   * @param problem see {@link #report}
   */
  void attempt(String problem, Background.Task work) {
    try {
      work.run();
    } catch (SQLException | IOException e) {
      report(problem, e);
    }
  }

  /**
   * @param problem one of a fixed set of phrases, "Cannot look up an entry"
   */
  void report(String problem, Throwable cause) {
    counters.errors.increment();
    long count = seen.computeIfAbsent(problem, p -> new AtomicLong()).incrementAndGet();
    if (count == 1 || count % LOG_EVERY == 0) {
      LOG.warn(
          "{} (occurrence {}): {}. The query goes on without the cache here",
          problem,
          count,
          cause.toString(),
          cause);
    }
  }
}
