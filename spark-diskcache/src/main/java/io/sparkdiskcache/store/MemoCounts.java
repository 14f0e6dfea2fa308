// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.concurrent.atomic.LongAdder;

/** Counters of one function, version and tag in this process: the write side of the ledger. */
@Internal
public final class MemoCounts {
  private final LongAdder calls = new LongAdder();
  private final LongAdder hits = new LongAdder();
  private final LongAdder errors = new LongAdder();
  private final LongAdder unkept = new LongAdder();
  private final LongAdder nanosSpent = new LongAdder();
  private final LongAdder nanosSaved = new LongAdder();
  private final DoubleAdder paid = new DoubleAdder();
  private final DoubleAdder notPaid = new DoubleAdder();

  MemoCounts() {}

  public void called(long nanos, double price) {
    calls.increment();
    nanosSpent.add(nanos);
    paid.add(price);
  }

  public void hit(MemoResult result) {
    hits.increment();
    nanosSaved.add(result.nanos());
    notPaid.add(result.price());
  }

  /** An attempt at a call. */
  public void failed(long nanos) {
    errors.increment();
    nanosSpent.add(nanos);
  }

  /** A result that could not be kept. */
  public void unkept() {
    unkept.increment();
  }

  Sums sums() {
    return new Sums(
        calls.sum(),
        hits.sum(),
        errors.sum(),
        unkept.sum(),
        nanosSpent.sum(),
        nanosSaved.sum(),
        paid.sum(),
        notPaid.sum());
  }

  /** Of one moment. */
  record Sums(
      long calls,
      long hits,
      long errors,
      long unkept,
      long nanosSpent,
      long nanosSaved,
      double paid,
      double notPaid) {
    static final Sums NONE = new Sums(0, 0, 0, 0, 0, 0, 0, 0);

    Sums minus(Sums earlier) {
      return new Sums(
          calls - earlier.calls,
          hits - earlier.hits,
          errors - earlier.errors,
          unkept - earlier.unkept,
          nanosSpent - earlier.nanosSpent,
          nanosSaved - earlier.nanosSaved,
          paid - earlier.paid,
          notPaid - earlier.notPaid);
    }
  }
}
