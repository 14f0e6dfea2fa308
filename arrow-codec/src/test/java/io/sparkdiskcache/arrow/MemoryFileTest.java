// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Entries that are written into memory, because no disk takes them. */
final class MemoryFileTest {
  private static final Path NAME = Path.of("entry in memory");
  private static final StructType SCHEMA =
      new StructType()
          .add("a", DataTypes.LongType)
          .add("text", DataTypes.StringType)
          .add("word", DataTypes.StringType);

  /** The first batches fit into narrow columns, the last one does not: all are written again. */
  private static List<InternalRow> rows(int number) {
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < number; i++) {
      long a = i < number - 10 ? i % 100 : Long.MAX_VALUE - i;
      String word = i % 11 == 0 ? null : "word " + i % 7;
      rows.add(
          new GenericInternalRow(
              new Object[] {
                a, UTF8String.fromString("the text of row " + i), UTF8String.fromString(word)
              }));
    }
    return rows;
  }

  private static MappedEntry written(
      List<InternalRow> rows, MemoryGrant grant, Compression compression) throws IOException {
    try (BufferAllocator root = new RootAllocator()) {
      MappedEntry entry;
      try (EntryWriter writer =
          EntryWriter.inMemory(
              NAME,
              SCHEMA,
              root,
              AllocationListener.NOOP,
              grant,
              new EncodeOptions(7_000, 1 << 20).withCompression(compression))) {
        for (InternalRow row : rows) {
          writer.write(row);
        }
        writer.finish();
        entry = writer.entry();
      }
      assertThat(root.getAllocatedMemory()).as("memory not returned").isZero();
      return entry;
    }
  }

  @ParameterizedTest
  @EnumSource(Compression.class)
  void holdsTheRowsAfterItsWriter(Compression compression) throws IOException {
    List<InternalRow> rows = rows(50_000);
    AtomicLong granted = new AtomicLong();
    MappedEntry entry =
        written(
            rows,
            bytes -> {
              granted.addAndGet(bytes);
              return true;
            },
            compression);
    Entries.assertHolds(entry, SCHEMA, rows);
    assertThat(entry.batchCount()).isGreaterThan(2);
    assertThat(entry.memoryBytes()).isEqualTo(entry.bytes());
    assertThat(granted.get()).isGreaterThanOrEqualTo(2 * entry.bytes());
    assertThat(Files.exists(NAME)).isFalse();
  }

  @Test
  void holdsNoRows() throws IOException {
    MappedEntry entry = written(List.of(), bytes -> true, Compression.NONE);
    Entries.assertHolds(entry, SCHEMA, List.of());
  }

  @Test
  void endsWhereNoMoreMemoryIsGranted() {
    AtomicLong granted = new AtomicLong();
    assertThatThrownBy(
            () ->
                written(
                    rows(50_000), bytes -> granted.addAndGet(bytes) <= 1 << 20, Compression.NONE))
        .isInstanceOf(ExhaustedException.class)
        .hasMessageContaining("grants the task no memory");
  }

  @Test
  void isMappedWhereItIsAFile(@TempDir Path dir) throws IOException {
    Path file = dir.resolve("entry.arrow");
    Entries.write(file, SCHEMA, rows(100), EncodeOptions.defaults());
    assertThat(MappedEntry.open(file).memoryBytes()).isZero();
  }
}
