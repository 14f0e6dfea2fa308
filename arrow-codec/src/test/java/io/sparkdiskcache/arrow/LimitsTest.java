// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** Entries of unusual size: many columns, many rows, many bytes. */
final class LimitsTest {
  @TempDir private Path dir;

  @Test
  void tenThousandColumnsComeBack() throws IOException {
    List<DataType> types = List.of(DataTypes.LongType, DataTypes.StringType, DataTypes.BooleanType);
    StructField[] fields = new StructField[10_000];
    for (int i = 0; i < fields.length; i++) {
      fields[i] = DataTypes.createStructField("c" + i, types.get(i % types.size()), true);
    }
    StructType schema = new StructType(fields);
    List<InternalRow> rows = new RandomData(3).rows(schema, 4, 0.2);
    Path file = dir.resolve("wide.arrow");
    Entries.write(file, schema, rows, new EncodeOptions(3, 1 << 20));
    MappedEntry entry = MappedEntry.open(file);
    Entries.assertHolds(entry, schema, rows);
  }

  @Test
  void aMillionRowsComeBack() throws IOException {
    int count = 1_000_000;
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType)
            .add("even", DataTypes.BooleanType)
            .add("s", DataTypes.StringType);
    Path file = dir.resolve("long.arrow");
    EntrySummary summary = write(file, schema, count, i -> new Object[] {i, even(i), text(i)});
    assertThat(summary.rows()).isEqualTo(count);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.batchCount()).isGreaterThan(30);
    Iterator<ColumnarBatch> batches =
        Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
    long at = 0;
    while (batches.hasNext()) {
      ColumnarBatch batch = batches.next();
      ColumnVector ids = batch.column(0);
      ColumnVector evens = batch.column(1);
      ColumnVector texts = batch.column(2);
      for (int i = 0; i < batch.numRows(); i++, at++) {
        if (ids.getLong(i) != at
            || evens.isNullAt(i) != (at % 7 == 0)
            || (at % 7 != 0 && evens.getBoolean(i) != (at % 2 == 0))
            || !text(at).equals(texts.getUTF8String(i))) {
          throw new AssertionError("row " + at + " is " + batch.getRow(i));
        }
      }
    }
    assertThat(at).isEqualTo(count);
  }

  private static Boolean even(long i) {
    return i % 7 == 0 ? null : i % 2 == 0;
  }

  private static UTF8String text(long i) {
    return UTF8String.fromString("text " + i % 100_003);
  }

  /** Batches lie on both sides of 2 and 4 GiB, and in several windows. */
  @Test
  @EnabledIfSystemProperty(named = "diskcache.large", matches = "true")
  void aFileOfMoreThanFourGibComesBack() throws IOException {
    StructType schema =
        new StructType().add("id", DataTypes.LongType).add("x", DataTypes.BinaryType);
    byte[] noise = new byte[1 << 20];
    new Random(11).nextBytes(noise);
    int count = 4_400;
    Path file = dir.resolve("large.arrow");
    EntrySummary summary = write(file, schema, count, i -> new Object[] {i * 1_000_003, noise});
    assertThat(summary.bytes()).isGreaterThan(1L << 32);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.mappedWindows()).as("windows").isGreaterThan(2);
    assertThat(entry.crc32c()).isEqualTo(summary.crc32c());
    Iterator<ColumnarBatch> batches =
        Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
    long at = 0;
    while (batches.hasNext()) {
      ColumnarBatch batch = batches.next();
      for (int i = 0; i < batch.numRows(); i++, at++) {
        assertThat(batch.column(0).getLong(i)).isEqualTo(at * 1_000_003);
        assertThat(Arrays.equals(batch.column(1).getBinary(i), noise)).isTrue();
      }
    }
    assertThat(at).isEqualTo(count);
  }

  /** A row that no batch can hold, because its offsets have 32 bits. The string is not touched. */
  @Test
  @EnabledIfSystemProperty(named = "diskcache.large", matches = "true")
  void stringsOfOneRowThatAreLargerThanABatchAreRefused() throws IOException {
    StructType schema =
        new StructType().add("texts", new ArrayType(DataTypes.StringType, false), false);
    int length = 1_100_000_000;
    long memory = Platform.allocateMemory(length);
    UTF8String half = UTF8String.fromAddress(null, memory, length);
    Path file = dir.resolve("refused.arrow");
    try (BufferAllocator root = new RootAllocator();
        EntryWriter writer =
            EntryWriter.create(file, schema, Map.of(), root, EncodeOptions.defaults())) {
      GenericInternalRow row =
          new GenericInternalRow(new Object[] {new GenericArrayData(new Object[] {half, half})});
      assertThatThrownBy(() -> writer.write(row))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("string")
          .hasMessageContaining("2200000000")
          .hasMessageContaining("too large to be cached");
    } finally {
      Platform.freeMemory(memory);
    }
  }

  private interface Values {
    Object[] of(long row);
  }

  private static EntrySummary write(Path file, StructType schema, int count, Values values)
      throws IOException {
    try (BufferAllocator root = new RootAllocator();
        EntryWriter writer =
            EntryWriter.create(file, schema, Map.of(), root, EncodeOptions.defaults())) {
      for (long i = 0; i < count; i++) {
        writer.write(new GenericInternalRow(values.of(i)));
      }
      return writer.finish();
    }
  }
}
