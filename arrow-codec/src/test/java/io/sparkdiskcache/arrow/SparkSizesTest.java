// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.execution.columnar.ColumnBuilder;
import org.apache.spark.sql.execution.columnar.ColumnBuilder$;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.GeographyType;
import org.apache.spark.sql.types.GeometryType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The sizes in an entry's statistics are those that Spark's own cache has of the same rows. */
class SparkSizesTest {
  @TempDir Path dir;

  static Stream<DataType> leafTypes() {
    return RandomData.LEAVES.stream().filter(SparkSizesTest::isCachedBySpark);
  }

  static LongStream seeds() {
    return LongStream.range(0, 60);
  }

  private static boolean isCachedBySpark(DataType type) {
    return !(type instanceof GeometryType) && !(type instanceof GeographyType);
  }

  @ParameterizedTest
  @MethodSource("leafTypes")
  void everyTypeAtEveryDepth(DataType type) throws IOException {
    StructType schema =
        new StructType()
            .add("plain", type, true)
            .add("array", new ArrayType(type, true), true)
            .add("map", new MapType(DataTypes.StringType, type, true), true)
            .add("struct", new StructType().add("x", type, true).add("y", type, true), true)
            .add("deep", new ArrayType(new ArrayType(new StructType().add("z", type), true), true));
    for (double nulls : new double[] {0, 0.3, 1}) {
      assertSizes(schema, new RandomData(type.hashCode()).rows(schema, 100, nulls), 30);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void randomSchemas(long seed) throws IOException {
    RandomData data = new RandomData(seed);
    StructType drawn = data.schema(8, 3);
    StructType schema = new StructType();
    for (StructField field : drawn.fields()) {
      String json = field.dataType().json();
      schema = json.contains("geo") ? schema : schema.add(field);
    }
    assertSizes(schema, data.rows(schema, 80, (seed % 4) / 4.0), 1 + (int) (seed % 50));
  }

  private void assertSizes(StructType schema, List<InternalRow> rows, int rowsPerBatch)
      throws IOException {
    Path file = dir.resolve("entry.arrow");
    Files.deleteIfExists(file);
    EntrySummary summary =
        Entries.write(file, schema, rows, new EncodeOptions(rowsPerBatch, 1 << 20));
    MappedEntry entry = MappedEntry.open(file);
    long[] found = new long[schema.length()];
    for (int batch = 0; batch < entry.batchCount(); batch++) {
      InternalRow stats = entry.batch(batch).stats();
      for (int i = 0; i < found.length; i++) {
        found[i] += stats.getLong(i * EntryStats.VALUES + 4);
      }
    }
    List<Long> wanted = bySpark(schema, rows);
    assertThat(found).as("%s", schema.sql()).containsExactly(wanted.toArray(Long[]::new));
    long all = wanted.stream().mapToLong(Long::longValue).sum();
    assertThat(entry.dataBytes()).isEqualTo(all).isEqualTo(summary.dataBytes());
  }

  private static List<Long> bySpark(StructType schema, List<InternalRow> rows) {
    List<ColumnBuilder> builders = new ArrayList<>();
    for (StructField field : ColumnLayout.storageSchema(schema).fields()) {
      builders.add(ColumnBuilder$.MODULE$.apply(field.dataType(), 16, field.name(), false));
    }
    UnsafeProjection projection = UnsafeProjection.create(ColumnLayout.storageSchema(schema));
    for (InternalRow row : rows) {
      InternalRow unsafe = projection.apply(row);
      for (int i = 0; i < builders.size(); i++) {
        builders.get(i).appendFrom(unsafe, i);
      }
    }
    return builders.stream()
        .map(builder -> (Long) builder.columnStats().collectedStatistics()[4])
        .toList();
  }
}
