// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static java.time.Instant.EPOCH;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadAheadTest {
  private static final int ENTRIES = 1500;
  private static final int LOOKUPS = 256;

  @TempDir Path temp;
  private DiskStore store;
  private Front front;
  private Background background;

  @BeforeEach
  void fill() throws Exception {
    store = StoreFixture.open(temp);
    CacheDirectory directory = CacheDirectory.prepare(temp, DirectoryProbe.system());
    front = new Front(directory, 10_000);
    background = new Background(new Trouble(new Counters()));
    Rows rows = new Rows(directory, Rows.DamageListener.IGNORE);
    EntryMeta meta = StoreFixture.meta(new byte[0]);
    store
        .index()
        .write(
            session -> {
              for (int i = 0; i < ENTRIES; i++) {
                Path file = directory.dataFile(key(i), "17-18c0ffee-0123abcd-" + (i + 1));
                Entry entry = new Entry(key(i), file, meta.withoutComponents(), EPOCH, EPOCH, 0);
                rows.insert(session, entry, meta.components(), "");
              }
              return ENTRIES;
            });
  }

  @AfterEach
  void close() {
    background.close();
    store.close();
  }

  private ReadAhead readAhead(Front to) throws StoreException {
    CacheDirectory directory = CacheDirectory.prepare(temp, DirectoryProbe.system());
    return new ReadAhead(
        store.index(), new Rows(directory, Rows.DamageListener.IGNORE), to, background);
  }

  /** Each page asks for the next. */
  private void settle() throws InterruptedException {
    for (int page = 0; page < ENTRIES / 1000 + 3; page++) {
      background.await();
    }
  }

  private static long known(Front front) {
    return IntStream.range(0, ENTRIES).filter(i -> front.get(key(i)).isPresent()).count();
  }

  @Test
  void whoLooksUpMuchIsReadAllAhead() throws Exception {
    ReadAhead readAhead = readAhead(front);
    for (int i = 0; i < LOOKUPS - 1; i++) {
      readAhead.indexAnswered();
    }
    settle();
    assertThat(known(front)).as("few lookups").isZero();
    readAhead.indexAnswered();
    settle();
    assertThat(known(front)).isEqualTo(ENTRIES);
    front.clear();
    for (int i = 0; i < LOOKUPS; i++) {
      readAhead.indexAnswered();
    }
    settle();
    assertThat(known(front)).as("and again when it has been forgotten").isEqualTo(ENTRIES);
  }

  @Test
  void nothingIsReadAheadForWhichThereIsNoRoom() throws Exception {
    Front small = new Front(CacheDirectory.prepare(temp, DirectoryProbe.system()), 1100);
    ReadAhead readAhead = readAhead(small);
    for (int i = 0; i < LOOKUPS; i++) {
      readAhead.indexAnswered();
    }
    settle();
    assertThat(known(small)).isBetween(900L, 1100L);
  }

  @Test
  void theStoreAnswersFromMemoryWhatWasReadAhead() throws Exception {
    for (Entry entry : store.entries()) {
      Directories.createPrivate(Objects.requireNonNull(entry.path().getParent()));
      Files.createFile(entry.path());
    }
    for (int i = 0; i < LOOKUPS; i++) {
      assertThat(store.find(key(i))).isPresent();
    }
    for (int page = 0; page < ENTRIES / 1000 + 3; page++) {
      store.settle();
    }
    Entry last =
        store.entries().stream()
            .filter(e -> e.key().equals(key(ENTRIES - 1)))
            .findAny()
            .orElseThrow();
    try (Connection other = StoreFixture.connect(temp);
        Statement statement = other.createStatement()) {
      statement.execute("DELETE FROM entries"); // as no store would: the files stay
    }
    assertThat(store.find(last.key())).contains(last);
    assertThat(store.findAll(List.of(last.key(), key("none"))))
        .containsExactly(entry(last.key(), last));
    Files.delete(last.path());
    assertThat(store.find(last.key())).as("its file is gone").isEmpty();
    assertThat(store.findAll(List.of(last.key()))).isEmpty();
  }
}
