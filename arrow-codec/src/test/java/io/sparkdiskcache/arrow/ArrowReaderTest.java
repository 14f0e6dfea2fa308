// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Period;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.complex.MapVector;
import org.apache.arrow.vector.complex.StructVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.util.Text;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.unsafe.types.CalendarInterval;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Our files, read by Arrow's own reader. */
final class ArrowReaderTest {
  @TempDir private Path dir;

  @Test
  void arrowReadsSchemaMetadataAndValues() throws IOException {
    StructType schema =
        new StructType()
            .add("b", DataTypes.BooleanType)
            .add("i8", DataTypes.ByteType)
            .add("i16", DataTypes.ShortType)
            .add("i32", DataTypes.IntegerType)
            .add("i64", DataTypes.LongType)
            .add("f", DataTypes.FloatType)
            .add("d", DataTypes.DoubleType)
            .add("s", DataTypes.StringType)
            .add("x", DataTypes.BinaryType)
            .add("date", DataTypes.DateType)
            .add("ts", DataTypes.TimestampType)
            .add("ntz", DataTypes.TimestampNTZType)
            .add("time", new TimeType(6))
            .add("dec", new DecimalType(38, 4))
            .add("ym", DataTypes.createYearMonthIntervalType())
            .add("dt", DataTypes.createDayTimeIntervalType())
            .add("ci", DataTypes.CalendarIntervalType)
            .add("n", DataTypes.NullType)
            .add("l", new ArrayType(DataTypes.StringType, true))
            .add("m", new MapType(DataTypes.StringType, DataTypes.LongType, true))
            .add("t", new StructType().add("q", DataTypes.LongType).add("q", DataTypes.StringType));
    Object[] values = {
      true,
      (byte) -1,
      (short) -2,
      -3,
      -4L,
      1.5f,
      -0.0,
      UTF8String.fromString("日本"),
      "bin".getBytes(StandardCharsets.UTF_8),
      19_000,
      1_000_000L,
      2_000_000L,
      3_000L,
      Decimal.apply(new BigDecimal("-123456789012345678901234567890.1234"), 38, 4),
      14,
      5_000_000L,
      new CalendarInterval(1, -2, Long.MIN_VALUE),
      null,
      new GenericArrayData(new Object[] {UTF8String.fromString("e"), null}),
      new ArrayBasedMapData(
          new GenericArrayData(new Object[] {UTF8String.fromString("k")}),
          new GenericArrayData(new Object[] {7L})),
      new GenericInternalRow(new Object[] {8L, UTF8String.fromString("nine")})
    };
    InternalRow row = new GenericInternalRow(values);
    InternalRow nulls = new GenericInternalRow(values.length);
    Path file = dir.resolve("e.arrow");
    Entries.write(
        file, schema, List.of(row, nulls, row), new EncodeOptions(2, 1 << 20).withCompact(false));
    try (BufferAllocator root = new RootAllocator();
        ArrowFileReader reader = new ArrowFileReader(Files.newByteChannel(file), root)) {
      VectorSchemaRoot batch = reader.getVectorSchemaRoot();
      assertThat(batch.getSchema().getCustomMetadata()).containsEntry("k", "v");
      for (String plain :
          List.of(
              "b", "i8", "i16", "i32", "i64", "f", "d", "s", "x", "date", "ts", "ntz", "time",
              "dec", "ym", "dt", "n", "l", "m")) {
        assertThat(batch.getSchema().findField(plain).getType())
            .as("type of %s", plain)
            .isEqualTo(sparkType(schema, plain));
      }
      assertThat(reader.loadNextBatch()).as("first batch").isTrue();
      assertThat(batch.getRowCount()).isEqualTo(2);
      Object[] expected = {
        true,
        (byte) -1,
        (short) -2,
        -3,
        -4L,
        1.5f,
        -0.0,
        new Text("日本"),
        "bin".getBytes(StandardCharsets.UTF_8),
        19_000,
        1_000_000L,
        null,
        3_000L,
        new BigDecimal("-123456789012345678901234567890.1234"),
        Period.ofMonths(14),
        Duration.ofSeconds(5)
      };
      for (int i = 0; i < expected.length; i++) {
        if (expected[i] != null) {
          assertThat(batch.getVector(i).getObject(0))
              .as(schema.apply(i).name())
              .isEqualTo(expected[i]);
        }
        assertThat(batch.getVector(i).isNull(1)).as("null %s", schema.apply(i).name()).isTrue();
      }
      assertThat(((StructVector) batch.getVector("ci")).getObject(0))
          .isEqualTo(Map.of("months", 1, "days", -2, "microseconds", Long.MIN_VALUE));
      assertThat(((ListVector) batch.getVector("l")).getObject(0))
          .asString()
          .contains("e")
          .contains("null");
      assertThat(((MapVector) batch.getVector("m")).getObject(0))
          .asString()
          .contains("k")
          .contains("7");
      assertThat(((StructVector) batch.getVector("t")).getObject(0).values())
          .asString()
          .contains("8")
          .contains("nine");
      assertThat(reader.loadNextBatch()).as("second batch").isTrue();
      assertThat(batch.getRowCount()).isEqualTo(1);
      assertThat(batch.getVector("s").getNullCount()).isZero();
      assertThat(reader.loadNextBatch()).as("no third batch").isFalse();
    }
  }

  private static Object sparkType(StructType schema, String name) {
    return ArrowUtils.toArrowSchema(new StructType().add(schema.apply(name)), "UTC", false, false)
        .findField(name)
        .getType();
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void arrowLoadsEveryBatchOfRandomSchemas(long seed) throws IOException {
    RandomData data = new RandomData(seed);
    StructType schema = data.schema(8, 3);
    List<InternalRow> rows = data.rows(schema, 25, 0.3);
    Path file = dir.resolve("e.arrow");
    // Arrow for Java cannot read decimals of less than 128 bits.
    Entries.write(file, schema, rows, new EncodeOptions(10, 1 << 20).withCompact(false));
    try (BufferAllocator root = new RootAllocator();
        ArrowFileReader reader = new ArrowFileReader(Files.newByteChannel(file), root)) {
      int read = 0;
      while (reader.loadNextBatch()) {
        VectorSchemaRoot batch = reader.getVectorSchemaRoot();
        for (int i = 0; i < batch.getRowCount(); i++) {
          for (int c = 0; c < schema.length(); c++) {
            assertThat(batch.getVector(c).isNull(i))
                .as("null at row %s, column %s, seed %s", read + i, c, seed)
                .isEqualTo(batch.getVector(c).getObject(i) == null)
                .isEqualTo(rows.get(read + i).isNullAt(c));
          }
        }
        read += batch.getRowCount();
      }
      assertThat(read).isEqualTo(rows.size());
    }
  }
}
