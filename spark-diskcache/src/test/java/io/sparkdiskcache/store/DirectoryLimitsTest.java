// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.content;
import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.store.DirectoryLimits.Name;
import io.sparkdiskcache.store.StoreFixture.FakeClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Applications with limits of their own in one directory. */
class DirectoryLimitsTest {
  private static final int BYTES = 1000;

  @TempDir Path temp;
  private final FakeClock clock = new FakeClock();

  static StoreOptions options(
      Path directory, long maxBytes, Duration ttl, Map<String, ByteLimit> tags, Name... changes) {
    return new StoreOptions(
        directory.toString(),
        new StoreLimits(ByteLimit.ofBytes(maxBytes), 0, ttl, tags),
        VerifyMode.OPEN,
        EvictionPolicy.OLDEST,
        Set.of(),
        Set.of(changes));
  }

  private static StoreOptions options(Path directory, long maxBytes) {
    return options(directory, maxBytes, Duration.ZERO, Map.of());
  }

  private DiskStore open(StoreOptions options) throws StoreException {
    return DiskStore.open(options, DirectoryProbe.system(), clock);
  }

  static Entry put(DiskStore store, String application, int number, String tag) throws Exception {
    Key key = key(application + number);
    byte[] bytes = content(key, BYTES);
    EntryMeta meta = StoreFixture.meta(bytes, Optional.empty(), 0, tag, Duration.ofSeconds(1));
    EntryMeta of =
        new EntryMeta(
            meta.relation(),
            meta.generation(),
            meta.partition(),
            meta.rows(),
            meta.bytes(),
            meta.crc32c(),
            meta.computeTime(),
            meta.writeTime(),
            meta.tag(),
            application + "/session",
            meta.description(),
            meta.components());
    return StoreFixture.put(store, key, bytes, of);
  }

  private void fill(DiskStore store, String application, int entries, String tag) throws Exception {
    for (int i = 0; i < entries; i++) {
      clock.advance(Duration.ofSeconds(20)); // nothing is spared for being recent
      put(store, application, i, tag);
      store.settle();
    }
  }

  private static Map<String, Long> count(DiskStore store) {
    return store.entries().stream()
        .collect(Collectors.groupingBy(Entry::application, Collectors.counting()));
  }

  @Test
  void anotherProcessWithASmallerLimitLimitsWhatItAdds() throws Exception {
    try (StoreProcess first = StoreProcess.start(temp, "fill", "a", "200000", "0", "100")) {
      assertThat(first.finish()).containsExactly("found 100");
    }
    try (StoreProcess second = StoreProcess.start(temp, "fill", "b", "50000", "0", "60")) {
      second.finish();
    }
    try (DiskStore store = open(options(temp, 1 << 20))) {
      Map<String, Long> kept = count(store);
      assertThat(kept.get("a")).isEqualTo(100);
      assertThat(kept.get("b")).isBetween(40L, 50L);
      assertThat(store.maintenance().limits().orElseThrow().limits().maxBytes().bytes())
          .isEqualTo(200_000);
    }
  }

  @Test
  void anotherProcessWithATimeToLiveRemovesNothing() throws Exception {
    try (StoreProcess first = StoreProcess.start(temp, "fill", "a", "200000", "0", "20")) {
      first.finish();
    }
    try (StoreProcess second = StoreProcess.start(temp, "fill", "b", "200000", "1", "1")) {
      assertThat(second.finish()).containsExactly("found 0"); // it believes none, its own included
    }
    try (DiskStore store = open(options(temp, 200_000))) {
      assertThat(count(store)).isEqualTo(Map.of("a", 20L, "b", 1L));
    }
  }

  @Test
  void theLimitOfTheDirectoryHoldsForAll() throws Exception {
    try (DiskStore small = open(options(temp, 10 * BYTES));
        DiskStore large = open(options(temp, 1 << 20))) {
      fill(small, "a", 8, "");
      fill(large, "b", 8, "");
      assertThat(small.stats().bytes()).isLessThanOrEqualTo(10 * BYTES);
      assertThat(count(large)).containsEntry("b", 8L);
    }
  }

