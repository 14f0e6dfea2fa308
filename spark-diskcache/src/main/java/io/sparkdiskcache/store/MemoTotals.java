// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.time.Duration;
import java.util.List;

/**
 * Memoised functions of a cache directory together, since it was made; {@link MemoUse} has them one
 * by one.
 *
 * @param calls of users' functions that returned
 * @param hits rows that were answered without a call
 * @param errors calls that failed for good
 * @param unkept results that could not be kept
 * @param savedMillis time that the calls of the results took which were hit
 * @param paid money spent, in the users' unit
 * @param notPaid money that the results cost once which were hit
 */
public record MemoTotals(
    long calls,
    long hits,
    long errors,
    long unkept,
    long savedMillis,
    double paid,
    double notPaid) {
  /** Where nothing has been memoised. */
  public static final MemoTotals NONE = new MemoTotals(0, 0, 0, 0, 0, 0, 0);

  /** The sum of a ledger. */
  public static MemoTotals of(List<MemoUse> ledger) {
    return new MemoTotals(
        ledger.stream().mapToLong(MemoUse::calls).sum(),
        ledger.stream().mapToLong(MemoUse::hits).sum(),
        ledger.stream().mapToLong(MemoUse::errors).sum(),
        ledger.stream().mapToLong(MemoUse::unkept).sum(),
        ledger.stream().map(MemoUse::saved).mapToLong(Duration::toMillis).sum(),
        ledger.stream().mapToDouble(MemoUse::paid).sum(),
        ledger.stream().mapToDouble(MemoUse::notPaid).sum());
  }
}
