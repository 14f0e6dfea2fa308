// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.meta;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.write;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConcurrencyTest {
  private static final int THREADS = 8;

  @TempDir Path temp;

  private interface Worker<T> {
    T run(int number) throws Exception;
  }

  /** All threads start together; their failures are thrown here. */
  private static <T> List<T> inParallel(Worker<T> worker) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(THREADS);
    try {
      CyclicBarrier start = new CyclicBarrier(THREADS);
      List<Future<T>> futures = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        int number = i;
        futures.add(
            executor.submit(
                () -> {
                  start.await();
                  return worker.run(number);
                }));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get());
      }
      return results;
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void oneKeyPublishedByManyThreadsIsOneEntry() throws Exception {
    try (DiskStore store = open(temp)) {
      for (int round = 0; round < 20; round++) {
        Key key = key(round);
        List<Entry> entries =
            inParallel(
                number -> {
                  byte[] bytes = content(key(number + "th version"), 100 + number);
                  try (PendingEntry pending = store.begin(key)) {
                    write(pending.path(), bytes);
                    return pending.publish(meta(bytes));
                  }
                });
        assertThat(new HashSet<>(entries)).hasSize(1);
        assertThat(store.find(key)).contains(entries.get(0));
        assertThat(store.verify(entries.get(0))).isTrue();
      }
      assertThat(files(temp.resolve("data"))).hasSize(20);
      assertThat(store.stats().published()).isEqualTo(20);
      assertThat(store.stats().duplicatesDiscarded()).isEqualTo(20 * (THREADS - 1));
    }
  }

  @Test
  void directoryOpenedByManyThreadsAtOnceIsCreatedOnce() throws Exception {
    for (int round = 0; round < 5; round++) {
      Path directory = temp.resolve("cache" + round);
      List<DiskStore> stores = inParallel(number -> open(directory));
      try {
        StoreFixture.put(stores.get(0), key(1), 10);
        assertThat(stores).allMatch(store -> store.find(key(1)).isPresent());
        assertThat(files(directory.resolve("quarantine"))).isEmpty();
      } finally {
        stores.forEach(DiskStore::close);
      }
      assertThat(files(directory.resolve("tmp"))).isEmpty();
    }
  }

  @Test
  void readersWritersAndEvictionNeverMeetWrongBytes() throws Exception {
    long seed = StoreFixture.seed("ConcurrencyTest.readersWriters");
    try (DiskStore store = DiskStore.open(new StoreOptions(temp, 20_000, VerifyMode.OPEN))) {
      inParallel(
          number -> {
            Random random = new Random(seed + number);
            for (int i = 0; i < 300; i++) {
              Key key = key(random.nextInt(100));
              var found = store.find(key);
              if (found.isEmpty()) {
                StoreFixture.put(store, key, 500);
                continue;
              }
              try (Pin pin = store.pin(found.get())) {
                if (store.verify(pin.entry())) {
                  assertThat(StoreFixture.holdsContent(pin.entry())).isTrue();
                }
              }
            }
            return true;
          });
      store.settle();
      StoreStats stats = store.stats();
      assertThat(stats.errors()).isZero();
      assertThat(stats.quarantined()).isZero();
      assertThat(stats.evictedForLimit()).isPositive();
      assertThat(stats.bytes()).isLessThanOrEqualTo(20_000);
      assertThat(files(temp.resolve("data"))).hasSize((int) stats.entries());
    }
  }

  @Test
  void processesShareTheDirectoryWithoutLockErrors() throws Exception {
    long seed = StoreFixture.seed("ConcurrencyTest.processes");
    List<StoreProcess> processes = new ArrayList<>();
    try {
      // In full: -Ddiskcache.stress.processes=8 -Ddiskcache.stress.operations=10000
      String operations = System.getProperty("diskcache.stress.operations", "600");
      for (int i = 0; i < Integer.getInteger("diskcache.stress.processes", 3); i++) {
        processes.add(StoreProcess.start(temp, "mix", Long.toString(seed + i), operations));
      }
      int hits = 0;
      for (StoreProcess process : processes) {
        List<String> lines = process.finish();
        assertThat(lines).contains("errors 0", "quarantined 0");
        System.out.println("ConcurrencyTest.processes " + lines.get(3));
        hits += Integer.parseInt(lines.get(2).substring("hits ".length()));
      }
      assertThat(hits).as("processes found entries").isPositive();
    } finally {
      for (StoreProcess process : processes) {
        process.close();
      }
    }
    try (DiskStore store = open(temp)) {
      store.settle();
      Set<Key> keys = new HashSet<>();
      for (Entry entry : store.entries()) {
        assertThat(StoreFixture.holdsContent(entry)).isTrue();
        keys.add(entry.key());
      }
      assertThat(files(temp.resolve("data"))).hasSize(keys.size());
      assertThat(store.stats().bytes()).isLessThanOrEqualTo(StoreProcess.MIX_BYTES);
      assertThat(files(temp.resolve("tmp"))).isEmpty();
    }
  }
}
