// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.time.Duration;

/**
 * A line of the ledger: one function, version and tag on one day (UTC).
 *
 * @param day as in 2026-11-23
 * @param calls of the user's function that returned
 * @param hits rows that were answered without a call
 * @param errors attempts at a call that failed, those that were tried again included
 * @param unkept results that could not be kept, or had arguments without a key
 * @param spent time in calls
 * @param saved time that the calls of the results took which were hit
 * @param paid money spent, in the user's unit
 * @param notPaid money that the results cost once which were hit
 */
public record MemoUse(
    String day,
    String name,
    String version,
    String tag,
    long calls,
    long hits,
    long errors,
    long unkept,
    Duration spent,
    Duration saved,
    double paid,
    double notPaid) {}
