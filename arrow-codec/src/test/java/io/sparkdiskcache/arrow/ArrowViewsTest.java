// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.VectorUnloader;
import org.apache.arrow.vector.ipc.ArrowStreamReader;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Vectors of Arrow over a mapped entry, read as Arrow reads them and sent as Spark sends them. */
final class ArrowViewsTest {
  @TempDir private Path dir;

  static Stream<DataType> coveredTypes() {
    return RandomData.LEAVES.stream().filter(type -> ArrowViews.covers(type, false));
  }

  @Test
  void theTypesAreCovered() {
    assertThat(coveredTypes())
        .contains(
            DataTypes.BooleanType,
            DataTypes.ByteType,
            DataTypes.ShortType,
            DataTypes.IntegerType,
            DataTypes.LongType,
            DataTypes.FloatType,
            DataTypes.DoubleType,
            DataTypes.StringType,
            DataTypes.BinaryType,
            DataTypes.DateType,
            DataTypes.TimestampType,
            DataTypes.TimestampNTZType);
    assertThat(ArrowViews.covers(DataTypes.StringType, true)).isFalse();
    assertThat(ArrowViews.covers(new ArrayType(DataTypes.LongType, true), false)).isFalse();
  }

  @ParameterizedTest
  @MethodSource("coveredTypes")
  void plainColumnsAreNotCopied(DataType type) throws IOException {
    StructType schema = new StructType().add("a", type, true).add("b", type, true);
    for (double nulls : new double[] {0, 0.3, 1}) {
      List<InternalRow> rows = new RandomData(type.hashCode()).rows(schema, 100, nulls);
      List<Boolean> copied =
          assertSame(schema, rows, new EncodeOptions(33, 1 << 20).withCompact(false));
      assertThat(copied).hasSize(8).doesNotContain(true);
    }
  }

  @ParameterizedTest
  @MethodSource("coveredTypes")
  void decompressedColumnsAreTheSame(DataType type) throws IOException {
    StructType schema = new StructType().add("a", type, true).add("b", type, true);
    List<InternalRow> rows = new RandomData(type.hashCode()).rows(schema, 500, 0.1);
    EncodeOptions options = new EncodeOptions(333, 1 << 20).withCompact(false);
    assertSame(schema, rows, options.withCompression(Compression.ZSTD));
  }

  @Test
  void whatIsStoredInLessIsWidened() throws IOException {
    StructType schema =
        new StructType()
            .add("long", DataTypes.LongType)
            .add("int", DataTypes.IntegerType)
            .add("short", DataTypes.ShortType)
            .add("double", DataTypes.DoubleType)
            .add("small", DataTypes.createDecimalType(12, 2))
            .add("large", DataTypes.createDecimalType(30, 2))
            .add("word", DataTypes.StringType);
    List<InternalRow> rows = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      Object[] values = {
        (long) i - 500,
        i % 100 - 50,
        (short) (i % 7),
        i / 4.0,
        Decimal.apply((i - 500) * 11L, 12, 2),
        Decimal.apply((500 - i) * 10_000_000_000L, 30, 2),
        UTF8String.fromString("word " + i % 10)
      };
      if (i % 9 == 0) {
        values[i / 9 % 7] = null;
      }
      rows.add(new GenericInternalRow(values));
    }
    List<Boolean> copied = assertSame(schema, rows, new EncodeOptions(300, 1 << 20));
    assertThat(copied).hasSize(28).containsOnly(true);
  }

  @Test
  void nestedColumnsStayAsTheyAre() throws IOException {
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType)
            .add("list", new ArrayType(DataTypes.LongType, true));
    MappedEntry entry = entry(schema, new RandomData(3).rows(schema, 10, 0.1));
    ColumnarBatch batch = batches(entry, schema).next();
    ColumnarBatch views = ArrowViews.of(batch, new int[] {0, 1}, copied -> {});
    assertThat(views.column(0)).isInstanceOf(ArrowColumnVector.class);
    assertThat(views.column(1)).isSameAs(batch.column(1));
    views.close();
    assertThat(views.column(0).dataType()).isEqualTo(DataTypes.LongType);
  }

  private MappedEntry entry(StructType schema, List<InternalRow> rows) throws IOException {
    Path file = dir.resolve("nested.arrow");
    Files.deleteIfExists(file);
    Entries.write(file, schema, rows, EncodeOptions.defaults());
    return MappedEntry.open(file);
  }

  private static Iterator<ColumnarBatch> batches(MappedEntry entry, StructType schema) {
    return Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
  }

  /** Of every column of every batch whether it was copied. */
  private List<Boolean> assertSame(StructType schema, List<InternalRow> rows, EncodeOptions options)
      throws IOException {
    Path file = dir.resolve("entry.arrow");
    Files.deleteIfExists(file);
    Entries.write(file, schema, rows, options);
    MappedEntry entry = MappedEntry.open(file);
    long before = ArrowUtils.rootAllocator().getAllocatedMemory();
    int[] all = IntStream.range(0, schema.length()).toArray();
    List<Boolean> copied = new ArrayList<>();
    Iterator<ColumnarBatch> batches = batches(entry, schema);
    int at = 0;
    while (batches.hasNext()) {
      ColumnarBatch batch = ArrowViews.of(batches.next(), all, copied::add);
      at = assertRows(schema, rows, at, batch, "view");
      assertSent(schema, rows.subList(at - batch.numRows(), at), batch);
      batch.close();
    }
    assertThat(at).isEqualTo(rows.size());
    assertThat(ArrowUtils.rootAllocator().getAllocatedMemory())
        .as("memory of Arrow's allocator")
        .isEqualTo(before);
    return copied;
  }

  private static int assertRows(
      StructType schema, List<InternalRow> rows, int at, ColumnarBatch batch, String what) {
    for (int i = 0; i < batch.numRows(); i++, at++) {
      Values.assertSameRow(schema, batch.getRow(i), rows.get(at), what + " of row " + at);
    }
    for (int i = 0; i < batch.numCols(); i++) {
      assertThat(batch.column(i)).isInstanceOf(ArrowColumnVector.class);
    }
    return at;
  }

  /** Asserts the values that a reader of Arrow's stream gets of the vectors' buffers. */
  private static void assertSent(StructType schema, List<InternalRow> rows, ColumnarBatch batch)
      throws IOException {
    List<FieldVector> vectors = new ArrayList<>();
    for (int i = 0; i < batch.numCols(); i++) {
      vectors.add((FieldVector) ((ArrowColumnVector) batch.column(i)).getValueVector());
    }
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    VectorSchemaRoot root = new VectorSchemaRoot(vectors);
    root.setRowCount(batch.numRows());
    // As Spark does: the schema first, then the buffers of the batch.
    WriteChannel out = new WriteChannel(Channels.newChannel(stream));
    MessageSerializer.serialize(out, root.getSchema());
    try (ArrowRecordBatch message = new VectorUnloader(root).getRecordBatch()) {
      MessageSerializer.serialize(out, message);
    }
    try (BufferAllocator allocator = new RootAllocator();
        ArrowStreamReader reader =
            new ArrowStreamReader(new ByteArrayInputStream(stream.toByteArray()), allocator)) {
      assertThat(reader.loadNextBatch()).isTrue();
      ColumnVector[] columns =
          reader.getVectorSchemaRoot().getFieldVectors().stream()
              .map(ArrowColumnVector::new)
              .toArray(ColumnVector[]::new);
      ColumnarBatch received = new ColumnarBatch(columns, batch.numRows());
      assertRows(schema, rows, 0, received, "what was sent");
    }
  }
}
