// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.ValueVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.DictionaryEncoder;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Columns in less than their types need: what is chosen, and that every bit comes back. */
final class CompactionTest {
  private static final DataType DECIMAL = new DecimalType(30, 2);
  private static final String LONG_TEXT = "a text of some length that repeats ".repeat(4);

  @TempDir private Path dir;
  private int files;

  private static Object decimal(String unscaled) {
    return Decimal.apply(new BigDecimal(new BigInteger(unscaled), 2), 30, 2);
  }

  private static UTF8String text(String value) {
    return UTF8String.fromString(value);
  }

  private static List<InternalRow> rows(int count, IntFunction<Object> value) {
    return IntStream.range(0, count)
        .<InternalRow>mapToObj(i -> new GenericInternalRow(new Object[] {value.apply(i)}))
        .toList();
  }

  /** Writes and reads the rows through both paths, and says how the columns were stored. */
  private Map<Integer, Kind> stored(StructType schema, List<InternalRow> rows, int rowsPerBatch)
      throws IOException {
    Path file = dir.resolve("e" + files++ + ".arrow");
    EntrySummary summary =
        Entries.write(file, schema, rows, new EncodeOptions(rowsPerBatch, 16 << 20));
    assertThat(Files.size(file)).isEqualTo(summary.bytes());
    MappedEntry entry = MappedEntry.open(file);

    assertThat(entry.crc32c()).isEqualTo(summary.crc32c());
    Entries.assertHolds(entry, schema, rows);
    return entry.encodings();
  }

  static Stream<Arguments> chosen() {
    long[] nan = {0x7ff8000000012345L, 0x7ff4000000000000L, Double.doubleToRawLongBits(0.1)};
    return Stream.of(
        Arguments.of(DataTypes.LongType, v(i -> -128L + i % 256), 2000, Kind.INT8),
        Arguments.of(DataTypes.LongType, v(i -> 128L), 2000, Kind.INT16),
        Arguments.of(DataTypes.LongType, v(i -> (long) Short.MIN_VALUE), 2000, Kind.INT16),
        Arguments.of(DataTypes.LongType, v(i -> Integer.MIN_VALUE - 0L), 2000, Kind.INT32),
        Arguments.of(DataTypes.LongType, v(i -> Integer.MAX_VALUE + 1L), 2000, Kind.INT64),
        Arguments.of(DataTypes.LongType, v(i -> i % 2 == 0 ? null : 7L), 2000, Kind.INT8),
        Arguments.of(DataTypes.LongType, v(i -> null), 2000, Kind.INT8),
        // A first of several batches leaves room.
        Arguments.of(DataTypes.LongType, v(i -> 31L), 100, Kind.INT8),
        Arguments.of(DataTypes.LongType, v(i -> 32L), 100, Kind.INT16),
        Arguments.of(DataTypes.LongType, v(i -> (long) i), 100, Kind.INT16),
        Arguments.of(DataTypes.IntegerType, v(i -> 1000), 2000, Kind.INT16),
        Arguments.of(DataTypes.IntegerType, v(i -> 100_000), 2000, Kind.INT32),
        Arguments.of(DataTypes.ShortType, v(i -> (short) -1), 2000, Kind.INT8),
        Arguments.of(DataTypes.ShortType, v(i -> (short) 300), 2000, Kind.INT16),
        Arguments.of(DataTypes.DoubleType, v(i -> i / 4.0), 2000, Kind.FLOAT32),
        Arguments.of(DataTypes.DoubleType, v(i -> -0.0), 2000, Kind.FLOAT32),
        Arguments.of(DataTypes.DoubleType, v(i -> Double.NaN), 2000, Kind.FLOAT32),
        Arguments.of(DataTypes.DoubleType, v(i -> (double) Float.MIN_VALUE), 2000, Kind.FLOAT32),
        Arguments.of(DataTypes.DoubleType, v(i -> Double.MIN_VALUE), 2000, Kind.FLOAT64),
        Arguments.of(
            DataTypes.DoubleType, v(i -> Double.longBitsToDouble(nan[i % 3])), 2000, Kind.FLOAT64),
        Arguments.of(DECIMAL, v(i -> decimal("999999999")), 2000, Kind.DECIMAL32),
        Arguments.of(DECIMAL, v(i -> decimal("-1000000000")), 2000, Kind.DECIMAL64),
        Arguments.of(DECIMAL, v(i -> decimal("999999999999999999")), 2000, Kind.DECIMAL64),
        Arguments.of(DECIMAL, v(i -> decimal("-1000000000000000000")), 2000, Kind.DECIMAL),
        Arguments.of(DECIMAL, v(i -> decimal("9".repeat(30))), 2000, Kind.DECIMAL),
        Arguments.of(new DecimalType(30, 20), v(i -> null), 2000, Kind.DECIMAL),
        Arguments.of(DataTypes.StringType, v(i -> text("v" + i % 100)), 2000, Kind.DICTIONARY8),
        Arguments.of(DataTypes.StringType, v(i -> text("v" + i % 200)), 2000, Kind.DICTIONARY16),
        Arguments.of(DataTypes.StringType, v(i -> text(LONG_TEXT)), 2000, Kind.DICTIONARY8),
        Arguments.of(DataTypes.StringType, v(i -> text("")), 2000, Kind.DICTIONARY8),
        Arguments.of(DataTypes.StringType, v(i -> null), 2000, Kind.DICTIONARY8),
        Arguments.of(
            DataTypes.StringType, v(i -> i % 3 == 0 ? null : text("")), 2000, Kind.DICTIONARY8),
        Arguments.of(DataTypes.StringType, v(i -> text("unique " + i)), 2000, Kind.STRING),
        Arguments.of(DataTypes.StringType, v(i -> text("x")), 10, Kind.DICTIONARY8),
        Arguments.of(
            DataTypes.StringType,
            v(i -> UTF8String.fromBytes(new byte[] {(byte) 0xff, (byte) (i % 7)})),
            2000,
            Kind.DICTIONARY8));
  }

