// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

/**
 * When an executor asks its driver, in ticks of {@value #TICK_MILLIS} ms. All of them together ask
 * some {@value #MESSAGES_PER_SECOND} times a second at most, however many they are.
 */
final class PollSchedule {
  static final long TICK_MILLIS = 100;

  /**
   * So often, in ticks, it is looked for what other processes have added, and with nothing to tell
   * replies are still fetched.
   */
  static final int LOOK_TICKS = 50;

  /** For an executor that has nothing to wait for. */
  static final int IDLE = 0;

  private static final int MESSAGES_PER_SECOND = 200;
  private static final int TICKS_PER_SECOND = 10;

  private long ticks;
  private long nextPoll;
  private int every;
  private int hurries;

  /**
   * At first as if sets were being filled: one that replaces a dead executor may have to finish
   * one.
   */
  PollSchedule() {
    this.every = 1;
  }

  /** How often, in ticks, each of so many executors asks while something may be to do. */
  static int ticks(int executors) {
    int needed = (executors * TICKS_PER_SECOND + MESSAGES_PER_SECOND - 1) / MESSAGES_PER_SECOND;
    return Math.min(LOOK_TICKS, Math.max(1, needed));
  }

  /** Something may be to do at once. */
  synchronized void hurry() {
    hurries++;
    every = 1;
    nextPoll = ticks;
  }

  /** How often there was a hurry. */
  synchronized int hurries() {
    return hurries;
  }

  /**
   * As the driver has answered: {@link #ticks}, or {@link #IDLE}.
   *
   * @param asked what {@link #hurries} was when it was asked: what happened since is not answered
   */
  synchronized void answered(int newEvery, int asked) {
    if (asked == hurries) {
      every = newEvery;
      nextPoll = ticks + newEvery;
    }
  }

  /** The work that is due. */
  enum Due {
    NOTHING,
    POLL,
    LOOK
  }

  /** To be called every tick. */
  synchronized Due tick() {
    boolean looks = ticks % LOOK_TICKS == 0;
    boolean polls = every != IDLE && ticks >= nextPoll;
    ticks++;
    return looks ? Due.LOOK : polls ? Due.POLL : Due.NOTHING;
  }
}
