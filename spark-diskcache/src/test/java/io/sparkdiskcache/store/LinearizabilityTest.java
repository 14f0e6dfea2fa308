// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.jetbrains.kotlinx.lincheck.LinChecker;
import org.jetbrains.kotlinx.lincheck.annotations.Operation;
import org.jetbrains.kotlinx.lincheck.strategy.stress.StressOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Get, put and invalidate of one key, by several threads at a time: every result can be explained
 * by some order of the calls, as Lincheck finds by search.
 */
public class LinearizabilityTest {
  private static final int SCENARIOS =
      Integer.getInteger("diskcache.linearizability.scenarios", 10);

  private static final AtomicLong KEYS = new AtomicLong();
  private static volatile DiskStore store;

  @TempDir Path temp;

  @Test
  void callsOfSeveralThreadsAreLinearizable() throws Exception {
    try (DiskStore opened = StoreFixture.open(temp)) {
      store = opened;
      LinChecker.check(
          OneKey.class,
          new StressOptions()
              .iterations(SCENARIOS)
              .invocationsPerIteration(20)
              .threads(3)
              .actorsPerThread(3)
              .actorsBefore(1)
              .actorsAfter(1)
              .sequentialSpecification(FirstWriterWins.class));
      assertThat(opened.stats().errors()).isZero();
      assertThat(opened.stats().duplicatesDiscarded()).as("puts met each other").isPositive();
    }
  }

  /** One for each run of a scenario; they share the store, for opening one takes long. */
  public static final class OneKey {
    private final Key key = key(KEYS.incrementAndGet());

    @Operation
    public int get() {
      return store.find(key).map(OneKey::version).orElse(0);
    }

    @Operation
    public int put(int version) throws Exception {
      byte[] bytes = new byte[100 + Math.abs(version)];
      try (PendingEntry pending = store.begin(key)) {
        Files.write(pending.path(), bytes); // not forced: what happens to the name is tried here
        return version(pending.publish(StoreFixture.meta(bytes)));
      }
    }

    @Operation
    public void invalidate() {
      store.evict(entry -> entry.key().equals(key));
    }

    /** By the length, which is known without the file. */
    private static int version(Entry entry) {
      return (int) entry.bytes();
    }
  }

  /** What one thread would see: a put returns what is there afterwards. */
  public static final class FirstWriterWins {
    private int state;

    public int get() {
      return state;
    }

    public int put(int version) {
      state = state == 0 ? 100 + Math.abs(version) : state;
      return state;
    }

    public void invalidate() {
      state = 0;
    }
  }
}