  private static IntFunction<Object> v(IntFunction<Object> value) {
    return value;
  }

  @ParameterizedTest(name = "{index} {3}")
  @MethodSource("chosen")
  void theNarrowestThatFits(
      DataType type, IntFunction<Object> value, int rowsPerBatch, Kind expected)
      throws IOException {
    StructType schema = new StructType().add("c", type);
    Kind declared = ColumnLayout.kindOf(type);
    Kind found = stored(schema, rows(1000, value), rowsPerBatch).getOrDefault(0, declared);
    // Ten strings of one byte are not worth a dictionary.
    assertThat(found).isEqualTo(rowsPerBatch == 10 ? declared : expected);
  }

  @Test
  void typesOfOtherMeaningAndNestedValuesStayAsTheyAre() throws IOException {
    StructType schema =
        new StructType()
            .add("ts", DataTypes.TimestampType)
            .add("d", DataTypes.DateType)
            .add("f", DataTypes.FloatType)
            .add("a", DataTypes.createArrayType(DataTypes.LongType))
            .add("s", new StructType().add("x", DataTypes.LongType));
    assertThat(stored(schema, new RandomData(1).rows(schema, 500, 0.1), 100)).isEmpty();
  }

  static Stream<Arguments> wider() {
    return Stream.of(
        Arguments.of(DataTypes.LongType, v(i -> 1L << Math.min(i / 100 * 9, 62)), Kind.INT64),
        Arguments.of(DataTypes.LongType, v(i -> i < 450 ? 3L : -40_000L), Kind.INT32),
        Arguments.of(DataTypes.IntegerType, v(i -> i < 999 ? -3 : 1 << 30), Kind.INT32),
        Arguments.of(DataTypes.ShortType, v(i -> (short) (i < 500 ? 1 : i)), Kind.INT16),
        Arguments.of(DataTypes.DoubleType, v(i -> i < 777 ? i : i / 10.0), Kind.FLOAT64),
        Arguments.of(DECIMAL, v(i -> decimal("-" + "7".repeat(1 + i / 100))), Kind.DECIMAL64),
        Arguments.of(DECIMAL, v(i -> decimal("-" + "7".repeat(1 + i / 40))), Kind.DECIMAL),
        Arguments.of(
            DataTypes.StringType,
            v(i -> i % 7 == 0 ? null : text(LONG_TEXT + (i < 600 ? i % 5 : i))),
            Kind.DICTIONARY16),
        Arguments.of(
            DataTypes.StringType,
            v(i -> text(i < 200 ? LONG_TEXT + i % 30 : "value " + i)),
            Kind.DICTIONARY16));
  }

