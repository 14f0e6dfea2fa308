// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/** Lets calls start at equal intervals at the soonest, in the order in which they asked. */
final class Pace {
  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private final AtomicLong nextNanos;

  Pace(double callsPerSecond, LongSupplier nanoTime) {
    this.intervalNanos = (long) (TimeUnit.SECONDS.toNanos(1) / callsPerSecond);
    this.nanoTime = nanoTime;
    this.nextNanos = new AtomicLong(nanoTime.getAsLong());
  }

  /** Takes the next start; how long to wait for it. */
  long reserveNanos() {
    long now = nanoTime.getAsLong();
    long next = nextNanos.updateAndGet(last -> (last - now < 0 ? now : last) + intervalNanos);
    return Math.max(0, next - intervalNanos - now);
  }

  void await() throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(reserveNanos());
  }
}
