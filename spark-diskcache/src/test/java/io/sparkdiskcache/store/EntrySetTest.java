// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.putPartition;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EntrySetTest {
  private static final Key SET = key("set");
  private static final Key G1 = key("generation 1");
  private static final Key G2 = key("generation 2");
  private static final SetMeta META = new SetMeta("join", Map.of("plan", "Join"));

  @TempDir Path temp;

  /** What ran below a set is shared by its entries, once, and is still known later. */
  @Test
  void entriesTakeTheirShareOfWhatRanBelowTheirSet() throws Exception {
    SetMeta meta =
        new SetMeta("join", Map.of("plan", "Join"), Duration.ofSeconds(9), Duration.ofSeconds(4));
    Duration own;
    try (DiskStore store = open(temp)) {
      own = putPartition(store, G1, 0, 10).meta().computeTime();
      putPartition(store, G1, 1, 10);
      putPartition(store, G1, 2, 10);
      assertThat(store.sets().complete(SET, G1, 3, meta)).isTrue();
      assertThat(store.sets().complete(SET, G1, 3, meta)).as("completing again").isTrue();
    }
    try (DiskStore store = open(temp)) {
      EntrySet set = store.findSet(SET).orElseThrow();
      assertThat(set.meta()).isEqualTo(meta);
      assertThat(set.entries())
          .hasSize(3)
          .allMatch(e -> e.meta().computeTime().equals(own.plus(Duration.ofSeconds(3))));
    }
  }

  @Test
  void setIsInvisibleUntilComplete() throws Exception {
    try (DiskStore store = open(temp)) {
      for (int partition : new int[] {2, 0, 1}) {
        assertThat(store.sets().complete(SET, G1, 3, META)).isFalse();
        putPartition(store, G1, partition, 10 + partition);
        assertThat(store.findSet(SET)).isEmpty();
      }
      assertThat(store.sets().complete(SET, G1, 2, META)).as("one too many").isFalse();
      assertThat(store.sets().complete(SET, G1, 4, META)).as("one too few").isFalse();
      assertThat(store.sets().complete(SET, G2, 3, META)).as("another run").isFalse();
      assertThat(store.sets().complete(SET, G1, 3, META)).isTrue();
    }
    try (DiskStore store = open(temp)) {
      EntrySet set = store.findSet(SET).orElseThrow();
      assertThat(set.generation()).isEqualTo(G1);
      assertThat(set.entries()).extracting(Entry::partition).containsExactly(0, 1, 2);
      assertThat(set.meta().components()).isEqualTo(META.components());
      assertThat(set.meta().description()).isEqualTo("join");
      assertThat(set.bytes()).isEqualTo(33);
      assertThat(store.stats().sets()).isEqualTo(1);
      assertThat(store.sets().complete(SET, G1, 3, META)).as("completing again").isTrue();
      assertThat(store.findSet(SET)).isPresent();
    }
  }

  @Test
  void emptyRelationIsACompleteSet() throws Exception {
    try (DiskStore store = open(temp)) {
      assertThat(store.sets().complete(SET, G1, 0, META)).isTrue();
      assertThat(store.findSet(SET).orElseThrow().entries()).isEmpty();
      assertThat(store.sets().complete(SET, G2, 0, META)).isTrue();
      assertThat(store.findSet(SET).orElseThrow().generation()).isEqualTo(G2);
      store.sets().drop(SET);
      assertThat(store.findSet(SET)).isEmpty();
      assertThat(store.stats().errors()).isZero();
    }
  }

  @Test
  void newerGenerationReplacesTheOld() throws Exception {
    try (DiskStore store = open(temp)) {
      complete(store, G1, 3);
      EntrySet old = store.findSet(SET).orElseThrow();
      complete(store, G2, 2);
      EntrySet set = store.findSet(SET).orElseThrow();
      assertThat(set.generation()).isEqualTo(G2);
      assertThat(set.entries()).hasSize(2);
      assertThat(old.entries()).noneMatch(entry -> Files.exists(entry.path()));
      assertThat(store.entries()).hasSize(2);
      assertThat(store.stats().evictedReplaced()).isEqualTo(3);
    }
  }

  @Test
  void setIsGoneWithAnyOfItsEntries() throws Exception {
    try (DiskStore store = open(temp)) {
      complete(store, G1, 3);
      store.evict(entry -> entry.partition() == 1);
      assertThat(store.findSet(SET)).as("after eviction").isEmpty();
      assertThat(store.stats().sets()).isZero();

      complete(store, G2, 3);
      Entry damaged = store.findSet(SET).orElseThrow().entries().get(2);
      StoreFixture.flipBit(damaged.path(), 5);
      assertThat(store.verify(damaged)).isFalse();
      assertThat(store.findSet(SET)).as("after quarantine").isEmpty();

      Key g3 = key("generation 3");
      complete(store, g3, 3);
      EntrySet set = store.findSet(SET).orElseThrow();
      Files.delete(set.entries().get(0).path());
      Files.delete(set.entries().get(2).path());
      assertThat(store.findSet(SET)).as("file missing").isEmpty();
      store.settle();
      assertThat(store.stats().sets()).isZero();
      assertThat(store.stats().missingFiles()).isEqualTo(2);
      assertThat(store.find(set.entries().get(1).key())).as("still an entry").isPresent();
      assertThat(store.stats().errors()).isZero();
    }
  }

  @Test
  void droppedSetTakesItsEntriesAlong() throws Exception {
    try (DiskStore store = open(temp)) {
      complete(store, G1, 3);
      StoreFixture.put(store, key("other"), 10);
      store.sets().drop(SET);
      store.sets().drop(key("no such set"));
      assertThat(store.findSet(SET)).isEmpty();
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key("other"));
      assertThat(files(temp.resolve("data"))).hasSize(1);
    }
  }

  @Test
  void setsOfSeveralKeysDoNotMix() throws Exception {
    try (DiskStore store = open(temp)) {
      complete(store, G1, 2);
      for (int i = 0; i < 3; i++) {
        putPartition(store, G2, i, 10);
      }
      assertThat(store.sets().complete(key("other set"), G2, 3, META)).isTrue();
      assertThat(List.of(store.findSet(SET).orElseThrow().generation())).containsExactly(G1);
      assertThat(store.findSet(key("other set")).orElseThrow().entries()).hasSize(3);
    }
  }

  private static void complete(DiskStore store, Key generation, int partitions) throws Exception {
    for (int i = 0; i < partitions; i++) {
      putPartition(store, generation, i, 10);
    }
    assertThat(store.sets().complete(SET, generation, partitions, META)).isTrue();
  }
}