  /** Batches before and after, in one file of one schema. */
  @ParameterizedTest(name = "{index} {2}")
  @MethodSource("wider")
  void whatDoesNotFitMakesTheEntryWider(DataType type, IntFunction<Object> value, Kind expected)
      throws IOException {
    StructType schema = new StructType().add("first", DataTypes.LongType).add("c", type);
    List<InternalRow> rows =
        IntStream.range(0, 1000)
            .<InternalRow>mapToObj(
                i -> new GenericInternalRow(new Object[] {i % 2L, value.apply(i)}))
            .toList();
    assertThat(stored(schema, rows, 100).getOrDefault(1, ColumnLayout.kindOf(type)))
        .isEqualTo(expected);
  }

  @Test
  void aDictionaryThatGrowsTooLargeIsGivenUp() throws IOException {
    String kilobyte = "k".repeat(1000);
    StructType schema =
        new StructType().add("s", DataTypes.StringType).add("t", DataTypes.StringType);
    List<InternalRow> rows =
        IntStream.range(0, 10_000)
            .<InternalRow>mapToObj(
                i ->
                    new GenericInternalRow(
                        new Object[] {
                          i % 11 == 0 ? null : text(kilobyte + (i < 500 ? i % 3 : i)),
                          text("t" + i % 20)
                        }))
            .toList();
    Map<Integer, Kind> stored = stored(schema, rows, 500);
    assertThat(stored).doesNotContainKey(0).containsEntry(1, Kind.DICTIONARY8);
  }

  static Stream<Arguments> manyStrings() {
    return Stream.of(
        // New values become rarer: numbers up to 65,535, although a first batch has half of them
        // new.
        Arguments.of(v(i -> text("customer " + spread(i) % 50_000)), 50_000, Kind.DICTIONARY16),
        Arguments.of(v(i -> text("customer " + spread(i) % 60_000)), 60_000, Kind.DICTIONARY16),
        // Only later there are more than the first batch lets expect.
        Arguments.of(
            v(i -> text("customer " + spread(i) % (i < 100_000 ? 20_000 : 90_000))),
            90_000,
            Kind.DICTIONARY32),
        // One in five is there again, but the dictionary would be full soon.
        Arguments.of(
            v(i -> text(i % 5 == 0 ? "unknown customer" : "customer " + i)), 0, Kind.STRING),
        Arguments.of(v(i -> text("customer " + i)), 0, Kind.STRING));
  }

  private static int spread(int i) {
    return new SplittableRandom(i).nextInt(Integer.MAX_VALUE);
  }

  @ParameterizedTest(name = "{index} {2}")
  @MethodSource("manyStrings")
  void stringsOfWhichThereAreManyHaveADictionaryWhereItStaysSmall(
      IntFunction<Object> value, int distinct, Kind expected) throws IOException {
    StructType schema = new StructType().add("c", DataTypes.StringType);
    int rows = 400_000;
    if (distinct > 0) {
      long found = IntStream.range(0, rows).mapToObj(value).distinct().count();
      assertThat(found).isGreaterThan(distinct / 10L * 9);
    }
    assertThat(stored(schema, rows(rows, value), 32_768).getOrDefault(0, Kind.STRING))
        .isEqualTo(expected);
  }

