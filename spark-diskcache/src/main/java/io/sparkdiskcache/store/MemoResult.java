// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.time.Instant;
import java.util.Optional;

/**
 * A value that a memoised function returned once.
 *
 * @param value encoded, see docs/design/format-memo.md; never changed
 * @param created milliseconds since the epoch
 * @param expires milliseconds since the epoch; {@link #NEVER} if it does not
 * @param nanos what the call took
 * @param price what the call cost, in the user's unit
 */
@Internal
@SuppressWarnings("ArrayRecordComponent") // never compared
public record MemoResult(byte[] value, long created, long expires, long nanos, double price) {
  public static final long NEVER = Long.MAX_VALUE;

  /** When a result that is said to expire at a number of milliseconds does so, if ever. */
  static Optional<Instant> expiry(long expires) {
    return expires == NEVER ? Optional.empty() : Optional.of(Instant.ofEpochMilli(expires));
  }
}
