// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.MIB;
import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.meta;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static io.sparkdiskcache.store.StoreFixture.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.store.StoreFixture.FakeClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class LimitsTest {
  @TempDir Path temp;
  private final FakeClock clock = new FakeClock();

  private static StoreLimits limits(long bytes, Duration ttl, Map<String, ByteLimit> tags) {
    return new StoreLimits(ByteLimit.ofBytes(bytes), 0, ttl, tags);
  }

  private static EntryMeta tagged(byte[] bytes, String tag, Duration compute) {
    return StoreFixture.meta(bytes, Optional.empty(), 0, tag, compute);
  }

  private Entry putTagged(DiskStore store, Object name, int bytes, String tag) throws Exception {
    return putTagged(store, name, bytes, tag, Duration.ofSeconds(1));
  }

  private Entry putTagged(DiskStore store, Object name, int bytes, String tag, Duration compute)
      throws Exception {
    clock.advance(Duration.ofSeconds(1));
    byte[] content = content(key(name), bytes);
    Entry entry = put(store, key(name), content, tagged(content, tag, compute));
    store.settle();
    return entry;
  }

  /** A disk whose free space the test decides on. */
  private static DirectoryProbe disk(AtomicLong usable) {
    DirectoryProbe system = DirectoryProbe.system();
    return new DirectoryProbe() {
      @Override
      public String fileSystemType(Path directory) throws java.io.IOException {
        return system.fileSystemType(directory);
      }

      @Override
      public Optional<Access> access(Path directory) throws java.io.IOException {
        return system.access(directory);
      }

      @Override
      public Space space(Path directory) {
        return new Space() {
          @Override
          public long total() {
            return 10_000;
          }

          @Override
          public long usable() {
            return usable.get();
          }
        };
      }
    };
  }

  @ParameterizedTest
  @CsvSource({"50g, 53687091200", "20%, 2000", "1.5k, 1536", "100 %, 10000", "4096, 4096"})
  void limitsAreBytesOrAShareOfTheDisk(String text, long bytes) {
    assertThat(ByteLimit.parse(text).of(10_000)).isEqualTo(bytes);
  }

  @Test
  void aShareOfTheDiskIsALimit() throws Exception {
    StoreLimits share =
        new StoreLimits(ByteLimit.parse("10%"), 0, Duration.ZERO, Map.of()); // 1000 bytes
    try (DiskStore store =
        DiskStore.open(
            new StoreOptions(temp.toString(), share, VerifyMode.OPEN, EvictionPolicy.OLDEST),
            disk(new AtomicLong(5000)),
            clock)) {
      for (int i = 0; i < 11; i++) {
        putTagged(store, i, 100, "");
      }
      assertThat(store.stats().bytes()).isEqualTo(900);
      assertThat(store.stats().evictedForLimit()).isEqualTo(2);
    }
  }

  @Test
  void lackOfFreeSpaceStopsWritersAndEvicts() throws Exception {
    AtomicLong usable = new AtomicLong(5000);
    StoreLimits limits = new StoreLimits(ByteLimit.ofBytes(MIB), 1000, Duration.ZERO, Map.of());
    try (DiskStore store =
        DiskStore.open(
            new StoreOptions(temp.toString(), limits, VerifyMode.OPEN, EvictionPolicy.OLDEST),
            disk(usable),
            clock)) {
      for (int i = 0; i < 10; i++) {
        putTagged(store, i, 100, "");
      }
      try (PendingEntry pending = store.begin(key("x"))) {
        write(pending.path(), content(key("x"), 100));
        pending.requireRoom();
        usable.set(750); // somebody else fills the disk
        assertThatThrownBy(pending::requireRoom)
            .isInstanceOf(StoreException.class)
            .hasMessageContaining("250 bytes less than the 1000");
      }
      assertThatThrownBy(() -> store.begin(key("y")))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("spark.diskcache.minFreeBytes");
      store.settle();
      usable.set(5000);
      // The first run took 250 and a tenth of the limit on top, 400 of whole entries.
      assertThat(store.stats().evictedForSpace()).isBetween(4L, 8L);
      assertThat(store.find(key(9))).isPresent();
      putTagged(store, "z", 100, "");
      assertThat(files(temp.resolve("tmp"))).as("the aborted file is gone").hasSize(1);
    }
  }

  @Test
  void entryThatOutgrowsTheLimitIsStoppedWhileItIsWritten() throws Exception {
    try (DiskStore store = open(temp, 1000, clock);
        PendingEntry pending = store.begin(key(1))) {
      write(pending.path(), new byte[1001]);
      assertThatThrownBy(pending::requireRoom).isInstanceOf(EntryTooLargeException.class);
    }
  }

  @Test
  void unpublishedBytesAreBounded() throws Exception {
    int large = 17 << 20; // the bound is 16 MiB for a limit of 40 MiB
    try (DiskStore store = open(temp, 40 * MIB, clock)) {
      PendingEntry first = store.begin(key(1));
      write(first.path(), content(key(1), large));
      first.requireRoom();
      assertThatThrownBy(() -> store.begin(key(2)))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining(large + " bytes are being written");
      first.publish(meta(content(key(1), large)));
      store.begin(key(2)).close();

      PendingEntry second = store.begin(key(3));
      write(second.path(), content(key(3), large));
      second.requireRoom();
      Thread finishing = new Thread(second::close);
      finishing.start();
      store.begin(key(4)).close(); // waits for the other to give up
      finishing.join();
    }
  }

  @Test
  void expiredEntriesAreNeitherServedNorKept() throws Exception {
    StoreLimits limits = limits(MIB, Duration.ofHours(1), Map.of());
    Key set = key("set");
    try (DiskStore store = open(temp, limits, EvictionPolicy.COST, clock)) {
      putTagged(store, 1, 100, "");
      StoreFixture.putPartition(store, key("g"), 0, 100);
      assertThat(store.sets().complete(set, key("g"), 1, new SetMeta("", Map.of()))).isTrue();
      clock.advance(Duration.ofMinutes(50));
      putTagged(store, 2, 100, "");
      assertThat(store.find(key(1))).isPresent();
      clock.advance(Duration.ofMinutes(20));
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.findAll(List.of(key(1), key(2)))).containsOnlyKeys(key(2));
      assertThat(store.findSet(set)).isEmpty();
      store.enforceLimits();
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key(2));
      assertThat(store.stats().evictedExpired()).isEqualTo(2);
      putTagged(store, 1, 100, "");
      assertThat(store.find(key(1))).isPresent();
    }
  }

  @Test
  void tagHasALimitOfItsOwn() throws Exception {
    StoreLimits limits = limits(MIB, Duration.ZERO, Map.of("adhoc", ByteLimit.ofBytes(1000)));
    try (DiskStore store = open(temp, limits, EvictionPolicy.OLDEST, clock)) {
      putTagged(store, "other", 5000, "nightly");
      for (int i = 0; i < 11; i++) {
        putTagged(store, i, 100, "adhoc");
      }
      assertThat(store.find(key("other"))).isPresent();
      assertThat(store.find(key(0))).isEmpty();
      assertThat(store.find(key(10))).isPresent();
      assertThat(store.stats().bytes()).isEqualTo(5000 + 900);
      assertThat(store.stats().evictedForTag()).isEqualTo(2);
      assertThatThrownBy(() -> putTagged(store, "x", 1001, "adhoc"))
          .isInstanceOf(EntryTooLargeException.class);
      store.clear();
      putTagged(store, "again", 1000, "adhoc");
      assertThat(store.stats().evictedForTag()).as("sums follow removals").isEqualTo(2);
    }
  }

  @Test
  void withoutEvictionWhatDoesNotFitIsRefused() throws Exception {
    StoreLimits limits = limits(1000, Duration.ZERO, Map.of("t", ByteLimit.ofBytes(500)));
    try (DiskStore store = open(temp, limits, EvictionPolicy.NONE, clock)) {
      putTagged(store, 1, 500, "t");
      assertThatThrownBy(() -> putTagged(store, 2, 1, "t"))
          .isInstanceOf(StoreException.class)
          .hasMessageContaining("'none'");
      putTagged(store, 3, 500, "");
      assertThatThrownBy(() -> putTagged(store, 4, 1, "")).isInstanceOf(StoreException.class);
      assertThat(store.entries()).hasSize(2);
    }
  }

  /** The same cache under each policy in turn: what is kept of entries is enough for all. */
  @ParameterizedTest
  @EnumSource(value = EvictionPolicy.class, names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void policyDecidesAndCanBeChangedOnAnExistingCache(EvictionPolicy policy) throws Exception {
    try (DiskStore store =
        open(temp, limits(1000, Duration.ZERO, Map.of()), EvictionPolicy.OLDEST, clock)) {
      putTagged(store, "old", 200, "", Duration.ofSeconds(100));
      putTagged(store, "rare", 200, "", Duration.ofSeconds(100));
      putTagged(store, "cheap", 200, "", Duration.ofMillis(1));
      putTagged(store, "unused", 200, "", Duration.ofSeconds(100));
      clock.advance(Duration.ofMinutes(1));
      for (int i = 0; i < 3; i++) {
        store.find(key("rare"));
      }
      for (int i = 0; i < 9; i++) {
        store.find(key("old"));
        store.find(key("cheap"));
      }
      clock.advance(Duration.ofMinutes(1));
      store.find(key("unused"));
      store.find(key("old"));
      store.find(key("cheap"));
      clock.advance(Duration.ofMinutes(1));
    }
    try (DiskStore store = open(temp, limits(1000, Duration.ZERO, Map.of()), policy, clock)) {
      putTagged(store, "new", 300, "");
      String victim =
          switch (policy) {
            case COST -> "cheap";
            case LRU -> "rare";
            case LFU -> "unused";
            default -> "old";
          };
      assertThat(store.find(key(victim))).as("%s evicts %s", policy, victim).isEmpty();
      assertThat(store.stats().evictedForLimit()).isEqualTo(1);
    }
  }

  @Test
  void entriesOfRunningJobsGoLast() throws Exception {
    try (DiskStore store =
        open(temp, limits(1000, Duration.ZERO, Map.of()), EvictionPolicy.COST, clock)) {
      putTagged(store, "precious", 400, "", Duration.ofHours(1));
      clock.advance(Duration.ofMinutes(1));
      for (int i = 0; i < 3; i++) { // worth little, but just written
        putTagged(store, i, 200, "", Duration.ofNanos(1));
      }
      putTagged(store, 3, 200, "", Duration.ofNanos(1));
      assertThat(store.find(key("precious"))).isEmpty();
      assertThat(store.entries()).hasSize(4);
    }
  }

  @Test
  void victimsAreTheLeastValuableWhateverTheOrderOfTheIndex() throws Exception {
    long seed = StoreFixture.seed("LimitsTest.victims");
    java.util.Random random = new java.util.Random(seed);
    StoreLimits limits = limits(10_000, Duration.ZERO, Map.of());
    try (DiskStore store = open(temp, limits, EvictionPolicy.COST, clock)) {
      List<Integer> seconds = new java.util.ArrayList<>();
      for (int i = 1; i <= 100; i++) {
        seconds.add(i * i);
      }
      java.util.Collections.shuffle(seconds, random);
      for (int i = 0; i < 100; i++) {
        byte[] bytes = content(key(seconds.get(i)), 100);
        put(
            store,
            key(seconds.get(i)),
            bytes,
            tagged(bytes, "", Duration.ofSeconds(seconds.get(i))));
      }
      clock.advance(Duration.ofHours(1));
      putTagged(store, "last", 100, "", Duration.ofDays(1));
      for (int i = 1; i <= 100; i++) {
        assertThat(store.find(key(i * i)).isPresent()).as("seed %d, %d", seed, i).isEqualTo(i > 11);
      }
    }
  }
}
