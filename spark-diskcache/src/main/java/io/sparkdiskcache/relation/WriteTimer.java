// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.time.Duration;

/**
 * Tells the time of computing rows from that of writing them, although the two take turns. One
 * append in {@value #STRIDE} is timed and stands for the others: a clock read for every row would
 * cost as much as some rows do, and the stride shares no factor with the length of a batch, so that
 * the appends that flush one are met as often as they should be.
 */
final class WriteTimer {
  private static final int STRIDE = 7;

  private final long start = System.nanoTime();
  private long sampled;
  private long rowsDone;
  private long end;

  /** Now if this row is timed, else 0. */
  long beforeRow(long row) {
    return row % STRIDE == 0 ? System.nanoTime() : 0;
  }

  void afterRow(long before) {
    if (before != 0) {
      sampled += System.nanoTime() - before;
    }
  }

  void endOfRows() {
    rowsDone = System.nanoTime();
  }

  void end() {
    end = System.nanoTime();
  }

  /** All rows without their appends; never negative, the appends are estimated. */
  Duration computing() {
    return Duration.ofNanos(Math.max(0, rowsDone - start - appends()));
  }

  /** Appends and, once known, what it takes to finish the file. */
  Duration writing() {
    return Duration.ofNanos(appends() + (end == 0 ? 0 : end - rowsDone));
  }

  private long appends() {
    return Math.min(rowsDone - start, sampled * STRIDE);
  }
}
