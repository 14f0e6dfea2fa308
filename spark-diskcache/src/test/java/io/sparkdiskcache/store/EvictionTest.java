// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static io.sparkdiskcache.store.StoreFixture.putPartition;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.sparkdiskcache.store.StoreFixture.FakeClock;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EvictionTest {
  private static final SetMeta META = new SetMeta("", Map.of());

  @TempDir Path temp;
  private final FakeClock clock = new FakeClock();

  /** The i-th entry, a second after the one before; evictions have been done on return. */
  private Entry putNext(DiskStore store, Object name, int bytes) throws Exception {
    clock.advance(Duration.ofSeconds(1));
    Entry entry = put(store, key(name), bytes);
    store.settle();
    return entry;
  }

  @Test
  void oldestGoDownToTheLowWatermark() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      for (int i = 0; i < 10; i++) {
        putNext(store, i, 100);
      }
      assertThat(store.stats().evictedForLimit()).as("at the limit, not over it").isZero();
      putNext(store, 10, 100);
      assertThat(store.entries())
          .extracting(Entry::key)
          .containsExactly(key(2), key(3), key(4), key(5), key(6), key(7), key(8), key(9), key(10));
      assertThat(store.stats().evictedForLimit()).isEqualTo(2);
      assertThat(StoreFixture.files(temp.resolve("data"))).hasSize(9);
    }
  }

  @Test
  void theEntryJustPublishedStaysEvenIfItFillsTheCache() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      putNext(store, 1, 500);
      putNext(store, 2, 990);
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.find(key(2))).isPresent();
      putNext(store, 3, 100);
      assertThat(store.find(key(2))).as("not spared by the next run").isEmpty();
      assertThat(store.find(key(3))).isPresent();
    }
  }

  @Test
  void tooLargeForTheCacheIsTyped() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      putNext(store, 1, 500);
      byte[] bytes = StoreFixture.content(key(2), 1001);
      try (PendingEntry pending = store.begin(key(2))) {
        StoreFixture.write(pending.path(), bytes);
        EntryTooLargeException e =
            catchThrowableOfType(
                EntryTooLargeException.class, () -> pending.publish(StoreFixture.meta(bytes)));
        assertThat(e.bytes()).isEqualTo(1001);
        assertThat(e.maxBytes()).isEqualTo(1000);
        assertThat(e).hasMessageContaining(key(2).hex());
      }
      assertThat(store.find(key(1))).as("nothing was evicted for it").isPresent();
    }
  }

  @Test
  void pinnedEntriesStayUntilReleased() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      Entry oldest = putNext(store, 0, 300);
      Pin pin = store.pin(oldest);
      Pin second = store.pin(oldest);
      putNext(store, 1, 400);
      putNext(store, 2, 400);
      assertThat(store.find(key(0))).isPresent();
      assertThat(store.find(key(1))).isEmpty();
      pin.close();
      pin.close();
      putNext(store, 3, 400);
      assertThat(store.find(key(0))).as("one pin is still open").isPresent();
      second.close();
      putNext(store, 4, 400);
      assertThat(store.find(key(0))).isEmpty();
      assertThat(oldest.path()).doesNotExist();
    }
  }

  /** Its file must not stay behind the row: the front of another process would go on serving it. */
  @Test
  void requestedEvictionTakesPinnedEntriesInAllProcesses() throws Exception {
    try (DiskStore store = open(temp, 1000, clock);
        DiskStore other = open(temp, 1000, clock)) {
      Entry entry = putNext(store, 0, 300);
      assertThat(other.find(key(0))).contains(entry);
      byte[] read = new byte[300];
      try (Pin pin = store.pin(entry);
          InputStream opened = Files.newInputStream(entry.path())) {
        assertThat(store.clear()).isEqualTo(300);
        assertThat(entry.path()).doesNotExist();
        assertThat(store.find(key(0))).isEmpty();
        assertThat(other.find(key(0))).isEmpty();
        assertThat(opened.readNBytes(read, 0, 300)).isEqualTo(300);
        assertThat(read).as("a reader goes on").isEqualTo(StoreFixture.content(key(0), 300));
        Entry again = putNext(other, 0, 300);
        assertThat(again.path()).isNotEqualTo(pin.entry().path());
      }
      assertThat(store.find(key(0))).isPresent();
    }
  }

  private enum RemovedElsewhere {
    EVICT,
    SELECTOR,
    CLEAR,
    DROP_SET,
    REPLACE_SET,
    QUARANTINE,
    EXPIRE,
    LIMIT
  }

  /** An entry that a process has looked up lately is asked of the file system only. */
  @ParameterizedTest
  @EnumSource(RemovedElsewhere.class)
  void whatAnotherProcessRemovesIsNotServed(RemovedElsewhere how) throws Exception {
    try (DiskStore store = open(temp, 1000, clock);
        DiskStore other = open(temp, 1000, clock)) {
      Entry entry = StoreFixture.putPartition(other, key("g"), 0, 300);
      assertThat(other.sets().complete(key("set"), key("g"), 1, new SetMeta("", Map.of())))
          .isTrue();
      for (int i = 0; i < 2; i++) {
        assertThat(store.find(entry.key())).contains(entry);
      }
      switch (how) {
        case EVICT -> other.evict(e -> e.key().equals(entry.key()));
        case SELECTOR -> other.evict(Selector.parse("tag=tag"));
        case CLEAR -> other.clear();
        case DROP_SET -> other.sets().drop(key("set"));
        case REPLACE_SET -> {
          StoreFixture.putPartition(other, key("h"), 0, 300);
          other.sets().complete(key("set"), key("h"), 1, new SetMeta("", Map.of()));
        }
        case QUARANTINE -> other.quarantine(entry, "by the test");
        case EXPIRE -> {
          clock.advance(Duration.ofDays(8));
          StoreLimits limits =
              new StoreLimits(ByteLimit.ofBytes(1000), 0, Duration.ofDays(7), Map.of());
          try (DiskStore third = StoreFixture.open(temp, limits, EvictionPolicy.COST, clock)) {
            third.enforceLimits();
          }
        }
        case LIMIT -> {
          for (int i = 0; i < 2; i++) {
            clock.advance(Duration.ofMinutes(1));
            put(other, key(i), 400);
            other.settle();
          }
        }
        default -> throw new AssertionError(how);
      }
      assertThat(store.find(entry.key())).isEmpty();
      assertThat(store.findAll(List.of(entry.key()))).isEmpty();
      store.settle();
      assertThat(store.stats().errors()).isZero();
    }
  }

  @Test
  void unfinishedGenerationStays() throws Exception {
    Key generation = key("g");
    try (DiskStore store = open(temp, 1000, clock);
        DiskStore other = open(temp, 1000, clock)) {
      putPartition(store, generation, 0, 300);
      putPartition(store, generation, 1, 300);
      for (int i = 0; i < 5; i++) {
        putNext(other, i, 300);
        putNext(store, 10 + i, 300);
      }
      assertThat(store.sets().complete(key("set"), generation, 2, META)).isTrue();
      assertThat(store.findSet(key("set"))).isPresent();
      putNext(store, "next", 300);
      assertThat(store.findSet(key("set"))).as("finished sets are as old as they are").isEmpty();
      assertThat(store.stats().bytes()).isLessThanOrEqualTo(900);
    }
  }

  @Test
  void unfinishedGenerationCannotOutgrowTheLimit() throws Exception {
    Key generation = key("g");
    try (DiskStore store = open(temp, 1000, clock)) {
      for (int i = 0; i < 3; i++) {
        putPartition(store, generation, i, 300);
      }
      assertThat(
              catchThrowableOfType(
                  EntryTooLargeException.class, () -> putPartition(store, generation, 3, 300)))
          .hasMessageContaining("unfinished sets takes 1200 bytes");
      assertThat(StoreFixture.files(temp.resolve("tmp"))).allMatch(name -> name.endsWith(".lock"));
      assertThat(store.sets().complete(key("set"), generation, 3, META)).isTrue();
      putPartition(store, key("g2"), 0, 300);
    }
  }

  @Test
  void setGoesAsAWholeBeforeYoungerEntries() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      clock.advance(Duration.ofSeconds(1));
      for (int i = 0; i < 3; i++) {
        putPartition(store, key("g"), i, 100);
      }
      assertThat(store.sets().complete(key("set"), key("g"), 3, META)).isTrue();
      putNext(store, 1, 400);
      putNext(store, 2, 350);
      assertThat(store.findSet(key("set"))).isEmpty();
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key(1), key(2));
    }
  }

  @Test
  void setWithAPinnedEntryStaysWhole() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      clock.advance(Duration.ofSeconds(1));
      for (int i = 0; i < 3; i++) {
        putPartition(store, key("g"), i, 100);
      }
      assertThat(store.sets().complete(key("set"), key("g"), 3, META)).isTrue();
      Entry last = store.findSet(key("set")).orElseThrow().entries().get(2);
      try (Pin pin = store.pin(last)) {
        putNext(store, 1, 400);
        putNext(store, 2, 400);
        assertThat(store.findSet(key("set"))).isPresent();
        assertThat(pin.entry()).isEqualTo(last);
        assertThat(store.find(key(1))).isEmpty();
      }
    }
  }

  @Test
  void replacedSetGoesAlthoughItIsPinned() throws Exception {
    try (DiskStore store = open(temp, 1000, clock)) {
      putPartition(store, key("g1"), 0, 100);
      assertThat(store.sets().complete(key("set"), key("g1"), 1, META)).isTrue();
      Entry old = store.findSet(key("set")).orElseThrow().entries().get(0);
      try (Pin pin = store.pin(old)) {
        putPartition(store, key("g2"), 0, 100);
        assertThat(store.sets().complete(key("set"), key("g2"), 1, META)).isTrue();
        assertThat(pin.entry().path()).doesNotExist();
      }
      assertThat(List.of(store.stats().entries(), store.stats().sets())).containsExactly(1L, 1L);
    }
  }
}
