// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.time.Duration;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** How often executors ask their driver, by a simulated clock. */
class PollScheduleTest {
  private static final int EXECUTORS = 1000;
  private static final int SECONDS = 60;
  private static final int TICKS_PER_SECOND = 10;
  private static final String GENERATION = "ab".repeat(32);

  /** An executor on a host of its own, with a partition of the one set. */
  private static final class Executor {
    private final PollSchedule schedule = new PollSchedule();
    private final String directory;

    Executor(int number) {
      this.directory = "host-" + number + ":/cache";
    }
  }

  private final SetFills fills = new SetFills();
  private final Executor[] executors =
      IntStream.range(0, EXECUTORS).mapToObj(Executor::new).toArray(Executor[]::new);

  /** A set of which each executor has stored a partition, and one is missing. */
  private void fill() {
    fills.begin(
        new Key("cd".repeat(32)),
        new Key(GENERATION),
        EXECUTORS + 1,
        () -> new SetMeta("", Map.of()),
        () -> new byte[0],
        () -> true,
        meta -> {});
    for (int i = 0; i < EXECUTORS; i++) {
      assertThat(fills.mayStore(GENERATION, i, 0)).isTrue();
      assertThat(fills.stored(GENERATION, i, executors[i].directory))
          .isEqualTo(SetFills.Stored.COUNTED);
      executors[i].schedule.hurry();
    }
  }

  /** Messages a second. */
  private double messages() {
    long messages = 0;
    for (int tick = 0; tick < SECONDS * TICKS_PER_SECOND; tick++) {
      for (Executor executor : executors) {
        if (executor.schedule.tick() != PollSchedule.Due.NOTHING) {
          messages++;
          boolean filling = fills.isFilling(executor.directory);
          executor.schedule.answered(
              filling ? PollSchedule.ticks(EXECUTORS) : PollSchedule.IDLE,
              executor.schedule.hurries());
        }
      }
    }
    double each = (double) messages / SECONDS;
    System.out.printf("%d executors: %.0f messages a second%n", EXECUTORS, each);
    return each;
  }

  @Test
  void aThousandExecutorsThatFillASetAskTheirDriverAFewHundredTimesASecond() {
    fill();
    assertThat(fills.isFilling(executors[0].directory)).isTrue();
    assertThat(messages()).isBetween(200.0, 420.0);
  }

  @Test
  void whatIsCancelledStopsAsking() {
    fill();
    fills.active(GENERATION, false);
    assertThat(Stream.of(executors).noneMatch(e -> fills.isFilling(e.directory))).isTrue();
    assertThat(messages()).isBetween(199.0, 240.0); // as those that never filled anything
    fills.active(GENERATION, true);
    assertThat(fills.isFilling(executors[0].directory)).isTrue();
  }

  @Test
  void fewExecutorsAskEveryTick() {
    assertThat(PollSchedule.ticks(1)).isEqualTo(1);
    assertThat(PollSchedule.ticks(20)).isEqualTo(1);
    assertThat(PollSchedule.ticks(100)).isEqualTo(5);
    assertThat(PollSchedule.ticks(1_000_000)).isEqualTo(PollSchedule.LOOK_TICKS);
  }

  @Test
  void anAnswerToAnEarlierQuestionDoesNotEndAHurry() {
    PollSchedule schedule = new PollSchedule();
    assertThat(schedule.tick()).isEqualTo(PollSchedule.Due.LOOK);
    int asked = schedule.hurries();
    schedule.hurry();
    schedule.answered(PollSchedule.IDLE, asked);
    assertThat(schedule.tick()).isEqualTo(PollSchedule.Due.POLL);
    schedule.answered(PollSchedule.IDLE, schedule.hurries());
    assertThat(schedule.tick()).isEqualTo(PollSchedule.Due.NOTHING);
  }

  private void assertOrdered(String directory, SetFills.Order order) {
    assertThat(fills.orders(directory)).containsOnlyKeys(GENERATION);
    assertThat(fills.orders(directory).get(GENERATION).order()).isEqualTo(order);
  }

  @Test
  void eachWayToGiveASetUpReachesEveryDirectoryThatHasAPartOfItUntilItHasObeyed() {
    fill();
    fills.relinquish(GENERATION);
    for (Executor executor : executors) {
      assertOrdered(executor.directory, SetFills.Order.RELINQUISH);
      Map<String, SetFills.Due> told = fills.orders(executor.directory);
      assertThat(fills.orders(executor.directory)).as("the reply was lost").isEqualTo(told);
      fills.obeyed(executor.directory, told);
      assertThat(fills.orders(executor.directory)).isEmpty();
    }
    fills.spoil(GENERATION);
    assertThat(fills.mayStore(GENERATION, EXECUTORS, 0)).isFalse();
    Map<String, SetFills.Due> before = fills.orders(executors[0].directory);
    fills.abandon(GENERATION);
    fills.obeyed(executors[0].directory, before);
    for (Executor executor : executors) {
      assertOrdered(executor.directory, SetFills.Order.ABANDON);
    }
  }

  @Test
  void whatIsStoredAfterASetWasGivenUpIsRemovedThoughItsTaskHasBeenKilled() {
    fill();
    fills.abandon(GENERATION);
    Map<String, SetFills.Due> first = fills.orders(executors[0].directory);
    assertThat(fills.stored(GENERATION, EXECUTORS, executors[0].directory))
        .isEqualTo(SetFills.Stored.TOO_LATE);
    fills.obeyed(executors[0].directory, first);
    assertOrdered(executors[0].directory, SetFills.Order.ABANDON);
    assertThat(fills.stored(GENERATION, EXECUTORS + 1, "new:/cache"))
        .isEqualTo(SetFills.Stored.TOO_LATE);
    assertOrdered("new:/cache", SetFills.Order.ABANDON);
  }

  @Test
  void aPartitionThatRunsTwiceGivesTheSetUp() {
    fill();
    assertThat(fills.mayStore(GENERATION, 0, 0)).isFalse();
    assertOrdered(executors[7].directory, SetFills.Order.RELINQUISH);
    assertThat(fills.isOver(GENERATION)).isTrue();
  }

  /** Executors wait for the answer, so there is one whatever is thrown. */
  @Test
  void aSetOfWhichNobodyCanTellWhetherItMayBePublishedIsOver() {
    String generation = "ef".repeat(32);
    fills.begin(
        new Key("cd".repeat(32)),
        new Key(generation),
        1,
        () -> new SetMeta("", Map.of()),
        () -> new byte[0],
        () -> {
          throw new NoClassDefFoundError("of the test");
        },
        meta -> {});
    assertThat(fills.mayStore(generation, 0, 0)).isTrue();
    assertThat(fills.stored(generation, 0, "host:/cache")).isEqualTo(SetFills.Stored.LAST);
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (!fills.isOver(generation)) {
      assertThat(System.nanoTime()).as("it is still waited for").isLessThan(deadline);
      Thread.onSpinWait();
    }
    assertThat(fills.isFilling("host:/cache")).isFalse();
    assertThat(fills.isPublished(generation)).isFalse();
  }
}
