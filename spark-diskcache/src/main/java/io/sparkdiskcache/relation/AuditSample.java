// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.store.Key;
import java.util.SplittableRandom;

/**
 * Which hits of a relation are audited: drawn anew for each relation of each application, and then
 * fixed, because a relation is looked up more than once before it is read.
 */
final class AuditSample {
  private static final int DIGITS_OF_A_LONG = 16;

  private final double fraction;
  private final long seed;

  AuditSample(double fraction) {
    this(fraction, new SplittableRandom().nextLong());
  }

  AuditSample(double fraction, long seed) {
    this.fraction = fraction;
    this.seed = seed;
  }

  boolean contains(Key key) {
    return fraction > 0
        && new SplittableRandom(
                    seed ^ Long.parseUnsignedLong(key.hex().substring(0, DIGITS_OF_A_LONG), 16))
                .nextDouble()
            < fraction;
  }
}
