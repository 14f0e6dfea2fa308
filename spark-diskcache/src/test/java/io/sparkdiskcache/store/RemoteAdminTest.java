// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.harness.FaultyFileSystem;
import io.sparkdiskcache.remote.RemoteAdmin;
import io.sparkdiskcache.remote.RemoteAdmin.Kind;
import io.sparkdiskcache.remote.RemoteAdmin.Limits;
import io.sparkdiskcache.remote.RemoteAdmin.RemoteObject;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteTier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The operations of people on a remote tier, by Java alone and by a file system of Hadoop. */
final class RemoteAdminTest {
  private static final int BODY = 10_000;

  @TempDir private Path dir;

  @AfterEach
  void close() {
    RemoteTier.closeAll();
  }

  private String uri(String scheme) {
    return scheme + "://" + dir.resolve("remote");
  }

  private RemoteTier tier() {
    RemoteTier.closeAll();
    return RemoteTier.of(
            new RemoteOptions(uri("file"), Duration.ofSeconds(30)), new Configuration(false))
        .orElseThrow();
  }

  private RemoteAdmin admin(String scheme) throws Exception {
    return RemoteAdmin.open(
        uri(scheme), Map.of(FaultyFileSystem.SETTING, FaultyFileSystem.class.getName()));
  }

