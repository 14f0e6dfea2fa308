// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An index that is lost while a file has been moved into place and its row not yet added. The new
 * index then lists the file of a living writer.
 */
class ReindexerTest {
  @TempDir Path temp;

  private interface Publishing {
    Entry run() throws Exception;
  }

  /**
   * Publishes; between the move of the file and its row the index is lost, and another process
   * makes it anew and indexes what it finds.
   */
  private Entry publishAcrossLoss(DiskStore store, Publishing publishing) throws Exception {
    int before = files(temp.resolve("data")).size();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<Entry> published =
          store
              .index()
              .write(
                  session -> { // keeps the publisher, which has its turn after this, waiting
                    Future<Entry> running = thread.submit(publishing::run);
                    try {
                      while (files(temp.resolve("data")).size() == before && !running.isDone()) {
                        Thread.onSpinWait();
                      }
                      for (String name :
                          new String[] {"index.db", "index.db-wal", "index.db-shm"}) {
                        Files.move(temp.resolve(name), temp.resolve("lost-" + name));
                      }
                      try (DiskStore other = open(temp)) {
                        other.settle();
                      }
                    } catch (Exception e) {
                      throw new AssertionError(e);
                    }
                    return running;
                  });
      return published.get();
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void fileIndexedAgainBeforeItsOwnRowIsKept() throws Exception {
    try (DiskStore store = open(temp)) {
      Entry entry = publishAcrossLoss(store, () -> StoreFixture.putSealed(store, key(1), 100));
      assertThat(entry.path()).exists();
      assertThat(StoreFixture.holdsSealedContent(entry, 100)).isTrue();
      assertThat(store.entries()).hasSize(1);
      assertThat(store.components(key(1)).orElseThrow()).containsEntry("plan", "Scan");
      assertThat(store.stats().published()).isEqualTo(1);
      assertThat(store.stats().unindexedFiles()).isZero();
    }
    try (DiskStore store = open(temp)) {
      assertThat(store.verify(store.find(key(1)).orElseThrow())).isTrue();
    }
  }

  @Test
  void ofAnOldFileAndANewOneOfTheSameKeyOneIsKept() throws Exception {
    try (DiskStore store = open(temp)) {
      // As if it had been published by a process that had another index.
      Entry old = StoreFixture.putSealed(store, key(1), 100);
      store.index().write(session -> Rows.delete(session, old));
      Entry entry = publishAcrossLoss(store, () -> StoreFixture.putSealed(store, key(1), 100));
      assertThat(files(temp.resolve("data"))).hasSize(1);
      assertThat(store.find(key(1)).map(Entry::path)).contains(entry.path());
      assertThat(StoreFixture.holdsSealedContent(entry, 100)).isTrue();
    }
  }

  /** It cannot be indexed from what it says, so it goes; its writer hears of it. */
  @Test
  void fileThatWasTakenAwayIsNotPublished() throws Exception {
    try (DiskStore store = open(temp)) {
      assertThatThrownBy(() -> publishAcrossLoss(store, () -> StoreFixture.put(store, key(1), 100)))
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(StoreException.class)
          .hasMessageContaining("gone");
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.entries()).as("no row without a file").isEmpty();
      assertThat(files(temp.resolve("data"))).isEmpty();
      assertThat(files(temp.resolve("tmp"))).allMatch(name -> name.endsWith(Owner.LOCK_SUFFIX));
      StoreFixture.put(store, key(1), 100);
      assertThat(store.find(key(1))).isPresent();
    }
  }

  /** A row that lost its file is no reason to give up another file of the same key. */
  @Test
  void rowWithoutAFileGivesWayToAFile() throws Exception {
    Entry old;
    try (DiskStore store = open(temp)) {
      old = StoreFixture.putSealed(store, key(1), 100);
    }
    Files.move(temp.resolve("index.db"), temp.resolve("lost"));
    Path hidden = temp.resolve("hidden");
    Files.move(temp.resolve("data"), hidden);
    try (DiskStore store = open(temp)) {
      Entry vanished = StoreFixture.putSealed(store, key(1), 100);
      Files.delete(vanished.path());
      Directories.createPrivate(old.path().getParent());
      Files.move(hidden.resolve(temp.resolve("data").relativize(old.path())), old.path());
      store
          .index()
          .write(
              session -> {
                Sums.addUnindexed(
                    session, java.util.Map.of(old.path().getFileName().toString(), old.bytes()));
                return true;
              });
    }
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(store.find(key(1)).map(Entry::path)).isEqualTo(Optional.of(old.path()));
    }
  }

  /** For want of descriptors, or of memory; here because there is a directory in its place. */
  @Test
  void aFileThatCannotBeReadNowIsKeptForTheNextOpen() throws Exception {
    Path hidden = temp.resolve("hidden");
    Entry old;
    try (DiskStore store = open(temp)) {
      Entry stored = StoreFixture.putSealed(store, key(1), 100);
      old = stored;
      store
          .index()
          .write(
              session -> {
                Rows.delete(session, stored);
                Sums.addUnindexed(
                    session,
                    java.util.Map.of(stored.path().getFileName().toString(), stored.bytes()));
                return true;
              });
    }
    Files.move(old.path(), hidden);
    Files.createDirectory(old.path());
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(store.find(key(1))).isEmpty();
      assertThat(store.stats().unindexedFiles()).isEqualTo(1);
    }
    Files.delete(old.path());
    Files.move(hidden, old.path());
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(StoreFixture.holdsSealedContent(store.find(key(1)).orElseThrow(), 100)).isTrue();
    }
  }
}
