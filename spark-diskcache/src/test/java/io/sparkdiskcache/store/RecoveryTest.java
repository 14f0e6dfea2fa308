// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecoveryTest {
  @TempDir Path temp;

  @Test
  void killedWriterLosesNothingItWasToldIsPublished() throws Exception {
    long seed = StoreFixture.seed("RecoveryTest.killedWriter");
    Random random = new Random(seed);
    Map<String, Integer> published = new HashMap<>();
    List<String> sets = new ArrayList<>();
    int leftovers = 0;
    // In full: -Ddiskcache.kill.rounds=100
    for (int round = 0; round < Integer.getInteger("diskcache.kill.rounds", 6); round++) {
      String run = "run" + round;
      int killAfter = 1 + random.nextInt(60);
      try (StoreProcess writer = StoreProcess.start(temp, "write", run)) {
        for (int line = 0; line < killAfter; line++) {
          note(writer.readLine(), published, sets);
        }
        for (String line : writer.killAndDrain()) {
          note(line, published, sets);
        }
      }
      leftovers += files(temp.resolve("tmp")).size();
      try (DiskStore store = open(temp)) {
        store.settle();
        for (Map.Entry<String, Integer> entry : published.entrySet()) {
          Entry found =
              store
                  .find(key(entry.getKey()))
                  .orElseThrow(() -> new AssertionError("seed " + seed + " lost " + entry));
          assertThat(found.bytes()).isEqualTo((long) entry.getValue());
          assertThat(StoreFixture.holdsContent(found)).as("seed %d %s", seed, entry).isTrue();
          assertThat(store.verify(found)).isTrue();
        }
        for (String set : sets) {
          assertThat(store.findSet(key(set))).as("seed %d %s", seed, set).isPresent();
        }
        assertThat(files(temp.resolve("tmp"))).as("only the own lock is left").hasSizeLessThan(2);
        assertThat(files(temp.resolve("data"))).as("no orphans").hasSize(store.entries().size());
        assertThat(store.entries())
            .as("unfinished generations are gone")
            .filteredOn(entry -> entry.generation().isPresent())
            .hasSize(sets.size() * StoreProcess.PARTITIONS);
        assertThat(store.stats().errors()).isZero();
      }
    }
    assertThat(leftovers).as("the kills left something to clear up").isPositive();
  }

  private static void note(String line, Map<String, Integer> published, List<String> sets) {
    String[] words = line.split(" ", -1);
    switch (words[0]) {
      case "published" -> published.put(words[1], Integer.parseInt(words[2]));
      case "set" -> sets.add(words[1]);
      default -> throw new AssertionError("unexpected line from the writer: " + line);
    }
  }

  @Test
  void leftoversOfALivingProcessStay() throws Exception {
    try (StoreProcess writer = StoreProcess.start(temp, "hold", "held")) {
      assertThat(writer.readLine()).isEqualTo("holding");
      List<String> temporary = files(temp.resolve("tmp"));
      assertThat(temporary).hasSize(2);
      try (DiskStore store = open(temp)) {
        store.settle();
        assertThat(files(temp.resolve("tmp"))).containsAll(temporary);
        assertThat(store.entries()).as("its unfinished generation").hasSize(1);
      }
      writer.killAndDrain();
      try (DiskStore store = open(temp)) {
        store.settle();
        assertThat(files(temp.resolve("tmp"))).doesNotContainAnyElementsOf(temporary);
        assertThat(store.entries()).isEmpty();
        assertThat(store.stats().evictedUnfinished()).isEqualTo(1);
      }
    }
  }

  @Test
  void unfinishedGenerationOfAClosedStoreIsRemoved() throws Exception {
    try (DiskStore store = open(temp)) {
      StoreFixture.putPartition(store, key("g"), 0, 10);
      put(store, key(1), 10);
    }
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(store.entries()).extracting(Entry::key).containsExactly(key(1));
      assertThat(files(temp.resolve("data"))).hasSize(1);
    }
  }

  @Test
  void orphansAreDeletedAndForeignFilesAreNot() throws Exception {
    String dead = "4000000-0-00000000";
    Entry entry;
    try (DiskStore store = open(temp)) {
      entry = put(store, key(1), 10);
      Path orphan =
          CacheDirectory.prepare(temp, DirectoryProbe.system()).dataFile(key(2), dead + "-1");
      Directories.createPrivate(orphan.getParent());
      Files.write(orphan, new byte[10]);
      Files.writeString(orphan.resolveSibling("notes.txt"), "mine");
      Files.createDirectories(temp.resolve("data/foreign/zz"));
      Files.writeString(temp.resolve("data/foreign/zz/" + orphan.getFileName()), "mine");
    }
    Files.createFile(temp.resolve("tmp").resolve(dead + ".lock"));
    Files.createFile(temp.resolve("tmp").resolve(dead + "-7.arrow"));
    Files.createFile(temp.resolve("tmp").resolve("other.arrow"));
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(files(temp.resolve("data")))
          .hasSize(3)
          .contains(temp.resolve("data").relativize(entry.path()).toString())
          .anyMatch(name -> name.endsWith("notes.txt"))
          .anyMatch(name -> name.startsWith("foreign"));
      assertThat(files(temp.resolve("tmp"))).containsExactly("other.arrow");
      assertThat(store.stats().errors()).isZero();
    }
  }
}
