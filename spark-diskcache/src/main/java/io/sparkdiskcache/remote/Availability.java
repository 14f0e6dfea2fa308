// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Counts failures, and after some in a row says that the remote system is to be left alone for a
 * while: twice as long each time, until it answers again. The first failure is logged, and the
 * first time that it is left alone.
 */
final class Availability {
  private static final Logger log = LoggerFactory.getLogger(RemoteTier.class);
  private static final int FAILURES = 3;
  private static final long FIRST_PAUSE = TimeUnit.SECONDS.toNanos(30);
  private static final long LONGEST_PAUSE = TimeUnit.MINUTES.toNanos(10);

  private final String directory;
  private final Counters counters;
  private int inARow;
  private long pause = FIRST_PAUSE;
  private long pausedAt;
  private boolean isPaused;
  private boolean saidFailure;
  private boolean saidPause;

  Availability(String directory, Counters counters) {
    this.directory = directory;
    this.counters = counters;
  }

  /** Whether to ask now. */
  synchronized boolean isAvailable() {
    if (isPaused && System.nanoTime() - pausedAt >= pause) {
      isPaused = false;
      pause = Math.min(2 * pause, LONGEST_PAUSE);
      inARow = FAILURES - 1; // one more failure is enough
    }
    return !isPaused;
  }

  synchronized void succeeded() {
    inARow = 0;
    pause = FIRST_PAUSE;
  }

  synchronized void failed(String problem, Throwable cause) {
    counters.failures.increment();
    if (!saidFailure) {
      saidFailure = true;
      log.warn(
          "{}: {}. Jobs go on without it; further failures are counted and not logged. Check {} and who may write there.",
          problem,
          cause.toString(),
          directory,
          cause);
    }
    if (++inARow >= FAILURES && !isPaused) {
      isPaused = true;
      pausedAt = System.nanoTime();
      if (!saidPause) {
        saidPause = true;
        log.warn(
            "The remote tier {} is left alone for {} s after {} failures, and longer if they go on.",
            directory,
            TimeUnit.NANOSECONDS.toSeconds(pause),
            inARow);
      }
    }
  }
}
