// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Columns with one value, or nothing but nulls: they take next to nothing, and are what they were.
 */
final class RepeatedValuesTest {
  private static final int BATCH = 8192;
  private static final EncodeOptions OPTIONS = new EncodeOptions(BATCH, 16 << 20);

  /** Bytes of a frame with its prefix, and the padding behind it. */
  private static final int FRAME = 64;

  @TempDir private Path dir;
  private int files;

  static Stream<DataType> types() {
    return RandomData.LEAVES.stream()
        .filter(
            type ->
                switch (Objects.requireNonNull(ColumnLayout.kindOf(type))) {
                  case BINARY, STRUCT, NULL -> false; // offsets ascend; void has no memory
                  default -> true;
                });
  }

  private MappedEntry written(StructType schema, List<InternalRow> rows, EncodeOptions options)
      throws IOException {
    Path file = dir.resolve("e" + files++ + ".arrow");
    EntrySummary summary = Entries.write(file, schema, rows, options);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.crc32c()).isEqualTo(summary.crc32c());
    Entries.assertHolds(entry, schema, rows);
    return entry;
  }

  private static List<InternalRow> rows(int count, IntFunction<Object[]> values) {
    return IntStream.range(0, count)
        .<InternalRow>mapToObj(i -> new GenericInternalRow(values.apply(i)))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("types")
  void oneValueTakesAFrameABatch(DataType type) throws IOException {
    StructType schema = new StructType().add("c", type);
    for (double nulls : new double[] {0, 1}) {
      InternalRow row = new RandomData(type.hashCode()).rows(schema, 1, nulls).get(0);
      MappedEntry entry = written(schema, Collections.nCopies(3 * BATCH, row), OPTIONS);
      assertThat(entry.batchCount()).isEqualTo(3);
      for (int batch = 0; batch < 3; batch++) {
        // Values or indexes, and a bitmap where all is null.
        assertThat(entry.bytes(batch)).as("nulls %s", nulls).isLessThanOrEqualTo(2 * FRAME);
      }
    }
  }

  @Test
  void nestedValuesRepeatToo() throws IOException {
    DataType pair = new StructType().add("x", DataTypes.LongType).add("y", DataTypes.TimestampType);
    StructType schema =
        new StructType().add("s", pair).add("a", new ArrayType(DataTypes.DoubleType, false));
    InternalRow row = new RandomData(1).rows(schema, 1, 0).get(0);
    MappedEntry entry = written(schema, Collections.nCopies(BATCH, row), OPTIONS);
    int offsets = (BATCH + 2) * Integer.BYTES + BufferCodec.PREFIX;
    assertThat(entry.bytes(0)).isLessThan(offsets + 8 * FRAME);
  }

  /** Every batch by itself: no value that comes later makes an earlier one larger. */
  @Test
  void batchesWithoutOneAreMappedAsTheyAre() throws IOException {
    StructType schema =
        new StructType().add("t", DataTypes.TimestampType).add("f", DataTypes.FloatType);
    List<InternalRow> rows =
        rows(3 * BATCH, i -> new Object[] {i / BATCH == 1 ? i : 1L << 50, i / 3f});
    MappedEntry entry = written(schema, rows, OPTIONS);
    assertThat(IntStream.range(0, 3).mapToObj(entry::compression))
        .containsExactly(Compression.ZSTD, Compression.NONE, Compression.ZSTD);
    long floats = BATCH * Float.BYTES;
    assertThat(entry.bytes(0)).isBetween(floats, floats + 2 * FRAME);
    assertThat(entry.bytes(1)).isEqualTo(floats + BATCH * Long.BYTES);
  }

  @Test
  void littleIsLeftAsItIs() throws IOException {
    StructType schema = new StructType().add("t", DataTypes.TimestampType);
    for (int count : new int[] {1, 2, 3, 127, 128}) {
      MappedEntry entry =
          written(
              schema,
              Collections.nCopies(count, new GenericInternalRow(new Object[] {5L})),
              OPTIONS);
      assertThat(entry.compression(0))
          .as("%s rows", count)
          .isEqualTo(count < 128 ? Compression.NONE : Compression.ZSTD);
    }
  }

  @Test
  void oneValueThatDiffersIsKept() throws IOException {
    StructType schema = new StructType().add("t", DataTypes.TimestampType);
    for (int at : new int[] {0, 1, 2, 3, BATCH / 2, BATCH - 3, BATCH - 2, BATCH - 1}) {
      for (long value : new long[] {6, 5L | 1L << 63}) {
        MappedEntry entry =
            written(schema, rows(BATCH, i -> new Object[] {i == at ? value : 5L}), OPTIONS);
        assertThat(entry.compression(0)).as("at %s", at).isEqualTo(Compression.NONE);
      }
    }
  }

  @Test
  void aGiantValueIsMapped() throws IOException {
    StructType schema = new StructType().add("b", DataTypes.BinaryType);
    for (int length : new int[] {16 << 20, (16 << 20) + 1}) {
      MappedEntry entry = written(schema, rows(1, i -> new Object[] {new byte[length]}), OPTIONS);
      assertThat(entry.compression(0))
          .as("%s bytes", length)
          .isEqualTo(length > 16 << 20 ? Compression.NONE : Compression.ZSTD);
    }
  }

  @Test
  void asDeclaredIfNotCompact() throws IOException {
    StructType schema = new StructType().add("t", DataTypes.TimestampType);
    List<InternalRow> rows = Collections.nCopies(BATCH, new GenericInternalRow(new Object[] {5L}));
    MappedEntry entry = written(schema, rows, OPTIONS.withCompact(false));
    assertThat(entry.bytes(0)).isEqualTo(BATCH * Long.BYTES);
  }

  /** The first batches are written in less than the last needs, and then once more. */
  @Test
  void batchesThatAreWidenedComeBack() throws IOException {
    StructType schema =
        new StructType().add("l", DataTypes.LongType).add("s", DataTypes.StringType);
    List<InternalRow> rows =
        rows(
            3 * BATCH,
            i ->
                i < 2 * BATCH
                    ? new Object[] {7L, UTF8String.fromString("seven")}
                    : new Object[] {(long) i << 40, UTF8String.fromString("value " + i)});
    MappedEntry entry = written(schema, rows, OPTIONS);
    assertThat(entry.encodings()).doesNotContainKey(0);
    assertThat(entry.compression(0)).isEqualTo(Compression.ZSTD);
    assertThat(entry.bytes(0)).isLessThan(BATCH * Short.BYTES + 3 * FRAME);
  }

  @Test
  void encryptedToo() throws IOException {
    StructType schema = new StructType().add("t", DataTypes.TimestampType);
    List<InternalRow> rows = Collections.nCopies(BATCH, new GenericInternalRow(new Object[] {5L}));
    Path file = dir.resolve("encrypted.arrow");
    EntryEncryption encryption = new EntryEncryption(EntryCipher.ofProcess(), "entry");
    Entries.write(file, schema, rows, OPTIONS, encryption);
    MappedEntry entry = MappedEntry.open(file, encryption);
    assertThat(entry.bytes(0)).isLessThanOrEqualTo(FRAME);
    Entries.assertHolds(entry, schema, rows);
  }

  /** A hundred columns of a hundred batches: one piece of memory for all with the same value. */
  @Test
  void equalColumnsShareMemory() throws IOException {
    StructType schema = new StructType();
    for (int i = 0; i < 100; i++) {
      schema = schema.add("c" + i, DataTypes.TimestampType);
    }
    Object[] values = new Object[100];
    for (int i = 0; i < 100; i++) {
      values[i] = i < 50 ? null : (long) i % 2;
    }
    EncodeOptions options = new EncodeOptions(1024, 1 << 30);
    MappedEntry entry =
        written(schema, Collections.nCopies(100 * 1024, new GenericInternalRow(values)), options);
    assertThat(entry.batchCount()).isEqualTo(100);
    Set<Long> addresses = new HashSet<>();
    List<ColumnarBatch> kept = new ArrayList<>();
    Iterator<ColumnarBatch> batches =
        Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
    int[] all = IntStream.range(0, 100).toArray();
    while (batches.hasNext()) {
      ColumnarBatch views = ArrowViews.of(batches.next(), all, copied -> {});
      kept.add(views);
      for (int column : all) {
        FieldVector vector =
            (FieldVector) ((ArrowColumnVector) views.column(column)).getValueVector();
        addresses.add(vector.getDataBuffer().memoryAddress());
        assertThat(views.column(column).isNullAt(1023)).isEqualTo(column < 50);
        assertThat(column < 50 || views.column(column).getLong(1023) == column % 2).isTrue();
      }
    }
    assertThat(kept).hasSize(100);
    assertThat(addresses).hasSize(2); // zero, also where all is null, and one
  }

  @Test
  void otherReadersOfArrowSeeTheValues() throws IOException {
    StructType schema =
        new StructType()
            .add("t", DataTypes.TimestampType)
            .add("n", DataTypes.DoubleType)
            .add("f", DataTypes.FloatType);
    Path file = dir.resolve("arrow.arrow");
    Entries.write(
        file, schema, rows(2 * BATCH, i -> new Object[] {1L << 50, null, i / 3f}), OPTIONS);
    try (BufferAllocator allocator = new RootAllocator();
        FileChannel channel = FileChannel.open(file);
        ArrowFileReader reader =
            new ArrowFileReader(channel, allocator, CommonsCompressionFactory.INSTANCE)) {
      int at = 0;
      while (reader.loadNextBatch()) {
        List<FieldVector> vectors = reader.getVectorSchemaRoot().getFieldVectors();
        for (int i = 0; i < BATCH; i++, at++) {
          assertThat(vectors.get(0).getObject(i)).isEqualTo(1L << 50);
          assertThat(vectors.get(1).isNull(i)).isTrue();
          assertThat(vectors.get(2).getObject(i)).isEqualTo(at / 3f);
        }
      }
      assertThat(at).isEqualTo(2 * BATCH);
    }
    assertThat(Files.size(file)).isLessThan(2 * BATCH * Float.BYTES + 4096L);
  }
}
