// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/**
 * What a memoised function returned once.
 *
 * @param value encoded, see docs/memo.md; never changed
 * @param created milliseconds since the epoch
 * @param expires milliseconds since the epoch; {@link #NEVER} if it does not
 * @param nanos what the call took
 * @param price what the call cost, in the user's unit
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record MemoResult(byte[] value, long created, long expires, long nanos, double price) {
  public static final long NEVER = Long.MAX_VALUE;
}
