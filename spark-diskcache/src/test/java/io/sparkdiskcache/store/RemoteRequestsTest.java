// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.harness.FaultyFileSystem;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteTier;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How many requests to an object store entries, sets and lookups cost, because they are paid for.
 */
final class RemoteRequestsTest {
  private static final int ENTRIES = 50;
  private static final int BODY = 10_000;

  @TempDir private Path dir;

  @AfterEach
  void close() {
    RemoteTier.closeAll();
  }

  private RemoteTier tier() {
    Configuration conf = new Configuration(false);
    conf.set(FaultyFileSystem.SETTING, FaultyFileSystem.class.getName());
    return RemoteTier.of(
            new RemoteOptions("faulty://" + dir.resolve("remote"), Duration.ofMinutes(1)), conf)
        .orElseThrow();
  }

  private static RemoteTier.Wanted wanted(Key key) {
    return new RemoteTier.Wanted(key, StoreFixture.RELATION, Instant.EPOCH);
  }

  private static double each(String what, int of) {
    Map<String, Integer> requests = FaultyFileSystem.requests();
    double each = (double) requests.values().stream().mapToInt(Integer::intValue).sum() / of;
    System.out.printf("%d %s: %.2f requests each, %s%n", of, what, each, requests);
    return each;
  }

  @Test
  void areFewAndDoNotGrow() throws Exception {
    List<Entry> entries = new ArrayList<>();
    try (DiskStore from = StoreFixture.open(dir.resolve("from"));
        DiskStore into = StoreFixture.open(dir.resolve("into"))) {
      for (int i = 0; i < ENTRIES; i++) {
        entries.add(StoreFixture.putSealed(from, StoreFixture.key("e" + i), BODY));
      }
      FaultyFileSystem.requests();
      entries.forEach(tier()::upload);
      RemoteTier.closeAll(); // waits for them
      assertThat(each("entries written", ENTRIES)).isLessThan(6);

      List<Key> members = entries.stream().map(Entry::key).toList();
      tier()
          .uploadSet(
              StoreFixture.key("set"),
              StoreFixture.key("generation"),
              members,
              new SetMeta("", Map.of()));
      RemoteTier.closeAll();
      assertThat(each("sets written", 1)).isLessThan(10);

      RemoteTier tier = tier();
      for (Key key : members) {
        assertThat(tier.fetch(into, wanted(key), () -> {})).isPresent();
      }
      assertThat(each("entries fetched", ENTRIES)).isLessThan(2.5);
      for (int i = 0; i < ENTRIES; i++) {
        Key absent = StoreFixture.key("absent " + i);
        assertThat(tier.fetch(into, wanted(absent), () -> {})).isEmpty();
      }
      assertThat(each("entries looked up in vain", ENTRIES)).isLessThan(2.1);
      assertThat(tier.findSet(wanted(StoreFixture.key("set")))).isPresent();
      assertThat(each("sets looked up", 1)).isLessThan(3);

      entries.forEach(tier::used);
      RemoteTier.closeAll();
      assertThat(each("entries served from the SSD and asked for", ENTRIES)).isLessThan(1.1);
      tier();
      assertThat(each("tiers opened", 1)).isZero();
    }
  }
}
