// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class RoundTripTest {
  private static final EncodeOptions SMALL_BATCHES = new EncodeOptions(7, 1 << 20);

  @TempDir private Path dir;

  static Stream<DataType> leafTypes() {
    return RandomData.LEAVES.stream();
  }

  static LongStream seeds() {
    return LongStream.range(0, 60);
  }

  @ParameterizedTest
  @MethodSource("leafTypes")
  void everyTypeComesBackAtEveryDepthAndNullability(DataType type) throws IOException {
    StructType schema =
        new StructType()
            .add("plain", type, true)
            .add("required", type, type.equals(DataTypes.NullType))
            .add("array", new ArrayType(type, true), true)
            .add("map", new MapType(DataTypes.IntegerType, type, true), true)
            .add("struct", new StructType().add("x", type, true).add("y", type, true), true)
            .add("deep", new ArrayType(new ArrayType(new StructType().add("z", type), true), true));
    long seed = type.hashCode();
    for (double nulls : new double[] {0, 0.3, 0.95, 1}) {
      assertRoundTrip(schema, new RandomData(seed).rows(schema, 40, nulls), SMALL_BATCHES);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void randomSchemasAndRowsComeBack(long seed) throws IOException {
    RandomData data = new RandomData(seed);
    StructType schema = data.schema(8, 3);
    double nulls = (seed % 4) / 4.0;
    List<InternalRow> rows = data.rows(schema, (int) (seed * 13 % 101), nulls);
    assertRoundTrip(schema, rows, new EncodeOptions(1 + (int) (seed % 50), 1 + seed * 40));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void unsafeRowsComeBack(long seed) throws IOException {
    RandomData data = new RandomData(seed);
    StructType schema = data.schema(6, 2);
    UnsafeProjection projection = UnsafeProjection.create(schema);
    List<InternalRow> rows =
        data.rows(schema, 20, 0.2).stream()
            .<InternalRow>map(row -> projection.apply(row).copy())
            .toList();
    assertRoundTrip(schema, rows, SMALL_BATCHES);
  }

  @Test
  void noRowsMakeNoBatches() throws IOException {
    StructType schema = new StructType().add("a", DataTypes.StringType);
    MappedEntry entry = assertRoundTrip(schema, List.of(), EncodeOptions.defaults());
    assertThat(entry.batchCount()).isZero();
  }

  @Test
  void noColumnsKeepTheNumberOfRows() throws IOException {
    StructType schema = new StructType();
    List<InternalRow> rows = IntStream.range(0, 17).mapToObj(i -> InternalRow.empty()).toList();
    MappedEntry entry = assertRoundTrip(schema, rows, SMALL_BATCHES);
    assertThat(entry.batchCount()).isEqualTo(3);
  }

  @Test
  void batchesEndAtEitherLimit() throws IOException {
    StructType schema =
        new StructType().add("a", DataTypes.LongType).add("s", DataTypes.StringType);
    List<InternalRow> rows = new RandomData(1).rows(schema, 1000, 0.1);
    assertThat(assertRoundTrip(schema, rows, new EncodeOptions(1000, 1 << 30)).batchCount())
        .isEqualTo(1);
    assertThat(assertRoundTrip(schema, rows, new EncodeOptions(100, 1 << 30)).batchCount())
        .isEqualTo(10);
    assertThat(assertRoundTrip(schema, rows, new EncodeOptions(1000, 1)).batchCount())
        .isEqualTo(1000);
  }

  @Test
  void aFileLargerThanAWindowIsMappedInSeveral() throws IOException {
    StructType schema =
        new StructType().add("a", DataTypes.LongType).add("s", DataTypes.StringType);
    List<InternalRow> rows = new RandomData(2).rows(schema, 2000, 0.1);
    Path file = Files.createTempFile(dir, "w", "").resolveSibling("windows.arrow");
    EntrySummary summary = Entries.write(file, schema, rows, new EncodeOptions(50, 1 << 20));
    MappedEntry entry = MappedEntry.open(file, 20_000);
    assertThat(entry.mappedWindows()).as("windows").isGreaterThan(2);
    assertThat(entry.crc32c()).as("checksum over all windows").isEqualTo(summary.crc32c());
    Entries.assertHolds(entry, schema, rows);
  }

  private MappedEntry assertRoundTrip(
      StructType schema, List<InternalRow> rows, EncodeOptions options) throws IOException {
    assertThat(ArrowSchemas.unsupportedReason(schema)).as("%s", schema.sql()).isEmpty();
    Path file = dir.resolve("entry.arrow");
    Files.deleteIfExists(file);
    EntrySummary summary = Entries.write(file, schema, rows, options);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.schema()).as("schema").isEqualTo(ColumnLayout.storageSchema(schema));
    assertThat(entry.metadata()).as("metadata").isEqualTo(Map.of("k", "v"));
    assertThat(
            new EntrySummary(
                entry.rows(), entry.bytes(), entry.dataBytes(), entry.batchCount(), entry.crc32c()))
        .as("what was written")
        .isEqualTo(summary);
    assertThat(Files.size(file)).as("size").isEqualTo(summary.bytes());
    Entries.assertHolds(entry, schema, rows);
    return entry;
  }
}