  static LongStream seeds() {
    return LongStream.range(0, 40);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void columnsOfChangingValuesComeBack(long seed) throws IOException {
    Random random = new Random(seed);
    DataType[] types = {
      DataTypes.LongType,
      DataTypes.IntegerType,
      DataTypes.ShortType,
      DataTypes.DoubleType,
      DECIMAL,
      new DecimalType(9, 2),
      DataTypes.StringType
    };
    StructType schema = new StructType();
    for (int i = 0; i < 6; i++) {
      schema = schema.add("c" + i, types[random.nextInt(types.length)], true);
    }
    int batch = 50 + random.nextInt(200);
    int[] bits = IntStream.range(0, 6).map(i -> random.nextInt(12)).toArray();
    List<InternalRow> rows = new ArrayList<>();
    for (int row = 0; row < 1000; row++) {
      if (random.nextInt(300) == 0) {
        bits[random.nextInt(bits.length)] = random.nextInt(64);
      }
      Object[] values = new Object[schema.length()];
      for (int i = 0; i < values.length; i++) {
        values[i] = value(schema.fields()[i].dataType(), bits[i], random);
      }
      rows.add(new GenericInternalRow(values));
    }
    stored(schema, rows, batch);
  }

  private static Object value(DataType type, int bits, Random random) {
    if (random.nextInt(10) == 0) {
      return null;
    }
    long value = random.nextLong() >> (Long.SIZE - 1 - Math.min(bits, Long.SIZE - 1));
    if (type.equals(DataTypes.LongType)) {
      return value;
    } else if (type.equals(DataTypes.IntegerType)) {
      return (int) value;
    } else if (type.equals(DataTypes.ShortType)) {
      return (short) value;
    } else if (type.equals(DataTypes.DoubleType)) {
      return bits % 2 == 0 ? (double) (float) value : value / 3.0;
    } else if (type.equals(DataTypes.StringType)) {
      return text(LONG_TEXT.substring(0, random.nextInt(2)) + value);
    }
    DecimalType decimal = (DecimalType) type;
    long limit = decimal.precision() < 18 ? 999_999_999L : Long.MAX_VALUE;
    return Decimal.apply(BigDecimal.valueOf(value % limit, 2), decimal.precision(), 2);
  }

  @Test
  void arrowsOwnReaderSeesTheSameValues() throws IOException {
    StructType schema =
        new StructType()
            .add("l", DataTypes.LongType)
            .add("d", DataTypes.DoubleType)
            .add("s", DataTypes.StringType);
    List<InternalRow> rows =
        IntStream.range(0, 300)
            .<InternalRow>mapToObj(
                i ->
                    new GenericInternalRow(
                        new Object[] {
                          i % 100 - 50L, i / 2.0, i % 9 == 0 ? null : text("s" + i % 20)
                        }))
            .toList();
    Path file = dir.resolve("arrow.arrow");
    Entries.write(file, schema, rows, new EncodeOptions(128, 1 << 20));
    List<List<Object>> found = new ArrayList<>();
    try (BufferAllocator root = new RootAllocator();
        ArrowFileReader reader = new ArrowFileReader(Files.newByteChannel(file), root)) {
      VectorSchemaRoot batch = reader.getVectorSchemaRoot();
      while (reader.loadNextBatch()) {
        FieldVector strings = batch.getVector("s");
        long id = strings.getField().getDictionary().getId();
        try (ValueVector decoded = DictionaryEncoder.decode(strings, reader.lookup(id))) {
          for (int i = 0; i < batch.getRowCount(); i++) {
            Object text = decoded.getObject(i);
            found.add(
                Arrays.asList(
                    ((Number) batch.getVector("l").getObject(i)).longValue(),
                    ((Number) batch.getVector("d").getObject(i)).doubleValue(),
                    text == null ? null : text.toString()));
          }
        }
      }
    }
    assertThat(found).hasSize(300);
    for (int i = 0; i < 300; i++) {
      assertThat(found.get(i))
          .isEqualTo(Arrays.asList(i % 100 - 50L, i / 2.0, i % 9 == 0 ? null : "s" + i % 20));
    }
  }

  @Test
  void anEncryptedEntryIsCompactAndWidenedToo() throws IOException {
    StructType schema =
        new StructType().add("l", DataTypes.LongType).add("s", DataTypes.StringType);
    List<InternalRow> rows =
        IntStream.range(0, 1000)
            .<InternalRow>mapToObj(
                i ->
                    new GenericInternalRow(
                        new Object[] {i < 500 ? 1L : 1L << 40, text("s" + i % 10)}))
            .toList();
    Path file = dir.resolve("encrypted.arrow");
    EntryEncryption encryption = new EntryEncryption(EntryCipher.ofProcess(), "entry");
    Entries.write(file, schema, rows, new EncodeOptions(100, 1 << 20), encryption);
    MappedEntry entry = MappedEntry.open(file, encryption);
    assertThat(entry.encodings()).isEqualTo(Map.of(1, Kind.DICTIONARY8));
    Entries.assertHolds(entry, schema, rows);
  }
}
