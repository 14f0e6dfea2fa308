// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.store.MemoStore.Turn;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoStoreTest {
  private static final Duration LEASE = Duration.ofMinutes(5);
  private static final MemoFunction SLOW =
      new MemoFunction("d1", "slow", "1", "nightly", "App.slow\nApp.helper");
  private static final MemoFunction OTHER = new MemoFunction("d2", "other", "2", "", "App.other");

  @TempDir private Path temp;

  private static MemoKey key(int i) {
    return new MemoKey((long) i << 60, i, 0, 0);
  }

  private static MemoResult result(String value, long created) {
    return new MemoResult(
        value.getBytes(StandardCharsets.UTF_8), created, MemoResult.NEVER, 1_000, 0.5);
  }

  private static String value(MemoStore store, MemoKey key) {
    return store
        .find(key)
        .map(found -> new String(found.value(), StandardCharsets.UTF_8))
        .orElse("none");
  }

  private MemoStore open() throws StoreException {
    return MemoStore.open(temp.resolve("cache"));
  }

  private Path shard(int i) {
    return temp.resolve("cache/memo/memo-" + Integer.toHexString(i) + ".db");
  }

  @Test
  void resultsAreFoundBeforeAndAfterTheirCommitAndByOtherStores() throws Exception {
    try (MemoStore store = open();
        MemoStore other = open()) {
      for (int i = 0; i < 32; i++) {
        store.put(key(i), SLOW, "a" + i, result("v" + i, i));
        assertThat(value(store, key(i))).isEqualTo("v" + i);
      }
      store.flush();
      for (int i = 0; i < 32; i++) {
        assertThat(value(other, key(i))).isEqualTo("v" + i);
      }
      assertThat(other.find(new MemoKey(1, 2, 3, 4))).isEmpty();
      assertThat(store.errors() + other.errors()).isZero();
    }
    Set<String> modes = new HashSet<>();
    try (Stream<Path> files = Files.walk(temp.resolve("cache/memo"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        modes.add(Files.getPosixFilePermissions(file).toString());
      }
    }
    assertThat(modes).hasSize(1); // for the owner only
    assertThat(modes.iterator().next()).doesNotContain("GROUP", "OTHERS");
  }

  @Test
  void closingWritesWhatWaits() throws Exception {
    try (MemoStore store = open()) {
      store.put(key(1), SLOW, "a", result("v", 1));
    }
    try (MemoStore store = open()) {
      assertThat(value(store, key(1))).isEqualTo("v");
    }
  }

  @Test
  void manyResultsAreWrittenWithoutWaitingForTheClock() throws Exception {
    try (MemoStore store = open();
        MemoStore other = open()) {
      IntStream.range(0, 2_500)
          .forEach(i -> store.put(new MemoKey((i * 31L) << 40, i, 7, 7), SLOW, "", result("v", i)));
      long written =
          IntStream.range(0, 2_500)
              .filter(i -> other.find(new MemoKey((i * 31L) << 40, i, 7, 7)).isPresent())
              .count();
      assertThat(written).isGreaterThanOrEqualTo(1_000);
    }
  }

  @Test
  void theOldestResultsOfALimitedNameAreRemoved() throws Exception {
    int limit = 16 << 14; // 16 KiB in each file
    MemoFunction edited = new MemoFunction("d3", "slow", "1", "nightly", "App.slow");
    try (MemoStore store = open()) {
      store.limit(SLOW, limit);
      byte[] value = new byte[1_000];
      for (int i = 0; i < 1_000; i++) {
        MemoKey key = new MemoKey((long) i << 60, i, 0, 0);
        MemoFunction function = i < 500 ? SLOW : edited; // one name
        store.put(key, function, "a", new MemoResult(value, i, MemoResult.NEVER, 1, 0));
        store.put(
            new MemoKey((long) i << 60, i, 1, 1), OTHER, "a", new MemoResult(value, i, 9, 1, 0));
        if (i % 100 == 99) {
          store.flush();
        }
      }
      store.flush();
      List<MemoEntry> kept = store.entries(entry -> entry.function().name().equals("slow"));
      long bytes = kept.stream().mapToLong(entry -> entry.bytes() + 101).sum();
      assertThat(bytes).isBetween(limit * 3L / 4, limit * 9L / 8);
      for (int i = 900; i < 1_000; i++) {
        assertThat(store.find(new MemoKey((long) i << 60, i, 0, 0))).as("new: %d", i).isPresent();
      }
      assertThat(store.entries(entry -> entry.function().name().equals("other"))).hasSize(1_000);
      assertThat(store.errors()).isZero();
    }
  }

  @Test
  void whatAnotherProcessRemovedIsNotFoundAnyMore() throws Exception {
    try (MemoStore store = open();
        MemoStore other = open()) {
      for (int i = 0; i < 2; i++) {
        store.put(new MemoKey(0, i, 0, 0), SLOW, "a" + i, result("v" + i, i));
      }
      store.flush();
      assertThat(value(other, new MemoKey(0, 0, 0, 0))).isEqualTo("v0");
      store.remove(store.entries(entry -> true));
      other.flush(); // as it does by the clock
      assertThat(value(other, new MemoKey(0, 0, 0, 0))).isEqualTo("none");
      assertThat(value(other, new MemoKey(0, 1, 0, 0))).isEqualTo("none");
      store.put(new MemoKey(0, 2, 0, 0), SLOW, "a2", result("v2", 2));
      store.flush();
      assertThat(value(other, new MemoKey(0, 2, 0, 0))).as("what is new is found").isEqualTo("v2");
    }
  }

  @Test
  void aFileOfWhichMuchIsAskedForIsReadAheadUntilResultsAreRemoved() throws Exception {
    int rows = 3_000;
    try (MemoStore store = open()) {
      for (int i = 0; i < rows; i++) {
        store.put(inShardOne(i), SLOW, "a" + i, result("v" + i, i));
      }
      store.put(key(2), SLOW, "", result("v", 0));
    }
    try (MemoStore store = open();
        MemoStore other = open()) {
      for (int i = 0; i < 500; i++) {
        assertThat(value(store, inShardOne(i))).isEqualTo("v" + i);
      }
      sql(1, "DELETE FROM results"); // which nobody announces
      store.flush();
      for (int i = 1_000; i < 1_010; i++) {
        assertThat(value(store, inShardOne(i))).isEqualTo("v" + i);
      }
      assertThat(value(store, inShardOne(1_000))).isEqualTo("none"); // it is the caller's now
      assertThat(value(other, inShardOne(1_010))).isEqualTo("none");
      other.remove(other.entries(entry -> entry.key().equals(key(2))));
      store.flush();
      for (int i = 0; i < rows; i++) {
        assertThat(value(store, inShardOne(i))).isEqualTo("none");
      }
      assertThat(store.errors()).isZero();
    }
  }

  private static MemoKey inShardOne(int i) {
    return new MemoKey((1L << 60) + i, i, 0, 0);
  }

  @Test
  void oneCallerAtATimeHasTheTurn() throws Exception {
    try (MemoStore store = open()) {
      assertThat(store.takeTurn(key(1), LEASE, result -> true)).isEqualTo(Turn.CALL);
      leaseOf(1, "1/1/1"); // of a process of another namespace, of which nothing is known
      assertThat(store.takeTurn(key(1), LEASE, result -> true)).isEqualTo(Turn.WAIT);
      store.release(key(1), SLOW);
      store.flush();
      assertThat(store.takeTurn(key(1), LEASE, result -> true))
          .as("only its own leases does a process give back")
          .isEqualTo(Turn.WAIT);
      sql(1, "UPDATE leases SET expires = 1");
      assertThat(store.takeTurn(key(1), LEASE, result -> true))
          .as("a hung owner is waited for until its lease expires")
          .isEqualTo(Turn.CALL);
      store.put(key(1), SLOW, "a", result("v", 1));
      store.flush();
      assertThat(store.takeTurn(key(1), LEASE, result -> true)).isEqualTo(Turn.KNOWN);
      assertThat(store.takeTurn(key(1), LEASE, result -> false)).isEqualTo(Turn.CALL);
    }
  }

  @Test
  void deadOwnersAreNotWaitedFor() throws Exception {
    Process process = new ProcessBuilder("sleep", "600").start();
    try (MemoStore store = open()) {
      assertThat(store.takeTurn(key(2), LEASE, result -> true)).isEqualTo(Turn.CALL);
      String namespace = MemoOwner.SELF.substring(0, MemoOwner.SELF.indexOf('/'));
      String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
      String start = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[19];
      leaseOf(2, namespace + "/" + process.pid() + "/" + start);
      assertThat(store.takeTurn(key(2), LEASE, result -> true)).isEqualTo(Turn.WAIT);
      leaseOf(2, namespace + "/" + process.pid() + "/1"); // its id was another process's
      assertThat(store.takeTurn(key(2), LEASE, result -> true)).isEqualTo(Turn.CALL);
      leaseOf(2, namespace + "/" + process.pid() + "/" + start);
      process.destroyForcibly();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(store.takeTurn(key(2), LEASE, result -> true)).isEqualTo(Turn.CALL);
    } finally {
      process.destroyForcibly();
    }
  }

  private void leaseOf(int shard, String owner) throws SQLException {
    sql(shard, "UPDATE leases SET owner = '" + owner + "'");
  }

  private void sql(int shard, String statement) throws SQLException {
    try (Session session = Session.open(shard(shard), MemoSchema.BUSY)) {
      session.execute(statement);
    }
  }

  @Test
  void aDamagedValueIsNotServed() throws Exception {
    try (MemoStore store = open()) {
      store.put(key(3), SLOW, "a", result("v", 1));
      store.flush();
      sql(3, "UPDATE results SET value = x'00'");
      assertThat(store.find(key(3))).isEmpty();
      assertThat(store.takeTurn(key(3), LEASE, result -> true)).isEqualTo(Turn.CALL);
      store.put(key(3), SLOW, "a", result("again", 2));
      store.flush();
      assertThat(value(store, key(3))).isEqualTo("again");
    }
  }

  @Test
  void aFileThatIsNoDatabaseCostsHitsAndNothingElse() throws Exception {
    try (MemoStore store = open()) {
      Files.writeString(shard(4), "not a database, but longer than the header of one".repeat(100));
      assertThat(store.find(key(4))).isEmpty();
      assertThat(store.takeTurn(key(4), LEASE, result -> true)).isEqualTo(Turn.CALL);
      store.put(key(4), SLOW, "a", result("v", 1));
      store.put(key(5), SLOW, "a", result("w", 1));
      assertThatThrownBy(store::flush).isInstanceOf(IOException.class);
      assertThat(store.find(key(4))).as("dropped, so that it does not fill the memory").isEmpty();
      assertThat(store.errors()).isGreaterThanOrEqualTo(2);
      assertThatThrownBy(() -> store.entries(entry -> true)).isInstanceOf(StoreException.class);
    }
    try (MemoStore store = open()) {
      assertThat(value(store, key(5))).as("the other files are well").isEqualTo("w");
    }
  }

  @Test
  void selectorsMeanResultsOnlyIfTheyNameWhose() throws Exception {
    try (MemoStore store = open()) {
      long old = System.currentTimeMillis() - Duration.ofDays(3).toMillis();
      store.put(key(1), SLOW, MemoEntry.join(List.of("Berlin", "DE")), result("v", old));
      store.put(key(2), SLOW, MemoEntry.join(List.of("x".repeat(5_000))), result("v", 1 + old));
      store.put(key(3), OTHER, MemoEntry.join(List.of("Berlin")), result("v", 2 + old));
      assertThat(select(store, "function=slow")).hasSize(2);
      assertThat(select(store, "function=App.help*")).hasSize(2);
      assertThat(select(store, "tag=nightly arg=DE")).hasSize(1);
      assertThat(select(store, "arg=Ber*")).hasSize(2);
      assertThat(select(store, "version=2 arg=Berlin")).hasSize(1);
      assertThat(select(store, "arg=" + "x".repeat(5_000))).hasSize(1);
      assertThat(select(store, "arg=" + "x".repeat(4_999))).isEmpty();
      assertThat(select(store, "function=* older=2d")).hasSize(3);
      assertThat(select(store, "function=* older=4d")).isEmpty();
      assertThat(select(store, "older=2d")).as("never what was paid for by age alone").isEmpty();
      assertThat(select(store, "function=slow source=*")).isEmpty();

      int[] told = {0};
      store.onEviction(() -> told[0]++);
      assertThat(store.remove(select(store, "arg=Berlin"))).isEqualTo(2);
      assertThat(told[0]).isEqualTo(1);
      assertThat(store.entries(entry -> true)).hasSize(1);
      assertThat(store.find(key(1))).isEmpty();
    }
  }

  private static List<MemoEntry> select(MemoStore store, String selector) throws StoreException {
    return store.entries(Selector.parse(selector));
  }

  @Test
  void otherProcessesHearOfEvictions() throws Exception {
    try (MemoStore store = open();
        MemoStore other = open()) {
      int[] told = {0};
      other.onEviction(() -> told[0]++);
      store.put(key(1), SLOW, "a", result("v", 1));
      store.remove(select(store, "function=slow"));
      other.flush();
      assertThat(told[0]).isPositive();
    }
  }

  @Test
  void theLedgerAddsUpOverProcesses() throws Exception {
    for (int i = 0; i < 2; i++) {
      try (MemoStore store = open()) {
        MemoCounts counts = store.counts(SLOW);
        counts.called(1_000, 0.5);
        counts.hit(result("v", 1));
        counts.hit(result("v", 1));
        counts.failed(500);
        store.flush();
        counts.unkept();
      }
    }
    try (MemoStore store = open()) {
      MemoUse use = store.ledger().get(0); // a second line if midnight has passed
      assertThat(store.ledger().stream().mapToLong(MemoUse::hits).sum()).isEqualTo(4);
      assertThat(store.ledger().stream().mapToLong(MemoUse::calls).sum()).isEqualTo(2);
      assertThat(store.ledger().stream().mapToLong(MemoUse::errors).sum()).isEqualTo(2);
      assertThat(store.ledger().stream().mapToLong(MemoUse::unkept).sum()).isEqualTo(2);
      assertThat(store.ledger().stream().mapToDouble(MemoUse::paid).sum()).isEqualTo(1.0);
      assertThat(store.ledger().stream().mapToDouble(MemoUse::notPaid).sum()).isEqualTo(2.0);
      assertThat(use.name()).isEqualTo("slow");
      assertThat(use.tag()).isEqualTo("nightly");
    }
  }

  @Test
  void aFileOfALaterFormatIsLeftAlone() throws Exception {
    try (MemoStore store = open()) {
      store.put(key(1), SLOW, "a", result("v", 1));
    }
    sql(1, "PRAGMA user_version = 2");
    try (MemoStore store = open()) {
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.errors()).isEqualTo(1);
      assertThatThrownBy(() -> store.entries(entry -> true)).hasMessageContaining("format 2");
    }
  }
}
