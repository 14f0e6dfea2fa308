// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WriteTimerTest {
  private static final int BATCH = 1024;
  private static final long COMPUTE = 1000;
  private static final long APPEND = 100;
  private static final long FLUSH = 200_000;
  private static final long FINISH = 3_000_000;

  private long now = 5;

  /** The length of an append; every {@value #BATCH}th writes a batch. */
  private static long append(long row) {
    return row % BATCH == BATCH - 1 ? FLUSH : APPEND;
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 3, 6, 100, 100_000, 1_000_000})
  void splitIsThatOfTheRows(long rows) {
    WriteTimer timer = new WriteTimer(() -> now);
    long appends = 0;
    for (long row = 0; row < rows; row++) {
      now += COMPUTE;
      long before = timer.beforeRow(row);
      now += append(row);
      appends += append(row);
      timer.afterRow(before);
    }
    timer.endOfRows();
    assertThat(timer.writing().toNanos())
        .as("before the file is finished")
        .isCloseTo(appends, Percentage.withPercentage(4));
    now += FINISH;
    timer.end();
    assertThat(timer.computing().toNanos()).isCloseTo(rows * COMPUTE, Percentage.withPercentage(4));
    assertThat(timer.writing().toNanos()).isCloseTo(appends + FINISH, Percentage.withPercentage(4));
    assertThat(timer.computing().plus(timer.writing())).isEqualTo(Duration.ofNanos(now - 5));
  }

  /** Few batches make a unit: each counts as it was. */
  @Test
  void everyBatchIsTimed() {
    WriteTimer timer = new WriteTimer(() -> now);
    long appends = 0;
    for (int batch = 1; batch <= 5; batch++) {
      now += COMPUTE;
      long before = timer.beforeBatch();
      now += batch * APPEND;
      appends += batch * APPEND;
      timer.afterRow(before);
    }
    timer.endOfRows();
    timer.end();
    assertThat(timer.writing().toNanos()).isEqualTo(appends);
    assertThat(timer.computing().toNanos()).isEqualTo(5 * COMPUTE);
  }

  /** The appends that are timed may by chance be the slow ones. */
  @Test
  void computingIsNeverNegative() {
    WriteTimer timer = new WriteTimer(() -> now);
    for (long row = 0; row < 70; row++) {
      long before = timer.beforeRow(row);
      now += before == 0 ? 1 : APPEND;
      timer.afterRow(before);
    }
    timer.endOfRows();
    timer.end();
    assertThat(timer.computing()).isZero();
    assertThat(timer.writing()).isEqualTo(Duration.ofNanos(now - 5));
  }

  @Test
  void twoClockReadsForSevenRows() {
    long[] reads = {0};
    WriteTimer timer = new WriteTimer(() -> 1 + reads[0]++);
    for (long row = 0; row < 700; row++) {
      timer.afterRow(timer.beforeRow(row));
    }
    timer.endOfRows();
    timer.end();
    assertThat(reads[0]).isEqualTo(1 + 200 + 2);
  }
}
