// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileReadTest {
  @TempDir Path dir;

  private Path write(String name, String text) throws IOException {
    return Files.writeString(dir.resolve(name), text);
  }

  private static FileRead read(Path file) {
    return FileRead.of(file.toString()).orElseThrow();
  }

  /** As it was seen long after it was written, so that times are believed. */
  private static FileRead settled(Path file) {
    FileRead now = read(file);
    return FileRead.seen(
        now.path(),
        now.length(),
        now.modifiedNanos(),
        now.changedNanos(),
        now.inode(),
        now.device(),
        now.sha256(),
        Instant.now().plus(Duration.ofHours(1)));
  }

  @Test
  void contentDecidesWhereTimesSayNothing() throws IOException {
    Path file = write("a", "one");
    FileRead young = read(file);
    assertThat(young.settled()).isFalse();
    assertThat(young.look()).isEqualTo(FileRead.Look.SAME);
    FileTime time = Files.getLastModifiedTime(file);
    write("a", "two");
    Files.setLastModifiedTime(file, time);
    assertThat(young.look()).isEqualTo(FileRead.Look.CHANGED);
    write("a", "one");
    assertThat(young.look()).isEqualTo(FileRead.Look.SAME);
  }

  @Test
  void aSettledFileIsKnownByItsTimesAndByItsContentIfTheyMoved() throws IOException {
    Path file = write("a", "one");
    FileRead seen = settled(file);
    assertThat(seen.settled()).isTrue();
    assertThat(seen.look()).isEqualTo(FileRead.Look.SAME);
    // The times say that it is the same, so its content is not looked at.
    FileRead other =
        new FileRead(
            seen.path(),
            seen.length(),
            seen.modifiedNanos(),
            seen.changedNanos(),
            seen.inode(),
            seen.device(),
            true,
            "00");
    assertThat(other.look()).isEqualTo(FileRead.Look.SAME);
    Files.setLastModifiedTime(file, FileTime.fromMillis(0));
    assertThat(seen.look()).isEqualTo(FileRead.Look.SAME);
    assertThat(other.look()).isEqualTo(FileRead.Look.CHANGED);
    Path copy = Files.copy(file, dir.resolve("b"));
    Files.move(copy, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertThat(seen.look()).isEqualTo(FileRead.Look.SAME);
  }

  @Test
  void whatIsNoRegularFileIsNoInput() throws IOException {
    assertThat(FileRead.of(dir.toString())).isEmpty();
    assertThat(FileRead.of("/dev/null")).isEmpty();
    assertThat(FileRead.of(dir.resolve("nowhere").toString())).isEmpty();
    assertThat(FileRead.of("bad\0name")).isEmpty();
    Path huge = dir.resolve("huge");
    try (java.io.RandomAccessFile sparse = new java.io.RandomAccessFile(huge.toFile(), "rw")) {
      sparse.setLength(FileRead.MAX_BYTES + 1);
    }
    assertThat(FileRead.of(huge.toString())).isEmpty();
  }

  @Test
  void absenceIsAFactToo() throws IOException {
    FileRead absent = FileRead.absent(dir.resolve("later").toString());
    assertThat(absent.look()).isEqualTo(FileRead.Look.SAME);
    write("later", "");
    assertThat(absent.look()).isEqualTo(FileRead.Look.CHANGED);
    FileRead dangling = FileRead.absent(dir.resolve("link").toString());
    Files.createSymbolicLink(dir.resolve("link"), dir.resolve("nowhere"));
    assertThat(dangling.look()).isEqualTo(FileRead.Look.UNKNOWN);
  }

  @Test
  void readsSurviveEncoding() throws IOException {
    FileRead a = read(write("a", "one"));
    FileRead odd = FileRead.absent("/x/ü \uD800 \n\0");
    List<FileRead> reads = List.of(a, odd);
    assertThat(FileRead.decode(FileRead.encode(reads))).isEqualTo(reads);
    assertThat(FileRead.decode(FileRead.encode(List.of()))).isEmpty();
    byte[] bytes = FileRead.encode(reads);
    for (int length = 1; length < bytes.length; length++) {
      byte[] cut = java.util.Arrays.copyOf(bytes, length);
      org.assertj.core.api.Assertions.assertThatThrownBy(() -> FileRead.decode(cut))
          .isInstanceOf(IllegalArgumentException.class);
    }
    assertThat(FileRead.fit(reads)).isTrue();
    assertThat(FileRead.fit(java.util.Collections.nCopies(1000, a))).isFalse();
    assertThat(FileRead.fit(List.of(FileRead.absent("/" + "x".repeat(5000))))).isFalse();
  }

  @Test
  void theDescriptionOfAFileHasItsReads() throws IOException {
    List<FileRead> reads = List.of(read(write("a", "one")), FileRead.absent("/x/\uD801"));
    EntryMeta meta = meta(reads);
    Key key = new Key("ab".repeat(32));
    String text = EntryDescription.text(key, meta, Instant.EPOCH, "");
    Optional<EntryDescription> parsed = EntryDescription.parse(text, 5, 7);
    assertThat(parsed.orElseThrow().meta().reads()).isEqualTo(reads);
    assertThat(EntryDescription.text(key, meta(List.of()), Instant.EPOCH, ""))
        .doesNotContain("reads");
  }

  private static EntryMeta meta(List<FileRead> reads) {
    return new EntryMeta(
        "cd".repeat(32),
        Optional.empty(),
        0,
        1,
        5,
        7,
        Duration.ZERO,
        Duration.ZERO,
        "",
        "app",
        "",
        Map.of(),
        reads,
        0);
  }

  private static EntryMeta with(EntryMeta meta, List<FileRead> reads) {
    return new EntryMeta(
        meta.relation(),
        meta.generation(),
        meta.partition(),
        meta.rows(),
        meta.bytes(),
        meta.crc32c(),
        meta.computeTime(),
        meta.writeTime(),
        meta.tag(),
        meta.application(),
        meta.description(),
        meta.components(),
        reads,
        meta.dataBytes());
  }

  private static Entry put(DiskStore store, Key key, List<FileRead> reads) throws Exception {
    String text =
        EntryDescription.text(key, with(StoreFixture.meta(new byte[0]), reads), Instant.now(), "");
    byte[] bytes = StoreFixture.sealed(StoreFixture.content(key, 100), text);
    return StoreFixture.put(store, key, bytes, with(StoreFixture.meta(bytes), reads));
  }

  @Test
  void entriesAreFoundWhileTheirFilesAreUnchanged() throws Exception {
    Path model = write("model", "one");
    Path cache = dir.resolve("cache");
    List<Key> keys = List.of(StoreFixture.key("1"), StoreFixture.key("2"), StoreFixture.key("3"));
    try (DiskStore one = StoreFixture.open(cache);
        DiskStore two = StoreFixture.open(cache)) {
      for (Key key : keys) {
        put(one, key, List.of(read(model)));
      }
      Entry plain = put(one, StoreFixture.key("plain"), List.of());
      assertThat(one.findAll(keys)).hasSize(3);
      assertThat(two.find(keys.get(0)).orElseThrow().reads()).hasSize(1);
      write("model", "two");
      assertThat(one.peek(keys)).hasSize(3);
      assertThat(two.find(keys.get(0))).isEmpty();
      assertThat(one.findAll(keys)).isEmpty();
      assertThat(one.stats().evictedFileChanged() + two.stats().evictedFileChanged()).isEqualTo(3);
      assertThat(one.entries()).containsExactly(plain);
      // Another computation of the same key, of the file as it is now.
      put(one, keys.get(0), List.of(read(model)));
      assertThat(two.find(keys.get(0))).isPresent();
      // Of two that saw different files the later stays.
      write("model", "six");
      put(two, keys.get(0), List.of(read(model)));
      assertThat(one.find(keys.get(0))).isPresent();
    }
  }

  /** A directory in the place of the file stands for all that cannot be read now. */
  @Test
  void entriesStayWhileTheirFilesCannotBeRead() throws Exception {
    Path model = write("model", "one");
    Key key = StoreFixture.key("1");
    Key another = StoreFixture.key("2");
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"))) {
      put(store, key, List.of(read(model)));
      put(store, another, List.of(FileRead.absent(model + "-2")));
      Files.delete(model);
      Files.createDirectory(model);
      Files.createSymbolicLink(dir.resolve("model-2"), dir.resolve("nowhere"));
      assertThat(store.find(key)).isEmpty();
      assertThat(store.findAll(List.of(key, another))).isEmpty();
      assertThat(store.stats().errors()).isEqualTo(3);
      assertThat(store.stats().evictedFileChanged()).isZero();
      Files.delete(model);
      Files.delete(dir.resolve("model-2"));
      write("model", "one");
      assertThat(store.findAll(List.of(key, another))).hasSize(2);
    }
  }

  @Test
  void aSetIsFoundWhileAllOfItsFilesAreUnchanged() throws Exception {
    Path model = write("model", "one");
    Key generation = StoreFixture.key("g");
    try (DiskStore store = StoreFixture.open(dir.resolve("cache"))) {
      for (int i = 0; i < 3; i++) {
        byte[] bytes = StoreFixture.content(StoreFixture.key(i), 50);
        EntryMeta meta = StoreFixture.meta(bytes, Optional.of(generation), i);
        StoreFixture.put(
            store, StoreFixture.key(i), bytes, i == 1 ? with(meta, List.of(read(model))) : meta);
      }
      SetMeta meta = new SetMeta("", Map.of());
      assertThat(store.sets().complete(StoreFixture.key("set"), generation, 3, meta)).isTrue();
      assertThat(store.findSet(StoreFixture.key("set"))).isPresent();
      write("model", "two");
      assertThat(store.peekSet(StoreFixture.key("set"))).isPresent();
      assertThat(store.findSet(StoreFixture.key("set"))).isEmpty();
      assertThat(store.stats().sets()).isZero();
    }
  }

  @Test
  void readsOutliveALostIndexAndTravelInAnArchive() throws Exception {
    Path model = write("model", "one");
    Path cache = dir.resolve("cache");
    Key key = StoreFixture.key("kept");
    Path archive = dir.resolve("archive.zip");
    try (DiskStore store = StoreFixture.open(cache)) {
      put(store, key, List.of(read(model)));
      assertThat(Archive.export(store, store.entries(), archive, (at, of) -> {}).written())
          .isEqualTo(1);
    }
    Files.delete(cache.resolve("index.db"));
    try (DiskStore store = StoreFixture.open(cache)) {
      store.settle();
      assertThat(store.find(key).orElseThrow().reads()).hasSize(1);
    }
    try (DiskStore other = StoreFixture.open(dir.resolve("other"))) {
      assertThat(Archive.restore(other, archive, (at, of) -> {})).isEqualTo(1);
      assertThat(other.find(key)).isPresent();
      write("model", "two");
      assertThat(other.find(key)).isEmpty();
    }
  }
}
