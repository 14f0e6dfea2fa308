// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyTest {
  @TempDir Path temp;

  @Test
  void everyFlippedBitIsFound() throws Exception {
    long seed = StoreFixture.seed("VerifyTest.everyFlippedBitIsFound");
    Random random = new Random(seed);
    int flips = Integer.getInteger("diskcache.flips", 200); // in full: 1000
    try (DiskStore store = open(temp)) {
      for (int i = 0; i < flips; i++) {
        Entry entry = put(store, key(i), 1 + random.nextInt(5000));
        assertThat(store.verify(entry)).isTrue();
        StoreFixture.flipBit(entry.path(), random.nextInt((int) entry.bytes() * 8));
        assertThat(store.verify(entry)).as("seed %d, entry %d", seed, i).isFalse();
        assertThat(entry.path()).doesNotExist();
        assertThat(store.find(key(i))).isEmpty();
      }
      assertThat(store.stats().quarantined()).isEqualTo(flips);
      assertThat(files(temp.resolve("quarantine"))).hasSize(flips);
    }
  }

  @Test
  void truncatedAndLongerFilesAreFoundInEveryMode() throws Exception {
    for (VerifyMode mode : VerifyMode.values()) {
      Path directory = temp.resolve(mode.name());
      try (DiskStore store = DiskStore.open(new StoreOptions(directory, 1 << 20, mode))) {
        Entry shorter = put(store, key(1), 100);
        Files.write(shorter.path(), Arrays.copyOf(content(key(1), 100), 99));
        Entry longer = put(store, key(2), 100);
        Files.write(longer.path(), Arrays.copyOf(content(key(2), 100), 101));
        assertThat(store.verify(shorter)).as("%s, truncated", mode).isFalse();
        assertThat(store.verify(longer)).as("%s, longer", mode).isFalse();
        assertThat(store.stats().quarantined()).isEqualTo(2);
      }
    }
  }

  /** Changes the bytes but nothing a file's identity shows. */
  private static void damageUnseen(Entry entry) throws Exception {
    FileTime modified = Files.getLastModifiedTime(entry.path());
    StoreFixture.flipBit(entry.path(), 0);
    Files.setLastModifiedTime(entry.path(), modified);
  }

  @Test
  void modesDifferInHowOftenTheyRead() throws Exception {
    for (VerifyMode mode : VerifyMode.values()) {
      Path directory = temp.resolve(mode.name());
      try (DiskStore store = DiskStore.open(new StoreOptions(directory, 1 << 20, mode))) {
        Entry before = put(store, key(1), 100);
        damageUnseen(before);
        assertThat(store.verify(before)).as("%s, first", mode).isEqualTo(mode == VerifyMode.OFF);

        Entry after = put(store, key(2), 100);
        assertThat(store.verify(after)).isTrue();
        damageUnseen(after);
        assertThat(store.verify(after)).as("%s, again", mode).isEqualTo(mode != VerifyMode.ALWAYS);
      }
    }
  }

  @Test
  void damagedEntryCanBePublishedAnew() throws Exception {
    try (DiskStore store = open(temp)) {
      Entry entry = put(store, key(1), 100);
      StoreFixture.flipBit(entry.path(), 1);
      assertThat(store.verify(entry)).isFalse();
      Entry again = put(store, key(1), 100);
      assertThat(store.verify(again)).isTrue();
      // The holder of the old entry is told so, and does no harm to the new one.
      assertThat(store.verify(entry)).isFalse();
      assertThat(store.find(key(1))).contains(again);
    }
  }

  @Test
  void interruptedReaderDoesNotCondemnTheFile() throws Exception {
    try (DiskStore store = open(temp)) {
      Entry entry = put(store, key(1), 100);
      Thread.currentThread().interrupt();
      assertThat(store.verify(entry)).isFalse();
      assertThat(Thread.interrupted()).isTrue();
      assertThat(store.stats().quarantined()).isZero();
      assertThat(store.find(key(1))).isPresent();
      assertThat(store.verify(entry)).isTrue();
    }
  }

  @Test
  void quarantineIsBounded() throws Exception {
    try (DiskStore store = DiskStore.open(new StoreOptions(temp, 20_000, VerifyMode.OPEN))) {
      for (int i = 0; i < 10; i++) {
        Entry entry = put(store, key(i), 400);
        StoreFixture.flipBit(entry.path(), 1);
        assertThat(store.verify(entry)).isFalse();
        assertThat(temp.resolve("quarantine").resolve(entry.path().getFileName())).exists();
      }
      assertThat(files(temp.resolve("quarantine"))).hasSize(2); // a twentieth: 1000 bytes
    }
  }
}