  @Test
  void aReaderReplacesWhatItDoesNotBelieve() throws Exception {
    try (DiskStore writer = open(options(temp, 1 << 20));
        DiskStore reader = open(options(temp, 1 << 20, Duration.ofSeconds(5), Map.of()))) {
      Entry old = put(writer, "a", 1, "");
      clock.advance(Duration.ofSeconds(6));
      assertThat(reader.find(old.key())).isEmpty();
      assertThat(writer.find(old.key())).isPresent();
      reader.enforceLimits();
      assertThat(old.path()).exists();

      Entry young = put(reader, "a", 1, "");
      assertThat(young.path()).isNotEqualTo(old.path()).exists();
      assertThat(old.path()).doesNotExist();
      assertThat(reader.find(old.key()).orElseThrow().path()).isEqualTo(young.path());
      assertThat(writer.find(old.key()).orElseThrow().path()).isEqualTo(young.path());
      assertThat(put(writer, "a", 1, "").path()).isEqualTo(young.path());
    }
  }

  @Test
  void aTagsLimitOfAnApplicationIsForWhatItAdds() throws Exception {
    try (DiskStore first = open(options(temp, 1 << 20));
        DiskStore second =
            open(
                options(
                    temp,
                    1 << 20,
                    Duration.ZERO,
                    Map.of("nightly", ByteLimit.ofBytes(3 * BYTES))))) {
      fill(first, "a", 5, "nightly");
      fill(second, "b", 5, "nightly");
      fill(second, "c", 5, "other");
      assertThat(count(first).get("a")).isEqualTo(5);
      assertThat(count(first).get("b")).isBetween(1L, 3L);
      assertThat(count(first).get("c")).isEqualTo(5);
    }
  }

  @Test
  void anApplicationsPolicyNoneRefusesAboveItsOwnLimit() throws Exception {
    StoreOptions none =
        new StoreOptions(
            temp.toString(),
            StoreLimits.ofBytes(2 * BYTES),
            VerifyMode.OPEN,
            EvictionPolicy.NONE,
            Set.of(),
            Set.of());
    try (DiskStore first = open(options(temp, 1 << 20));
        DiskStore second = open(none)) {
      fill(first, "a", 5, "");
      fill(second, "b", 2, "");
      assertThatThrownBy(() -> put(second, "b", 3, "")).isInstanceOf(StoreException.class);
      assertThat(count(first)).isEqualTo(Map.of("a", 5L, "b", 2L));
    }
  }

  @Test
  void anExplicitChangeIsSeenByProcessesThatRun() throws Exception {
    try (DiskStore first = open(options(temp, 1 << 20))) {
      fill(first, "a", 10, "");
      open(options(temp, 5 * BYTES, Duration.ofDays(9), Map.of(), Name.MAX_BYTES)).close();
      DirectoryLimits now = first.maintenance().limits().orElseThrow();
      assertThat(now.limits().maxBytes().bytes()).isEqualTo(5 * BYTES);
      assertThat(now.limits().ttl()).as("not named").isEqualTo(Duration.ZERO);
      first.enforceLimits();
      assertThat(first.stats().bytes()).isLessThanOrEqualTo(5 * BYTES);
    }
  }

  @Test
  void limitsOutliveTheIndex() throws Exception {
    open(options(temp, 200_000)).close();
    Files.delete(temp.resolve("index.db"));
    try (DiskStore store = open(options(temp, 50_000))) {
      assertThat(store.maintenance().limits().orElseThrow().limits().maxBytes().bytes())
          .isEqualTo(200_000);
    }
  }

  @Test
  void everyLimitIsReadAsItWasWritten() throws Exception {
    DirectoryLimits limits =
        new DirectoryLimits(
            new StoreLimits(
                ByteLimit.parse("12.5%"),
                12_345,
                Duration.ofMillis(1234),
                Map.of("a b=c:#!\\", ByteLimit.parse("5m"), "t\u00fc", ByteLimit.parse("7%"))),
            EvictionPolicy.LFU);
    limits.write(temp);
    assertThat(DirectoryLimits.read(temp)).contains(limits);
    Files.writeString(temp.resolve("limits"), "maxBytes=much");
    assertThatThrownBy(() -> open(options(temp, 1 << 20)))
        .isInstanceOf(StoreException.class)
        .hasMessageContaining("limits")
        .hasMessageContaining("Delete the file");
  }

  @Test
  void maintenanceHasNoLimitsAndLeavesNone() throws Exception {
    DiskStore.openForMaintenance(temp, Set.of()).close();
    assertThat(temp.resolve("limits")).doesNotExist();
  }
}
