// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.meta;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.openFiles;
import static io.sparkdiskcache.store.StoreFixture.options;
import static io.sparkdiskcache.store.StoreFixture.put;
import static io.sparkdiskcache.store.StoreFixture.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskStoreTest {
  @TempDir Path temp;

  @Test
  void publishedEntryIsFoundWithAllThatWasSaidOfIt() throws Exception {
    Path directory = temp.resolve("deep/cache");
    byte[] bytes = content(key(1), 1000);
    Optional<Key> generation = Optional.of(key("generation"));
    EntryMeta meta = meta(bytes, generation, 1);
    Entry published;
    try (DiskStore store = open(directory)) {
      put(store, key(0), bytes, meta(bytes, generation, 0));
      published = put(store, key(1), bytes, meta);
      // Or the next process removes them in the background, as parts of a set that nobody finishes.
      SetMeta set = new SetMeta("", new TreeMap<>());
      assertThat(store.sets().complete(key("set"), key("generation"), 2, set)).isTrue();
      assertThat(store.find(key(1))).contains(published);
    }
    try (DiskStore store = open(directory)) {
      Entry entry = store.find(key(1)).orElseThrow();
      assertThat(entry.meta()).isEqualTo(meta.withoutComponents());
      assertThat(entry.createdAt()).isEqualTo(published.createdAt());
      assertThat(Files.readAllBytes(entry.path())).isEqualTo(bytes);
      assertThat(store.components(key(1))).contains(meta.components());
      assertThat(store.components(key(2))).isEmpty();
      assertThat(store.entries()).extracting(Entry::key).containsExactlyInAnyOrder(key(0), key(1));
    }
  }

  @Test
  void whatAnyProcessHasAddedSinceIsListed() throws Exception {
    try (DiskStore store = open(temp);
        DiskStore other = open(temp)) {
      put(store, key(0), content(key(0), 10), meta(content(key(0), 10)));
      List<Long> seen = new ArrayList<>();
      long last = store.forEachKeyPrefix(0, seen::add);
      assertThat(seen).containsExactly(prefix(key(0)));
      seen.clear();
      assertThat(store.forEachKeyPrefix(last, seen::add)).isEqualTo(last);
      assertThat(seen).isEmpty();
      Optional<Key> generation = Optional.of(key("generation"));
      for (int i = 1; i < 3; i++) {
        byte[] bytes = content(key(i), 10);
        put(other, key(i), bytes, meta(bytes, generation, i - 1));
      }
      assertThat(store.forEachKeyPrefix(last, seen::add)).isGreaterThan(last);
      assertThat(seen).containsExactly(prefix(key(1)), prefix(key(2)));
      assertThat(store.sets().parts(any -> true)).isEmpty();
      SetMeta set = new SetMeta("", new TreeMap<>());
      assertThat(other.sets().complete(key("set"), key("generation"), 2, set)).isTrue();
      assertThat(store.sets().parts(any -> true))
          .singleElement()
          .satisfies(part -> assertThat(part.members().cardinality()).isEqualTo(2));
      assertThat(store.sets().parts(of -> !of.equals(key("generation")))).isEmpty();
    }
  }

  private static long prefix(Key key) {
    return Long.parseUnsignedLong(key.hex().substring(0, 16), 16);
  }

  @Test
  void unsignedChecksumSurvives() throws Exception {
    // Every checksum above 2^31 would come back negative from a 32-bit column or cast.
    try (DiskStore store = open(temp)) {
      int i = 0;
      byte[] bytes = content(key(i), 100);
      while (meta(bytes).crc32c() <= Integer.MAX_VALUE) {
        bytes = content(key(++i), 100);
      }
      put(store, key(i), bytes, meta(bytes));
      Entry entry = store.find(key(i)).orElseThrow();
      assertThat(entry.crc32c()).isEqualTo(meta(bytes).crc32c());
      assertThat(store.verify(entry)).isTrue();
    }
  }

  @Test
  void findAllAnswersInTheOrderAsked() throws Exception {
    long seed = StoreFixture.seed("DiskStoreTest.findAll");
    List<Key> asked = new ArrayList<>();
    try (DiskStore store = open(temp)) {
      for (int i = 0; i < 2000; i++) {
        asked.add(key(i));
        if (i % 100 == 0) {
          put(store, key(i), 10);
        }
      }
      Collections.shuffle(asked, new Random(seed));
      Map<Key, Entry> found = store.findAll(asked);
      List<Key> expected = new ArrayList<>(asked);
      expected.removeIf(key -> store.find(key).isEmpty());
      assertThat(expected).hasSize(20);
      assertThat(found.keySet()).containsExactlyElementsOf(expected);
      assertThat(found.values()).allMatch(entry -> Files.exists(entry.path()));
      StoreStats stats = store.stats();
      assertThat(stats.hits()).isEqualTo(40);
      assertThat(stats.misses()).isEqualTo(2 * 1980);
    }
  }

  @Test
  void firstWriterWins() throws Exception {
    try (DiskStore store = open(temp)) {
      byte[] first = content(key("first"), 100);
      byte[] second = content(key("second"), 200);
      Entry entry = put(store, key(1), first, meta(first));
      assertThat(put(store, key(1), second, meta(second))).isEqualTo(entry);
      assertThat(Files.readAllBytes(entry.path())).isEqualTo(first);
      assertThat(files(temp.resolve("data"))).hasSize(1);
      assertThat(store.stats().duplicatesDiscarded()).isEqualTo(1);
      assertThat(store.stats().published()).isEqualTo(1);
      assertThat(store.stats().bytes()).isEqualTo(100);
    }
  }

  @Test
  void publishReplacesAnEntryWhoseFileIsGone() throws Exception {
    try (DiskStore store = open(temp)) {
      Files.delete(put(store, key(1), 100).path());
      Entry entry = put(store, key(1), 200);
      assertThat(store.find(key(1))).contains(entry);
      assertThat(StoreFixture.holdsContent(entry)).isTrue();
      assertThat(store.stats().bytes()).isEqualTo(200);
    }
  }

  @Test
  void unpublishedFileIsDeletedOnClose() throws Exception {
    try (DiskStore store = open(temp)) {
      PendingEntry pending = store.begin(key(1));
      write(pending.path(), new byte[10]);
      pending.close();
      pending.close();
      assertThat(pending.path()).doesNotExist();
      assertThatThrownBy(() -> pending.publish(meta(new byte[10])))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(key(1).hex());
      try (PendingEntry neverWritten = store.begin(key(1))) {
        assertThat(neverWritten.path()).doesNotExist().isNotEqualTo(pending.path());
      }
    }
  }

  @Test
  void fileOfAnotherLengthThanAnnouncedIsRefused() throws Exception {
    try (DiskStore store = open(temp)) {
      try (PendingEntry pending = store.begin(key(1))) {
        write(pending.path(), new byte[9]);
        assertThatThrownBy(() -> pending.publish(meta(new byte[10])))
            .isInstanceOf(StoreException.class)
            .hasMessageContaining("has 9 bytes and was announced with 10");
      }
      assertThat(store.find(key(1))).isEmpty();
      assertThat(files(temp.resolve("data"))).isEmpty();
    }
  }

  @Test
  void accessesAreWrittenAtClose() throws Exception {
    StoreFixture.FakeClock clock = new StoreFixture.FakeClock();
    Entry entry;
    try (DiskStore store = open(temp, 1000, clock)) {
      entry = put(store, key(1), 10);
      clock.advance(Duration.ofSeconds(5));
      for (int i = 0; i < 3; i++) {
        assertThat(store.find(key(1))).isPresent();
      }
    }
    try (DiskStore store = open(temp, 1000, clock)) {
      Entry found = store.find(key(1)).orElseThrow();
      assertThat(found.hits()).isEqualTo(3);
      assertThat(found.lastAccess()).isEqualTo(entry.createdAt().plusSeconds(5));
    }
  }

  @Test
  void rowWithoutFileIsAMissAndDropped() throws Exception {
    try (DiskStore store = open(temp)) {
      Files.delete(put(store, key(1), 10).path());
      Files.delete(put(store, key(2), 10).path());
      Entry third = put(store, key(3), 10);
      Files.delete(third.path());
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.findAll(List.of(key(2)))).isEmpty();
      assertThat(store.verify(third)).isFalse();
      store.settle();
      assertThat(store.entries()).isEmpty();
      StoreStats stats = store.stats();
      assertThat(stats.missingFiles()).isEqualTo(3);
      assertThat(stats.bytes()).isZero();
      assertThat(stats.errors()).isZero();
    }
  }

  @Test
  void evictAndClearRemoveRowsAndFilesAndCountBytes() throws Exception {
    try (DiskStore store = open(temp)) {
      put(store, key(1), 100);
      put(store, key(2), 200);
      put(store, key(3), 300);
      assertThat(store.evict(entry -> entry.bytes() == 200)).isEqualTo(200);
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key(1), key(3));
      assertThat(store.sets().complete(key("set"), key("g"), 0, new SetMeta("", Map.of())))
          .isTrue();
      assertThat(store.clear()).isEqualTo(400);
      StoreStats stats = store.stats();
      assertThat(List.of(stats.entries(), stats.bytes(), stats.sets())).containsOnly(0L);
      assertThat(stats.evictedOnRequest()).isEqualTo(3);
      assertThat(files(temp.resolve("data"))).isEmpty();
    }
  }

  @Test
  void filesAreForTheOwnerOnly() throws Exception {
    Path directory = temp.resolve("a/b");
    try (DiskStore store = open(directory)) {
      put(store, key(1), 10);
      for (String file : files(directory)) {
        assertThat(
                PosixFilePermissions.toString(
                    Files.getPosixFilePermissions(directory.resolve(file))))
            .as(file)
            .isEqualTo("rw-------");
      }
    }
    try (var walk = Files.walk(temp.resolve("a"))) {
      for (Path path : walk.filter(Files::isDirectory).toList()) {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
            .as(path.toString())
            .isEqualTo("rwx------");
      }
    }
  }

  @Test
  void closeReleasesThreadsFilesAndTemporaries() throws Exception {
    open(temp.resolve("warm-up")).close();
    Path directory = temp.resolve("cache");
    DiskStore store = open(directory);
    put(store, key(1), 10);
    PendingEntry pending = store.begin(key(3));
    write(pending.path(), new byte[10]);
    store.find(key(1));
    assertThat(openFiles(directory)).as("the check sees open files").isNotEmpty();
    assertThat(storeThreads()).as("the check sees the thread").isNotEmpty();

    store.close();
    store.close();
    assertThat(openFiles(directory)).isEmpty();
    assertThat(storeThreads()).isEmpty();
    assertThat(files(directory.resolve("tmp"))).isEmpty();
    assertThat(directory.resolve("index.db-wal")).doesNotExist();

    pending.close();
    assertThat(store.find(key(1))).isEmpty();
    assertThat(store.entries()).isEmpty();
    assertThatThrownBy(() -> store.begin(key(1)))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("is closed");
  }

  private static List<Thread> storeThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("spark-diskcache-store"))
        .filter(Thread::isAlive)
        .toList();
  }

  @Test
  void pathsMayHoldCharactersThatUrisAndSqlDislike() throws Exception {
    Path directory = temp.resolve("a b?c=d&e#f%20'g");
    try (DiskStore store = open(directory)) {
      put(store, key(1), 10);
    }
    try (DiskStore store = open(directory)) {
      assertThat(store.find(key(1))).isPresent();
    }
    assertThat(directory.resolve("index.db")).exists();
  }

  @Test
  void twoStoresOfOneProcessShareADirectory() throws Exception {
    try (DiskStore one = open(temp)) {
      PendingEntry pending = one.begin(key(1));
      write(pending.path(), content(key(1), 10));
      DiskStore two = open(temp);
      two.settle();
      assertThat(pending.path()).as("the other store's file is not an orphan").exists();
      put(two, key(2), 10);
      two.close();
      assertThat(one.find(key(2))).isPresent();
      pending.publish(meta(content(key(1), 10)));
      assertThat(one.find(key(1))).isPresent();
    }
  }

  @Test
  void optionsAreChecked() {
    assertThatThrownBy(() -> new StoreOptions(temp, 0, VerifyMode.OPEN))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("maxBytes 0");
    assertThat(options(temp).verify()).isEqualTo(VerifyMode.OPEN);
  }
}
