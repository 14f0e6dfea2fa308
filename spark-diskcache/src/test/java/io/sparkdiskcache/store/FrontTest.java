// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FrontTest {
  private static final String OWNER = "17-18c0ffee-0123abcd-";

  @TempDir Path temp;
  private CacheDirectory directory;
  private Front front;
  private Entry first;
  private Entry second;

  @BeforeEach
  void open() throws StoreException {
    directory = CacheDirectory.prepare(temp, DirectoryProbe.system());
    front = new Front(directory, 1000);
    first = entry(key(1), 1);
    second = entry(key(1), 2);
  }

  private Entry entry(Key key, long file) {
    return new Entry(
        key,
        directory.dataFile(key, OWNER + file),
        StoreFixture.meta(new byte[0]).withoutComponents(),
        Instant.EPOCH,
        Instant.EPOCH,
        0);
  }

  @Test
  void nothingIsTakenInWhileAnythingIsRemoved() {
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).contains(first);
    long before = front.ticket();
    front.removing(List.of(first));
    assertThat(front.get(key(1))).as("forgotten before its row goes").isEmpty();
    long meanwhile = front.ticket();
    front.put(first, meanwhile); // whose row may still be seen
    front.replace(first, meanwhile);
    assertThat(front.get(key(1))).isEmpty();
    front.removed();
    front.put(first, before);
    front.put(first, meanwhile);
    front.replace(first, meanwhile);
    assertThat(front.get(key(1))).as("what was seen before that is over").isEmpty();
    front.put(second, front.ticket());
    assertThat(front.get(key(1))).contains(second);
  }

  @Test
  void removalsMayOverlap() {
    front.removing(List.of(first));
    front.removing(List.of(second));
    front.removed();
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).isEmpty();
    front.removed();
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).contains(first);
  }

  @Test
  void removalOfAnOldFileLeavesTheNewOne() {
    front.put(second, front.ticket());
    front.removing(List.of(first));
    front.removed();
    assertThat(front.get(key(1))).contains(second);
    front.clear();
    assertThat(front.get(key(1))).isEmpty();
  }

  @Test
  void whatIsGivenBackIsWhatWasTakenIn() {
    EntryMeta meta =
        new EntryMeta(
            StoreFixture.RELATION,
            Optional.of(key("generation")),
            17,
            Long.MAX_VALUE,
            1L << 40,
            0xFFFF_FFFFL,
            Duration.ofNanos(Long.MAX_VALUE),
            Duration.ofNanos(1),
            "a tag",
            "app-1",
            "a description",
            Map.of());
    Entry entry =
        new Entry(
            key(2),
            directory.dataFile(key(2), OWNER + "999999999999999999"),
            meta,
            Instant.ofEpochMilli(1_700_000_000_123L),
            Instant.ofEpochMilli(1_700_000_000_456L),
            5);
    front.put(entry, front.ticket());
    front.put(first, front.ticket());
    assertThat(front.get(key(2))).contains(entry);
    assertThat(front.get(key(1))).contains(first);
    assertThat(front.get(key(3))).isEmpty();
  }

  @Test
  void aFileWhoseNameIsNoNumberIsNotTakenIn() {
    for (String file : List.of("01", "0", "", "1x", "9999999999999999999")) {
      Entry entry =
          new Entry(
              key(1),
              directory.dataFile(key(1), OWNER + file),
              first.meta(),
              Instant.EPOCH,
              Instant.EPOCH,
              0);
      front.put(entry, front.ticket());
      assertThat(front.get(key(1))).as(file).isEmpty();
    }
  }

  @Test
  void thereIsRoomForTheLast() {
    int known = 0;
    for (int i = 0; i < 5000; i++) {
      front.put(entry(key(i), 1), front.ticket());
      assertThat(front.get(key(i))).isPresent();
    }
    for (int i = 0; i < 5000; i++) {
      known += front.get(key(i)).isPresent() ? 1 : 0;
    }
    assertThat(known).isBetween(800, 1000);
  }

  @Test
  void entriesThatHaveNothingInCommonDoNotTakeMore() {
    for (int i = 0; i < 500; i++) {
      Key key = key(i);
      Entry entry =
          new Entry(
              key,
              directory.dataFile(key, OWNER.replace("17", "17" + i) + 1),
              first.meta(),
              Instant.EPOCH,
              Instant.EPOCH,
              0);
      front.put(entry, front.ticket());
      assertThat(front.get(key)).contains(entry);
    }
    long known = IntStream.range(0, 500).filter(i -> front.get(key(i)).isPresent()).count();
    assertThat(known).isBetween(1L, 1000L / 16 + 1);
  }
}
