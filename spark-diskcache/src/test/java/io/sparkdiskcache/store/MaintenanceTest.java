// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static io.sparkdiskcache.store.StoreFixture.putPartition;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MaintenanceTest {
  private static final SetMeta META = new SetMeta("", Map.of());

  @TempDir Path temp;

  @Test
  void checkFindsEachKindOfDamageAndFixesIt() throws Exception {
    Path directory = temp.resolve("cache");
    try (DiskStore store = open(directory)) {
      put(store, key("sound"), 100);
      Entry damaged = put(store, key("damaged"), 100);
      StoreFixture.flipBit(damaged.path(), 77);
      Files.delete(put(store, key("missing"), 100).path());
      Path orphan =
          CacheDirectory.prepare(directory, DirectoryProbe.system())
              .dataFile(key("orphan"), "4000000-0-00000000-1");
      Directories.createPrivate(orphan.getParent());
      Files.write(orphan, new byte[5]);

      CheckReport report = store.maintenance().check(false, Progress.NONE);
      assertThat(report.isSound()).isFalse();
      assertThat(report.entries()).isEqualTo(3);
      assertThat(report.index()).isEqualTo("ok");
      assertThat(report.damaged()).containsExactly(key("damaged"));
      assertThat(report.missing()).containsExactly(key("missing"));
      assertThat(report.orphans()).hasSize(1).allMatch(name -> name.contains(key("orphan").hex()));
      assertThat(store.entries()).as("looking changes nothing").hasSize(3);
      assertThat(orphan).exists();

      assertThat(store.maintenance().check(true, Progress.NONE).fixed()).isTrue();
      assertThat(store.maintenance().check(false, Progress.NONE).isSound()).isTrue();
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key("sound"));
      assertThat(orphan).doesNotExist();
      assertThat(files(directory.resolve("quarantine"))).hasSize(1);
    }
  }

  @Test
  void checkLeavesWhatALivingWriterHasNotPublishedYet() throws Exception {
    try (DiskStore store = open(temp.resolve("cache"))) {
      PendingEntry pending = store.begin(key(1));
      StoreFixture.write(pending.path(), new byte[10]);
      assertThat(store.maintenance().check(true, Progress.NONE).isSound()).isTrue();
      assertThat(pending.path()).exists();
    }
  }

  @Test
  void backupIsACacheOfItsOwn() throws Exception {
    Path copy = temp.resolve("copy");
    try (DiskStore store = open(temp.resolve("cache"))) {
      Entry entry = put(store, key(1), 100);
      putPartition(store, key("g"), 0, 50);
      assertThat(store.sets().complete(key("set"), key("g"), 1, META)).isTrue();
      putPartition(store, key("unfinished"), 0, 50);
      assertThat(store.maintenance().backup(copy, Progress.NONE)).isEqualTo(150);
      assertThatThrownBy(() -> store.maintenance().backup(copy, Progress.NONE))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("not empty");
      assertThatThrownBy(
              () -> store.maintenance().backup(temp.resolve("cache/inside"), Progress.NONE))
          .hasMessageContaining("inside the cache");
      store.clear();
      try (DiskStore other = open(copy)) {
        Entry copied = other.find(key(1)).orElseThrow();
        assertThat(copied.meta()).isEqualTo(entry.meta());
        assertThat(other.verify(copied)).isTrue();
        assertThat(other.components(key(1))).isPresent();
        assertThat(other.findSet(key("set"))).isPresent();
        assertThat(other.entries()).hasSize(2);
        assertThat(other.maintenance().check(false, Progress.NONE).isSound()).isTrue();
      }
    }
  }

  /** Others publish and evict all the while; whatever is in the copy is whole. */
  @Test
  void backupIsConsistentWhileTheCacheIsInUse() throws Exception {
    long seed = StoreFixture.seed("MaintenanceTest.backup");
    AtomicBoolean stop = new AtomicBoolean();
    try (DiskStore store = open(temp.resolve("cache"))) {
      for (int i = 0; i < 50; i++) {
        put(store, key(i), 2000);
      }
      Thread user =
          new Thread(
              () -> {
                java.util.Random random = new java.util.Random(seed);
                try {
                  while (!stop.get()) {
                    Key key = key(random.nextInt(100));
                    store.evict(entry -> entry.key().equals(key));
                    put(store, key, 2000);
                  }
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              });
      user.start();
      try {
        for (int round = 0; round < 5; round++) {
          Path copy = temp.resolve("copy" + round);
          store.maintenance().backup(copy, Progress.NONE);
          try (DiskStore other = open(copy)) {
            assertThat(other.entries()).isNotEmpty();
            assertThat(other.maintenance().check(false, Progress.NONE).isSound()).isTrue();
          }
        }
      } finally {
        stop.set(true);
        user.join();
      }
    }
  }

  @Test
  void exportedEntriesCanBeImportedElsewhere() throws Exception {
    Path file = temp.resolve("cache.zip");
    try (DiskStore store = open(temp.resolve("from"));
        DiskStore other = open(temp.resolve("to"))) {
      put(store, key(1), 100);
      put(store, key(2), 200);
      put(other, key(2), 200);
      putPartition(store, key("g"), 0, 50);
      assertThat(store.maintenance().exportTo(file, store.entries(), Progress.NONE).written())
          .isEqualTo(2);
      assertThat(other.maintenance().importFrom(file, Progress.NONE)).isEqualTo(1);
      Entry imported = other.find(key(1)).orElseThrow();
      assertThat(imported.meta()).isEqualTo(store.find(key(1)).orElseThrow().meta());
      assertThat(other.components(key(1))).isEqualTo(store.components(key(1)));
      assertThat(other.verify(imported)).isTrue();
      assertThat(StoreFixture.holdsContent(imported)).isTrue();
      assertThat(other.maintenance().importFrom(file, Progress.NONE)).isZero();
    }
  }

  @Test
  void damagedArchivesAreRefused() throws Exception {
    long seed = StoreFixture.seed("MaintenanceTest.damagedArchives");
    java.util.Random random = new java.util.Random(seed);
    Path file = temp.resolve("cache.zip");
    try (DiskStore store = open(temp.resolve("from"))) {
      put(store, key(1), 1000);
      assertThat(store.maintenance().exportTo(file, store.entries(), Progress.NONE).written())
          .isEqualTo(1);
    }
    byte[] sound = Files.readAllBytes(file);
    int refused = 0;
    for (int flip = 0; flip < 60; flip++) {
      byte[] bytes = sound.clone();
      int bit = random.nextInt(bytes.length * 8);
      bytes[bit / 8] ^= (byte) (1 << (bit % 8));
      Files.write(file, bytes);
      try (DiskStore store = open(temp.resolve("to" + flip))) {
        try {
          store.maintenance().importFrom(file, Progress.NONE);
        } catch (StoreException e) {
          refused++;
        }
        for (Entry entry : store.entries()) {
          assertThat(Files.readAllBytes(entry.path()))
              .as("seed %d bit %d", seed, bit)
              .isEqualTo(StoreFixture.content(key(1), 1000));
        }
      }
    }
    assertThat(refused).isPositive();
    Files.writeString(file, "no archive");
    try (DiskStore store = open(temp.resolve("to"))) {
      assertThatThrownBy(() -> store.maintenance().importFrom(file, Progress.NONE))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("Cannot import");
      assertThat(store.stats().errors()).isZero();
    }
  }

  @Test
  void traceRecordsHitsAndWritesWhileItIsSwitchedOn() throws Exception {
    Path directory = temp.resolve("cache");
    try (DiskStore store = open(directory)) {
      put(store, key("before"), 10);
      store.maintenance().recordTrace(true);
    }
    try (DiskStore store = open(directory)) {
      put(store, key(1), 100);
      store.find(key(1));
      store.find(key("none"));
    }
    try (DiskStore store = open(directory)) {
      List<String> lines = store.maintenance().trace();
      assertThat(lines).hasSize(2);
      assertThat(lines.get(0)).contains(key(1).hex() + ",100,1234567891,put");
      assertThat(lines.get(1)).endsWith(",hit");
      store.maintenance().recordTrace(false);
      assertThat(store.maintenance().trace()).isEmpty();
    }
    assertThat(directory.resolve("trace")).doesNotExist();
  }
}
