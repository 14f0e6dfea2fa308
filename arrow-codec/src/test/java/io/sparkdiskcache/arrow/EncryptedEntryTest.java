// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class EncryptedEntryTest {
  private static final StructType SCHEMA =
      new StructType().add("a", DataTypes.LongType).add("secretColumn", DataTypes.StringType);
  private static final String SECRET = "nobody may read this in the file";
  private static final String DESCRIPTION = "key=described in plain\n";
  private static final int SEGMENT = 1 << 20;

  @TempDir private Path dir;
  private final EntryCipher cipher = EntryCipher.of(key(1));
  private final EntryEncryption encryption = new EntryEncryption(cipher, "entry-1");
  private Path file;
  private List<InternalRow> rows;

  private static byte[] key(int first) {
    byte[] key = new byte[EntryCipher.KEY_BYTES];
    key[0] = (byte) first;
    return key;
  }

  /** Four segments, and rows in several batches. */
  @BeforeEach
  void writeEntry() throws IOException {
    file = dir.resolve("entry.arrow");
    rows = new ArrayList<>();
    for (long i = 0; i < 80_000; i++) {
      rows.add(new GenericInternalRow(new Object[] {i, UTF8String.fromString(SECRET + i)}));
    }
    write(file, encryption);
  }

  private EntrySummary write(Path to, EntryEncryption with) throws IOException {
    try (BufferAllocator root = new RootAllocator()) {
      EntrySummary summary;
      EncodeOptions options = new EncodeOptions(7_000, 1 << 20);
      try (EntryWriter writer =
          EntryWriter.create(
              to, SCHEMA, Map.of("k", SECRET), root, AllocationListener.NOOP, options, with)) {
        for (InternalRow row : rows) {
          writer.write(row);
        }
        summary = writer.finish(DESCRIPTION);
      }
      assertThat(root.getAllocatedMemory()).as("memory not returned").isZero();
      return summary;
    }
  }

  @Test
  void readsBackAndShowsNothing() throws IOException {
    Path other = dir.resolve("other.arrow");
    EntrySummary summary = write(other, encryption);
    MappedEntry entry = MappedEntry.open(other, encryption);
    Entries.assertHolds(entry, SCHEMA, rows);
    assertThat(entry.metadata()).isEqualTo(Map.of("k", SECRET));
    assertThat(
            new EntrySummary(
                entry.rows(), entry.bytes(), entry.dataBytes(), entry.batchCount(), entry.crc32c()))
        .isEqualTo(summary);
    assertThat(Files.size(other)).isEqualTo(summary.bytes()).isGreaterThan(3 * SEGMENT);
    String bytes = Files.readString(other, StandardCharsets.ISO_8859_1);
    assertThat(bytes).doesNotContain("nobody").doesNotContain("secretColumn").contains(DESCRIPTION);
    assertThat(Files.readAllBytes(other))
        .as("the same rows, other bytes: every file has its own key")
        .isNotEqualTo(Files.readAllBytes(file));
  }

  @Test
  void compressedEntriesAreEncryptedToo() throws IOException {
    Path other = dir.resolve("other.arrow");
    EncodeOptions options = new EncodeOptions(7_000, 1 << 20).withCompression(Compression.ZSTD);
    long bytes = Entries.write(other, SCHEMA, rows, options, encryption).bytes();
    assertThat(bytes).isLessThan(Files.size(file) / 2);
    MappedEntry entry = MappedEntry.open(other, encryption);
    assertThat(entry.compression(0)).isEqualTo(Compression.ZSTD);
    Entries.assertHolds(entry, SCHEMA, rows);
  }

  @Test
  void anotherKeyOrNameReadsNothing() {
    for (EntryEncryption wrong :
        List.of(
            new EntryEncryption(EntryCipher.of(key(2)), "entry-1"),
            new EntryEncryption(EntryCipher.ofProcess(), "entry-1"),
            new EntryEncryption(cipher, "entry-2"))) {
      assertThatThrownBy(() -> MappedEntry.open(file, wrong))
          .isInstanceOf(CorruptEntryException.class);
    }
    assertThatThrownBy(() -> MappedEntry.open(file)).isInstanceOf(CorruptEntryException.class);
  }

  @Test
  void aPlainFileIsNotTakenForAnEncryptedOne() throws IOException {
    Path plain = dir.resolve("plain.arrow");
    Entries.write(plain, SCHEMA, rows.subList(0, 10), EncodeOptions.defaults());
    assertThatThrownBy(() -> MappedEntry.open(plain, encryption))
        .isInstanceOf(CorruptEntryException.class);
  }

  @Test
  void everyChangeIsFound() throws IOException {
    byte[] good = Files.readAllBytes(file);
    int body = good.length - trailer(good);
    long seed = 20261123;
    Random random = new Random(seed);
    for (int i = 0; i < 60; i++) {
      byte[] bad = good.clone();
      int at = random.nextInt(body);
      bad[at] ^= (byte) (1 << random.nextInt(8));
      assertRefused(bad, "seed %d, flip %d at %d".formatted(seed, i, at));
    }
    for (int i = 0; i < 20; i++) {
      int length = random.nextInt(good.length);
      assertRefused(Arrays.copyOf(good, length), "seed %d, cut to %d".formatted(seed, length));
    }
    byte[] exchanged = good.clone();
    System.arraycopy(good, SEGMENT, exchanged, 2 * SEGMENT, SEGMENT);
    System.arraycopy(good, 2 * SEGMENT, exchanged, SEGMENT, SEGMENT);
    assertRefused(exchanged, "exchanged segments");
    ByteBuffer dropped = ByteBuffer.allocate(good.length - SEGMENT);
    dropped.put(good, 0, 2 * SEGMENT).put(good, 3 * SEGMENT, good.length - 3 * SEGMENT);
    assertRefused(dropped.array(), "a segment left out");
  }

  private static int trailer(byte[] file) {
    String end = new String(file, StandardCharsets.ISO_8859_1);
    return file.length - end.lastIndexOf("sealed-entry:");
  }

  private void assertRefused(byte[] bytes, String what) throws IOException {
    Path bad = dir.resolve("bad.arrow");
    Files.write(bad, bytes);
    assertThatThrownBy(() -> MappedEntry.open(bad, encryption))
        .as(what)
        .isInstanceOf(CorruptEntryException.class);
    assertThat(isMapped(bad)).as("mapped: " + what).isFalse();
  }

  @Test
  void readersShareWhatIsDecryptedAndOnlyWhileOneIsLeft() throws Exception {
    WeakReference<KeptEntry> kept = new WeakReference<>(readTwice());
    Entries.awaitCollected("the mapping", () -> kept.get() == null && !isMapped(file));
  }

  private KeptEntry readTwice() throws Exception {
    KeptEntry kept = EncryptedFile.open(file, encryption);
    Files.delete(file);
    WeakReference<MappedEntry> decrypted = new WeakReference<>(kept.reader());
    Entries.awaitCollected("what was decrypted", () -> decrypted.get() == null);
    assertThat(isMapped(file)).as("mapped while it is kept").isTrue();
    MappedEntry again = kept.reader();
    assertThat(again.kept()).isSameAs(kept);
    assertThat(kept.reader()).isSameAs(again);
    Entries.assertHolds(again, SCHEMA, rows);
    return kept;
  }

  @Test
  void aPlainEntryIsKeptAsItIs() throws IOException {
    Path plain = dir.resolve("plain.arrow");
    Entries.write(plain, SCHEMA, rows.subList(0, 10), EncodeOptions.defaults());
    MappedEntry entry = MappedEntry.open(plain);
    assertThat(entry.kept()).isSameAs(entry);
    assertThat(entry.reader()).isSameAs(entry);
  }

  @Test
  void anEmptyEntry() throws IOException {
    rows = List.of();
    Path empty = dir.resolve("empty.arrow");
    write(empty, encryption);
    MappedEntry entry = MappedEntry.open(empty, encryption);
    Entries.assertHolds(entry, SCHEMA, rows);
  }

  @Test
  void textsAreSealed() {
    byte[] text = SECRET.getBytes(StandardCharsets.UTF_8);
    byte[] sealed = cipher.seal(text);
    assertThat(cipher.unseal(sealed)).hasValueSatisfying(t -> assertThat(t).isEqualTo(text));
    assertThat(sealed).isNotEqualTo(cipher.seal(text));
    assertThat(EntryCipher.of(key(2)).unseal(sealed)).isEmpty();
    sealed[sealed.length / 2] ^= 1;
    assertThat(cipher.unseal(sealed)).isEmpty();
    assertThat(cipher.unseal(new byte[3])).isEmpty();
  }

  @Test
  void theIdTellsKeysApart() {
    assertThat(cipher.id())
        .isEqualTo(EntryCipher.of(key(1)).id())
        .isNotEqualTo(EntryCipher.of(key(2)).id())
        .hasSize(16);
    assertThatThrownBy(() -> EntryCipher.of(new byte[16]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Cannot encrypt with a key of 16 bytes: it has to have 32.");
  }

  private static boolean isMapped(Path file) throws IOException {
    return Entries.isMapped(file);
  }
}
