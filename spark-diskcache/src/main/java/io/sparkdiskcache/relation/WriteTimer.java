// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Tells the time of computing rows from that of writing them, although the two take turns. One
 * append in {@value #STRIDE} is timed and stands for the others: a clock read for every row would
 * cost as much as some rows do, and the stride shares no factor with the length of a batch, so that
 * the appends that flush one are met as often as they should be.
 */
final class WriteTimer {
  private static final int STRIDE = 7;

  private final LongSupplier clock;
  private final long start;
  private long rows;
  private long samples;
  private long sampled;
  private long rowsDone;
  private long end;

  WriteTimer() {
    this(System::nanoTime);
  }

  /**
   * @param clock in nanoseconds, never 0
   */
  WriteTimer(LongSupplier clock) {
    this.clock = clock;
    this.start = clock.getAsLong();
  }

  /**
   * Now if this row is timed, else 0.
   *
   * @param row counted from 0
   */
  long beforeRow(long row) {
    rows = row + 1;
    return row % STRIDE == 0 ? clock.getAsLong() : 0;
  }

  /** Now: of batches of rows every one is timed. */
  long beforeBatch() {
    rows++;
    return clock.getAsLong();
  }

  void afterRow(long before) {
    if (before != 0) {
      sampled += clock.getAsLong() - before;
      samples++;
    }
  }

  void endOfRows() {
    rowsDone = clock.getAsLong();
  }

  void end() {
    end = clock.getAsLong();
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
    long estimate = samples == 0 ? 0 : (long) ((double) sampled * rows / samples);
    return Math.min(rowsDone - start, estimate);
  }
}