  private List<Entry> fill(DiskStore store, int count) throws Exception {
    RemoteTier tier = tier();
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Entry entry = StoreFixture.putSealed(store, StoreFixture.key("r" + i), BODY);
      entries.add(entry);
      tier.upload(entry);
    }
    RemoteTier.closeAll();
    return entries;
  }

  private static List<String> keys(List<RemoteObject> objects) {
    return objects.stream().map(RemoteObject::key).sorted().toList();
  }

  private static List<String> keysOf(List<Entry> entries) {
    return entries.stream().map(entry -> entry.key().hex()).sorted().toList();
  }

  private void makeOld(Entry entry, Duration age) throws Exception {
    Files.setLastModifiedTime(object(entry), FileTime.from(Instant.now().minus(age)));
  }

  private Path object(Entry entry) {
    String key = entry.key().hex();
    return dir.resolve("remote/v1")
        .resolve(key.substring(0, 2))
        .resolve(key.substring(2, 4))
        .resolve(key + ".arrow");
  }

  private Optional<Entry> fetch(DiskStore into, Key key) {
    RemoteTier.Wanted wanted = new RemoteTier.Wanted(key, StoreFixture.RELATION, Instant.EPOCH);
    return tier().fetch(into, wanted, () -> {});
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "faulty"})
  void whatIsTooOldOrTooMuchIsCollected(String scheme) throws Exception {
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"));
        RemoteAdmin admin = admin(scheme)) {
      List<Entry> entries = fill(store, 5);
      assertThat(keys(admin.list())).isEqualTo(keysOf(entries));
      for (int i = 0; i < 5; i++) {
        makeOld(entries.get(i), Duration.ofHours(10 - i));
      }
      Limits old = new Limits(Duration.ofMinutes(9 * 60 + 30), null);
      assertThat(keys(admin.collect(old, true))).isEqualTo(keysOf(entries.subList(0, 1)));
      assertThat(admin.list()).as("a dry run").hasSize(5);
      assertThat(keys(admin.collect(old, false))).isEqualTo(keysOf(entries.subList(0, 1)));
      long two = entries.get(0).bytes() * 2;
      assertThat(keys(admin.collect(new Limits(null, two), false)))
          .as("the oldest go first")
          .isEqualTo(keysOf(entries.subList(1, 3)));
      assertThat(keys(admin.list())).isEqualTo(keysOf(entries.subList(3, 5)));
      assertThat(admin.collect(new Limits(null, null), false)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "faulty"})
  void whatWasErasedStaysErased(String scheme) throws Exception {
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"));
        DiskStore other = StoreFixture.open(dir.resolve("other"));
        RemoteAdmin admin = admin(scheme)) {
      List<Entry> entries = fill(store, 2);
      Selector selector = Selector.parse("relation=" + StoreFixture.RELATION);
      assertThat(admin.erase(Selector.parse("relation=1234"), false)).isEmpty();
      assertThat(keys(admin.erase(selector, true))).isEqualTo(keysOf(entries));
      assertThat(keys(admin.erase(selector, false))).isEqualTo(keysOf(entries));
      assertThat(admin.list()).extracting(RemoteObject::kind).containsOnly(Kind.ERASED);

      RemoteTier tier = tier();
      tier.upload(entries.get(0)); // by a host that has it still
      tier.used(entries.get(1));
      RemoteTier.closeAll();
      assertThat(admin.reconcile(store.entries(), false).refused()).isEqualTo(2);
      assertThat(admin.list()).extracting(RemoteObject::kind).containsOnly(Kind.ERASED);

      Files.copy(entries.get(0).path(), object(entries.get(0))); // by one that knows nothing of it
      assertThat(fetch(other, entries.get(0).key())).as("it is not served").isEmpty();
      assertThat(keys(admin.collect(new Limits(null, null), false)))
          .isEqualTo(keysOf(entries.subList(0, 1)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"file", "faulty"})
  void whatTheTierLacksIsWritten(String scheme) throws Exception {
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"));
        DiskStore other = StoreFixture.open(dir.resolve("other"));
        RemoteAdmin admin = admin(scheme)) {
      Entry before = StoreFixture.putSealed(store, StoreFixture.key("before"), BODY);
      fill(store, 1);
      assertThat(admin.reconcile(store.entries(), true))
          .isEqualTo(new RemoteAdmin.Reconciled(1, 1, 0));
      assertThat(admin.list()).hasSize(1);
      assertThat(admin.reconcile(store.entries(), false).written()).isEqualTo(1);
      assertThat(admin.reconcile(store.entries(), false))
          .isEqualTo(new RemoteAdmin.Reconciled(0, 2, 0));
      Entry fetched = fetch(other, before.key()).orElseThrow();
      assertThat(StoreFixture.holdsSealedContent(fetched, BODY)).isTrue();
    }
  }

  @Test
  void whatAHostServesIsWrittenAgainWhenItHasExpired() throws Exception {
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"));
        RemoteAdmin admin = admin("file")) {
      List<Entry> entries = new ArrayList<>(fill(store, 3)); // asked for one by one
      for (int i = 0; entries.size() < 9; i++) { // and by a listing
        if (StoreFixture.key("s" + i).hex().startsWith("ab")) {
          entries.add(StoreFixture.putSealed(store, StoreFixture.key("s" + i), BODY));
        }
      }
      Files.delete(object(entries.get(0)));
      Files.createDirectories(object(entries.get(8)).getParent());
      Files.copy(entries.get(8).path(), object(entries.get(8)));
      RemoteTier tier = tier();
      entries.forEach(tier::used);
      entries.forEach(tier::used);
      RemoteTier.closeAll();
      assertThat(keys(admin.list())).isEqualTo(keysOf(entries));
      assertThat(RemoteTier.stats(new RemoteOptions(uri("file"), Duration.ZERO)).failures())
          .isZero();
    }
  }

  @Test
  void aSetIsWrittenAgainWhenItHasExpired() throws Exception {
    Key generation = StoreFixture.key("g");
    Key setKey = StoreFixture.key("set");
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"));
        RemoteAdmin admin = admin("file")) {
      IntStream.range(0, 3)
          .forEach(
              i -> {
                try {
                  StoreFixture.putPartition(store, generation, i, 100);
                } catch (Exception e) {
                  throw new AssertionError(e);
                }
              });
      assertThat(store.sets().complete(setKey, generation, 3, new SetMeta("a set", Map.of())))
          .isTrue();
      RemoteTier tier = tier();
      tier.used(store.findSet(setKey).orElseThrow());
      RemoteTier.closeAll();
      assertThat(admin.list()).hasSize(4);
      assertThat(admin.list()).filteredOn(o -> o.kind() == Kind.SET).hasSize(1);
    }
  }

  @Test
  void aTierThatNobodyCanReachIsSaidSo() {
    assertThatThrownBy(() -> RemoteAdmin.open("nonsense://x/y", Map.of()))
        .isInstanceOf(java.io.IOException.class)
        .hasMessageContaining("nonsense");
    assertThatThrownBy(() -> RemoteAdmin.open("/no/scheme", Map.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
