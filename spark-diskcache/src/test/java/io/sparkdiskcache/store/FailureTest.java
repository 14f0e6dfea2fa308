// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.meta;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static io.sparkdiskcache.store.StoreFixture.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever happens to the disk, lookups answer and publishing says that it could not. */
class FailureTest {
  @TempDir Path temp;

  @Test
  void directoryRemovedWhileRunning() throws Exception {
    Path directory = temp.resolve("cache");
    DiskStore store = open(directory);
    put(store, key(1), 10);
    try (PendingEntry pending = store.begin(key(2))) {
      write(pending.path(), content(key(2), 10));
      StoreFixture.deleteTree(directory);
      assertThatThrownBy(() -> pending.publish(meta(content(key(2), 10))))
          .isInstanceOf(StoreException.class);
    }
    assertLookupsAnswerNothing(store);
    assertThatThrownBy(() -> store.begin(key(3)))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("is gone");
    store.close();
    assertThat(StoreFixture.openFiles(directory)).isEmpty();
    assertThat(directory.resolve("index.db")).as("not resurrected").doesNotExist();
    open(directory).close();
  }

  private static void assertLookupsAnswerNothing(DiskStore store) {
    assertThat(store.find(key(1))).isEmpty();
    assertThat(store.findAll(List.of(key(1)))).isEmpty();
    assertThat(store.findSet(key("set"))).isEmpty();
    store.sets().drop(key("set"));
  }

  @Test
  void readOnlyDirectoryIsRefusedAtOpenAndCostsNothingWhileRunning() throws Exception {
    try (StoreProcess process = StoreProcess.startUnprivileged(temp.resolve("cache"), "readOnly")) {
      assertThat(process.finish()).isEmpty();
    }
  }

  /** In a process that may write only where the mode says so. */
  static void readOnly(Path directory) throws Exception {
    open(directory).close();
    try (DiskStore store = open(directory)) {
      whileReadOnly(
          directory.resolve("tmp"),
          () -> {
            assertThatThrownBy(() -> put(store, key(1), 10))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining(directory.toString());
            assertThat(store.find(key(1))).isEmpty();
          });
      assertThat(put(store, key(1), 10)).as("writable again").isNotNull();
    }
    whileReadOnly(
        directory,
        () ->
            assertThatThrownBy(() -> open(directory))
                .isInstanceOf(StoreException.class)
                .hasMessageContaining("not writable"));
  }

