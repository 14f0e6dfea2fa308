// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process of the host that is frozen in the middle of writing to the index. {@code
 * -Ddiskcache.frozen.publishes=1000} publishes as often meanwhile, and says how long that took.
 */
final class FrozenProcessTest {
  private static final int THREADS = 8;
  private static final int MEMO_THREADS = 16;
  private static final int MEMO_RESULTS = 3_000;
  private static final MemoFunction MEMO = new MemoFunction("d", "f", "1", "", "App.f");
  private static final int PUBLISHES = Integer.getInteger("diskcache.frozen.publishes", 40);

  @TempDir Path temp;

  /**
   * The outcome of an attempt to publish.
   *
   * @param waited whether SQLite has waited for the lock
   */
  private record Attempt(boolean published, boolean waited, long nanos) {}

  private static Attempt publish(DiskStore store, int number) throws Exception {
    long start = System.nanoTime();
    try {
      StoreFixture.put(store, StoreFixture.key("frozen " + number), 100);
      return new Attempt(true, false, System.nanoTime() - start);
    } catch (StoreException e) {
      boolean busy = e.getCause() instanceof SQLException sql && Index.isBusy(sql);
      return new Attempt(false, busy, System.nanoTime() - start);
    }
  }

  private static List<Attempt> publishAll(DiskStore store) throws Exception {
    ExecutorService tasks = Executors.newFixedThreadPool(THREADS);
    try {
      List<Future<Attempt>> running = new ArrayList<>();
      for (int i = 0; i < PUBLISHES; i++) {
        int number = i;
        Callable<Attempt> task = () -> publish(store, number);
        running.add(tasks.submit(task));
      }
      List<Attempt> attempts = new ArrayList<>();
      for (Future<Attempt> task : running) {
        attempts.add(task.get());
      }
      return attempts;
    } finally {
      tasks.shutdownNow();
    }
  }

  @Test
  void costsAllTasksTogetherOneWaitAndNoLookup() throws Exception {
    Path directory = temp.resolve("cache");
    Path go = temp.resolve("go");
    try (DiskStore store = StoreFixture.open(directory)) {
      Entry stored = StoreFixture.put(store, StoreFixture.key("stored"), 100);
      try (StoreProcess holder = StoreProcess.start(directory, "lock", go.toString())) {
        assertThat(holder.readLine()).isEqualTo("locked");
        holder.freeze();
        List<Attempt> attempts = publishAll(store);
        assertThat(attempts).noneMatch(Attempt::published);
        assertThat(attempts).filteredOn(Attempt::waited).hasSize(1);
        say(attempts);
        assertThat(store.find(stored.key())).isPresent();
        assertThat(store.findAll(List.of(stored.key()))).hasSize(1);
        assertThat(StoreFixture.files(directory.resolve("tmp")))
            .as("what was not published is deleted")
            .noneMatch(name -> name.endsWith(".arrow"));
        try (DiskStore other = StoreFixture.open(directory)) { // as a new process would
          assertThat(other.find(stored.key())).isPresent();
        }
        Files.createFile(go);
        holder.thaw();
        assertThat(holder.readLine()).isEqualTo("let go");
        assertThat(published(store)).as("it comes back by itself").isTrue();
      }
      Optional<Entry> again = store.find(StoreFixture.key("frozen -1"));
      assertThat(again).isPresent();
    }
  }

  /** In the first of sixteen files, with more results than a store lets wait. */
  @Test
  void ofMemoisedResultsNoneIsLostAndTheThreadsWaitTogether() throws Exception {
    Path directory = temp.resolve("cache");
    Path go = temp.resolve("go");
    try (MemoStore store = MemoStore.open(directory)) {
      store.put(memoKey(-1), MEMO, "known", memoResult(-1));
      store.flush();
      try (StoreProcess holder =
          StoreProcess.start(directory.resolve("memo/memo-0.db"), "lockFile", go.toString())) {
        assertThat(holder.readLine()).isEqualTo("locked");
        holder.freeze();
        ExecutorService tasks = Executors.newFixedThreadPool(MEMO_THREADS);
        List<Future<?>> running = new ArrayList<>();
        for (int i = 0; i < MEMO_THREADS; i++) {
          int thread = i;
          running.add(
              tasks.submit(
                  () -> {
                    for (int j = thread; j < MEMO_RESULTS; j += MEMO_THREADS) {
                      store.put(memoKey(j), MEMO, "", memoResult(j));
                    }
                  }));
        }
        for (Future<?> task : running) {
          task.get();
        }
        tasks.shutdown();
        // The store's own thread tries as well.
        assertThat(store.errors()).as("waits for the process").isBetween(1L, MEMO_THREADS / 2L);
        assertThat(store.find(memoKey(-1))).as("what is stored is read").isPresent();
        assertThat(store.find(memoKey(7))).as("what waits is found").isPresent();
        assertThat(store.takeTurn(memoKey(MEMO_RESULTS), Duration.ofMinutes(1), result -> true))
            .as("who wants to call the function calls it")
            .isEqualTo(MemoStore.Turn.CALL);
        Files.createFile(go);
        holder.thaw();
        assertThat(holder.readLine()).isEqualTo("let go");
      }
      store.flush();
    }
    try (MemoStore other = MemoStore.open(directory)) {
      assertThat(other.entries(entry -> true)).hasSize(MEMO_RESULTS + 1);
    }
  }

  private static MemoKey memoKey(int i) {
    return new MemoKey(1, i, 0, 0);
  }

  private static MemoResult memoResult(int i) {
    return new MemoResult(new byte[] {1}, i + 2, MemoResult.NEVER, 1_000, 0.5);
  }

  private static boolean published(DiskStore store) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
    while (System.nanoTime() < deadline) {
      if (publish(store, -1).published()) {
        return true;
      }
    }
    return false;
  }

  private static void say(List<Attempt> attempts) {
    long[] nanos = attempts.stream().mapToLong(Attempt::nanos).toArray();
    Arrays.sort(nanos);
    System.out.printf(
        "%d publishes by %d threads beside a frozen process: p50 %d us, p99 %d us, max %d us%n",
        nanos.length,
        THREADS,
        nanos[nanos.length / 2] / 1000,
        nanos[nanos.length * 99 / 100] / 1000,
        nanos[nanos.length - 1] / 1000);
  }
}
