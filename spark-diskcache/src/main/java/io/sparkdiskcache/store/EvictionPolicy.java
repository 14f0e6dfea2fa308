// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * Which entries go first when room is needed. A policy is a function of what the index keeps of
 * every entry anyway, so that it can be changed on an existing cache.
 */
@Internal
public enum EvictionPolicy {
  /**
   * Least computing time saved per byte and time kept: hyperbolic caching (Blankstein, Sen,
   * Freedman, USENIX ATC 2017) with the seconds an entry saves as its cost. An entry that was used
   * often but not lately ages, and no counter has to be decayed.
   */
  COST {
    @Override
    double worth(Usage use, long nowMillis) {
      double saved = (use.hits + 1.0) * (use.computeNanos + 1.0);
      return saved / ((use.bytes + 1.0) * (nowMillis - use.createdMillis + GRACE_MILLIS));
    }
  },
  /** Least recently used. */
  LRU {
    @Override
    double worth(Usage use, long nowMillis) {
      return use.accessMillis;
    }
  },
  /** Least frequently used; among equals the least recently used. */
  LFU {
    @Override
    double worth(Usage use, long nowMillis) {
      return use.hits;
    }
  },
  /** Oldest, whether used or not. */
  OLDEST {
    @Override
    double worth(Usage use, long nowMillis) {
      return use.createdMillis;
    }
  },
  /** Nothing is evicted for room: what does not fit is not stored. */
  NONE {
    @Override
    double worth(Usage use, long nowMillis) {
      throw new IllegalStateException("nothing is evicted for room under this policy");
    }
  };

  /** A new entry's first seconds must not count as high frequency. */
  private static final long GRACE_MILLIS = 60_000;

  /**
   * Facts about an entry, or a set as a whole.
   *
   * @param accessMillis of the last use, or of its writing
   */
  public record Usage(
      long bytes, long computeNanos, long createdMillis, long accessMillis, long hits) {}

  /** The least goes first. */
  abstract double worth(Usage use, long nowMillis);

  /** Negative if the first is to go before the second. */
  public int compare(Usage a, Usage b, long nowMillis) {
    int byWorth = Double.compare(worth(a, nowMillis), worth(b, nowMillis));
    return byWorth != 0 ? byWorth : Long.compare(a.accessMillis, b.accessMillis);
  }
}