  private static void whileReadOnly(Path directory, Runnable check) throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("r-x------"));
    try {
      check.run();
    } finally {
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void fullDiskWhileAddingTheRowKeepsTheWrittenFile() throws Exception {
    try (DiskStore store = open(temp)) {
      put(store, key(1), 10);
      // As many pages as there are: SQLite then says what it says on a full disk.
      store
          .index()
          .write(
              session -> {
                int pages = session.first("PRAGMA page_count", row -> row.getInt(1)).orElseThrow();
                session.execute("PRAGMA max_page_count = " + pages);
                return pages;
              });
      byte[] bytes = content(key(2), 10);
      EntryMeta large =
          new EntryMeta(
              StoreFixture.RELATION,
              java.util.Optional.empty(),
              0,
              1,
              10,
              meta(bytes).crc32c(),
              java.time.Duration.ZERO,
              java.time.Duration.ZERO,
              "",
              "",
              "",
              Map.of("plan", "x".repeat(1 << 20)));
      try (PendingEntry pending = store.begin(key(2))) {
        write(pending.path(), bytes);
        assertThatThrownBy(() -> pending.publish(large))
            .isInstanceOf(StoreException.class)
            .hasMessageContaining(key(2).hex())
            .hasMessageContaining("SQLITE_FULL");
        assertThat(files(temp.resolve("data"))).hasSize(1);
        assertThat(pending.path()).exists();
      }
      assertThat(store.find(key(1))).isPresent();
      assertThat(store.find(key(2))).isEmpty();
      assertThat(store.stats().errors()).isEqualTo(1);
      assertThat(put(store, key(2), 10)).as("the connection is as good as new").isNotNull();
    }
  }

  @Test
  void dataDirectoryThatCannotBeWritten() throws Exception {
    try (DiskStore store = open(temp)) {
      Files.delete(temp.resolve("data"));
      Files.createFile(temp.resolve("data"));
      Path written;
      try (PendingEntry pending = store.begin(key(1))) {
        written = pending.path();
        write(written, content(key(1), 10));
        assertThatThrownBy(() -> pending.publish(meta(content(key(1), 10))))
            .isInstanceOf(StoreException.class)
            .hasMessageContaining("computed without the cache");
        assertThat(written).exists();
      }
      assertThat(written).doesNotExist();
      assertThat(store.stats().errors()).isEqualTo(1);
    }
  }

  @Test
  void damagedTableCostsHitsOnly() throws Exception {
    try (DiskStore writer = open(temp)) {
      put(writer, key(1), 10);
    }
    try (DiskStore store = open(temp)) {
      try (var connection = StoreFixture.connect(temp);
          var statement = connection.createStatement()) {
        statement.execute("UPDATE entries SET crc32c = 1, row_count = 8");
      }
      assertThat(store.find(key(1))).as("the seal does not fit").isEmpty();
      assertThat(store.stats().errors()).isEqualTo(1);
      assertThat(temp.resolve("index.suspect")).exists();
      store.settle();
      try (var connection = StoreFixture.connect(temp);
          var statement = connection.createStatement()) {
        statement.execute("DROP TABLE sets");
      }
      assertLookupsAnswerNothing(store);
      assertThat(store.stats().misses()).isPositive();
    }
  }

  /** One row nobody can read must not stop listing and evicting the others. */
  @Test
  void damagedRowIsRemovedAndDoesNotBlockEviction() throws Exception {
    try (DiskStore store = DiskStore.open(new StoreOptions(temp, 1000, VerifyMode.OPEN))) {
      put(store, key(1), 100);
      put(store, key(2), 100);
      try (var connection = StoreFixture.connect(temp);
          var statement = connection.createStatement()) {
        statement.execute("UPDATE entries SET bytes = -5 WHERE bytes = 100 AND id = 1");
      }
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key(2));
      store.settle();
      assertThat(store.stats().entries()).isEqualTo(1);
      assertThat(store.stats().bytes()).as("the totals are right again").isEqualTo(100);
      for (int i = 3; i < 20; i++) {
        put(store, key(i), 100);
      }
      store.settle();
      assertThat(store.stats().bytes()).isBetween(100L, 1000L);
      assertThat(store.stats().errors()).isEqualTo(1);
    }
    try (DiskStore store = open(temp)) {
      assertThat(store.entries()).as("the index was examined and kept").isNotEmpty();
      assertThat(temp.resolve("index.suspect")).doesNotExist();
    }
  }

  @Test
  void damagedSetRowIsNoSet() throws Exception {
    try (DiskStore store = open(temp)) {
      StoreFixture.putPartition(store, key("g"), 0, 10);
      assertThat(store.sets().complete(key("set"), key("g"), 1, new SetMeta("", Map.of())))
          .isTrue();
      try (var connection = StoreFixture.connect(temp);
          var statement = connection.createStatement()) {
        statement.execute("UPDATE sets SET partitions = 0");
      }
      assertThat(store.findSet(key("set"))).isEmpty();
      store.settle();
      assertThat(store.stats().sets()).isZero();
    }
  }

  @Test
  void publishOfAKilledTaskLeavesNothing() throws Exception {
    try (DiskStore store = open(temp)) {
      try (PendingEntry pending = store.begin(key(1))) {
        write(pending.path(), content(key(1), 10));
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> pending.publish(meta(content(key(1), 10))))
            .isInstanceOf(StoreException.class);
      }
      assertThat(Thread.interrupted()).isTrue();
      assertThat(files(temp.resolve("data"))).isEmpty();
      assertThat(files(temp.resolve("tmp"))).hasSize(1);
      put(store, key(1), 10);
      assertThat(store.find(key(1))).isPresent();
    }
  }

  /** An executor service keeps an error to itself and ends the periodic task. */
  @Test
  void anErrorInTheBackgroundIsCountedAndTheTaskGoesOn() {
    Counters counters = new Counters();
    AtomicInteger runs = new AtomicInteger();
    try (Background background = new Background(new Trouble(counters))) {
      background.every(
          Duration.ofMillis(1),
          "Cannot do what the test wants",
          () -> {
            if (runs.incrementAndGet() == 1) {
              throw new NoClassDefFoundError("of the test");
            }
          });
      long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
      while (runs.get() < 2) {
        assertThat(System.nanoTime()).as("it has not run again").isLessThan(deadline);
        Thread.onSpinWait();
      }
    }
    assertThat(counters.errors.sum()).isEqualTo(1);
  }
}
