// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The file that SQLite maps into the memory of every process, and what becomes of it: in a process
 * of its own, which a SIGBUS would end.
 */
final class WalIndexTest {
  private static final int WRITES = Integer.getInteger("diskcache.wal.writes", 300);
  private static final int READERS = 3;

  @TempDir Path temp;

  private Path directory() {
    return temp.resolve("cache");
  }

  private Path go() {
    return temp.resolve("go");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 3, 4096, 20_000})
  void cutByAnotherProgramItEndsNoProcess(long length) throws Exception {
    try (DiskStore store = StoreFixture.open(directory())) {
      StoreFixture.put(store, key("earlier"), 100);
    }
    try (StoreProcess process = StoreProcess.start(directory(), "idle", go().toString())) {
      assertThat(process.readLine()).isEqualTo("ready");
      Path memory = directory().resolve("index.db-shm");
      assertThat(Files.size(memory)).isGreaterThan(length);
      try (FileChannel file = FileChannel.open(memory, StandardOpenOption.WRITE)) {
        file.truncate(length);
      }
      Files.createFile(go());
      assertThat(process.finish())
          .containsExactly(
              "found false", "published false", "again false", "errors true", "closed");
    }
    try (DiskStore store = StoreFixture.open(directory())) {
      assertThat(store.find(key("earlier"))).as("nothing is lost").isPresent();
      assertThat(store.find(key("ready"))).isPresent();
      assertThat(StoreFixture.put(store, key("later"), 100)).isNotNull();
      assertThat(store.stats().errors()).isZero();
    }
  }

  @Test
  void wholeItIsLeftAloneAndTheLastProcessDeletesIt() throws Exception {
    try (DiskStore store = StoreFixture.open(directory())) {
      StoreFixture.put(store, key("earlier"), 100);
    }
    try (StoreProcess process = StoreProcess.start(directory(), "idle", go().toString())) {
      assertThat(process.readLine()).isEqualTo("ready");
      Files.createFile(go());
      assertThat(process.finish())
          .containsExactly("found true", "published true", "again true", "errors false", "closed");
    }
    assertThat(StoreFixture.files(directory()))
        .noneMatch(name -> name.endsWith("-shm") || name.endsWith("-wal"));
  }

  @Test
  void withoutRoomForItNothingIsOpenedAndNoProcessEnds() throws Exception {
    StoreFixture.open(directory()).close();
    try (StoreProcess process = StoreProcess.start(directory(), "openLater", go().toString())) {
      assertThat(process.readLine()).isEqualTo("ready");
      process.limitFiles(20_000); // a page of memory is 32 KiB
      Files.createFile(go());
      List<String> lines = process.finish();
      assertThat(lines).hasSize(1);
      assertThat(lines.get(0)).startsWith("not opened: ").contains(directory().toString());
    }
    StoreFixture.open(directory()).close();
  }

  /** Rows are written as by publishing, without their files, which would be forced to the disk. */
  @Test
  void besideReadersThatNeverPauseNobodyFailsAndTheLogGoesWithTheLast() throws Exception {
    List<StoreProcess> readers = new ArrayList<>();
    long largest = 0;
    try (DiskStore store = StoreFixture.open(directory())) {
      Entry one = StoreFixture.put(store, key("one"), 100);
      for (int i = 0; i < READERS; i++) {
        readers.add(StoreProcess.start(directory(), "read", go().toString()));
        assertThat(readers.get(i).readLine()).isEqualTo("reading");
      }
      CacheDirectory names = CacheDirectory.prepare(directory(), DirectoryProbe.system());
      Rows rows = new Rows(names, Rows.DamageListener.IGNORE);
      for (int i = 0; i < WRITES; i++) {
        Key key = key(i);
        Path file = names.dataFile(key, "1-1-00000000-" + i);
        Entry entry = new Entry(key, file, one.meta(), one.createdAt(), one.createdAt(), 0);
        store
            .index()
            .write(
                session -> {
                  rows.insert(session, entry, Map.of("plan", "Scan"), "");
                  return key;
                });
        largest = Math.max(largest, Files.size(directory().resolve("index.db-wal")));
      }
      assertThat(largest).isPositive();
      for (int i = 0; i < 100 && Files.size(names.indexLog()) > 0; i++) {
        store.index().restartLog(0); // in vain where a reader does not end within its time
      }
      assertThat(names.indexLog()).as("the log beside readers").isEmptyFile();
      Files.createFile(go());
      for (StoreProcess reader : readers) {
        assertThat(reader.finish()).containsExactly("errors 0");
      }
    } finally {
      readers.forEach(StoreProcess::close);
    }
    System.out.printf(
        "%d writes beside %d processes that read: the log had %d bytes at most%n",
        WRITES, READERS, largest);
    assertThat(StoreFixture.files(directory())).noneMatch(name -> name.endsWith("-wal"));
  }
}
