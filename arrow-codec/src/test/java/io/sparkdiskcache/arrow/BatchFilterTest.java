// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.BindReferences;
import org.apache.spark.sql.catalyst.expressions.EqualNullSafe;
import org.apache.spark.sql.catalyst.expressions.EqualTo;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.GreaterThan;
import org.apache.spark.sql.catalyst.expressions.GreaterThanOrEqual;
import org.apache.spark.sql.catalyst.expressions.In;
import org.apache.spark.sql.catalyst.expressions.IsNotNull;
import org.apache.spark.sql.catalyst.expressions.IsNull;
import org.apache.spark.sql.catalyst.expressions.LessThan;
import org.apache.spark.sql.catalyst.expressions.LessThanOrEqual;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.Not;
import org.apache.spark.sql.catalyst.expressions.Or;
import org.apache.spark.sql.catalyst.expressions.StartsWith;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.types.VarcharType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import scala.jdk.javaapi.CollectionConverters;

final class BatchFilterTest {
  @TempDir private Path dir;

  private static final List<DataType> COMPARABLE =
      List.of(
          DataTypes.BooleanType,
          DataTypes.ByteType,
          DataTypes.ShortType,
          DataTypes.IntegerType,
          DataTypes.LongType,
          DataTypes.FloatType,
          DataTypes.DoubleType,
          DataTypes.DateType,
          DataTypes.TimestampType,
          DataTypes.TimestampNTZType,
          new TimeType(6),
          new DecimalType(9, 3),
          new DecimalType(18, 0),
          new DecimalType(38, 10),
          DataTypes.createYearMonthIntervalType(),
          DataTypes.createDayTimeIntervalType(),
          DataTypes.StringType,
          StringType.apply("UTF8_LCASE"),
          StringType.apply("UNICODE_CI"),
          VarcharType.apply(9),
          DataTypes.BinaryType);

  static LongStream seeds() {
    return LongStream.range(0, 20);
  }

  /** Every batch that is dropped is searched for a row that Spark itself would have found. */
  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void noDroppedBatchHoldsAMatchingRow(long seed) throws IOException {
    Random random = new Random(seed);
    RandomData data = new RandomData(seed);
    StructType schema = new StructType();
    for (int i = 0; i < COMPARABLE.size(); i++) {
      schema = schema.add("c" + i, COMPARABLE.get(i));
    }
    schema = schema.add("nested", new ArrayType(DataTypes.IntegerType, true));
    List<InternalRow> rows = new ArrayList<>();
    for (double nulls : new double[] {0, 0.2, 0.8, 1}) {
      rows.addAll(data.rows(schema, 9, nulls));
    }
    MappedEntry entry = write(schema, rows, 3);
    List<Attribute> columns = Entries.attributes(schema);
    int dropped = 0;
    for (int i = 0; i < 150; i++) {
      Expression predicate = predicate(random, data, columns, 2);
      dropped += assertNothingLost(entry, columns, predicate, rows, "seed " + seed);
    }
    assertThat(dropped).as("batches dropped with seed %s", seed).isPositive();
  }

  private static int assertNothingLost(
      MappedEntry entry,
      List<Attribute> columns,
      Expression predicate,
      List<InternalRow> rows,
      String hint) {
    ArrowCachedBatchSerializer.Pruning pruning = pruning(predicate, columns);
    Expression bound =
        BindReferences.bindReference(
            predicate,
            org.apache.spark.sql.catalyst.expressions.package$.MODULE$.AttributeSeq(
                Entries.seq(columns)),
            false);
    int start = 0;
    int dropped = 0;
    for (CachedBatch batch : Entries.batches(entry)) {
      if (!pruning.keeps((ArrowCachedBatch) batch)) {
        dropped++;
        for (int i = start; i < start + batch.numRows(); i++) {
          assertThat(bound.eval(rows.get(i)))
              .as("row %s of a dropped batch, %s, %s", i, predicate, hint)
              .isNotEqualTo(true);
        }
      }
      start += batch.numRows();
    }
    return dropped;
  }

  private static Expression predicate(
      Random random, RandomData data, List<Attribute> columns, int depth) {
    if (depth > 0 && random.nextInt(3) == 0) {
      Expression left = predicate(random, data, columns, depth - 1);
      Expression right = predicate(random, data, columns, depth - 1);
      return switch (random.nextInt(3)) {
        case 0 -> new And(left, right);
        case 1 -> new Or(left, right);
        default -> new Not(left);
      };
    }
    int at = random.nextInt(COMPARABLE.size());
    DataType type = COMPARABLE.get(at);
    Attribute column = columns.get(at);
    Expression value = literal(data, type);
    if (type instanceof StringType && random.nextInt(3) == 0) {
      return new StartsWith(column, prefix(random, value));
    }
    return switch (random.nextInt(14)) {
      case 0 -> new EqualTo(column, value);
      case 1 -> new EqualTo(value, column);
      case 2 -> new EqualNullSafe(column, value);
      case 3 -> new EqualNullSafe(value, column);
      case 4 -> new LessThan(column, value);
      case 5 -> new LessThan(value, column);
      case 6 -> new LessThanOrEqual(column, value);
      case 7 -> new LessThanOrEqual(value, column);
      case 8 -> new GreaterThan(column, value);
      case 9 -> new GreaterThan(value, column);
      case 10 -> new GreaterThanOrEqual(column, value);
      case 11 -> new GreaterThanOrEqual(value, column);
      case 12 -> random.nextBoolean() ? new IsNull(column) : new IsNotNull(column);
      default ->
          new In(column, Entries.seq(List.of(value, literal(data, type), literal(data, type))));
    };
  }

  private static Expression literal(RandomData data, DataType type) {
    return new Literal(data.value(type, true, 0.1), type);
  }

  private static Expression prefix(Random random, Expression literal) {
    Object value = ((Literal) literal).value();
    if (value == null) {
      return literal;
    }
    byte[] bytes = ((UTF8String) value).getBytes();
    int length = random.nextInt(bytes.length + 1);
    return new Literal(UTF8String.fromBytes(bytes, 0, length), literal.dataType());
  }

  @Test
  void aMissingBoundKeepsTheBatch() throws IOException {
    String longText = "x".repeat(EntryStats.MAX_STRING_BOUND + 1);
    StructType schema = new StructType().add("s", DataTypes.StringType);
    MappedEntry entry = write(schema, List.of(row(text(longText)), row(text("a"))), 10);
    List<Attribute> columns = Entries.attributes(schema);
    assertThat(entry.batch(0).stats().isNullAt(0)).as("lower bound is left out").isTrue();
    Expression s = columns.get(0);
    for (Expression predicate :
        List.of(
            new EqualTo(s, Literal.create(text(longText), DataTypes.StringType)),
            new EqualNullSafe(s, Literal.create(text("a"), DataTypes.StringType)),
            new In(s, Entries.seq(List.of(Literal.create(text("a"), DataTypes.StringType)))),
            new StartsWith(s, Literal.create(text("xx"), DataTypes.StringType)))) {
      assertThat(pruning(predicate, columns).keeps(entry.batch(0))).as("%s", predicate).isTrue();
    }
  }

  @Test
  void nanIsAboveEverythingAndBothZerosAreOne() throws IOException {
    StructType schema = new StructType().add("d", DataTypes.DoubleType);
    MappedEntry nan = write(schema, List.of(row(1.0), row(Double.NaN)), 10);
    List<Attribute> columns = Entries.attributes(schema);
    Expression d = columns.get(0);
    assertThat(keeps(nan, columns, new EqualTo(d, number(Double.NaN)))).as("= NaN").isTrue();
    assertThat(keeps(nan, columns, new GreaterThan(d, number(1e300)))).as("> 1e300").isTrue();
    assertThat(keeps(nan, columns, new LessThan(d, number(1.0)))).as("< 1").isFalse();
    MappedEntry zero = write(schema, List.of(row(-0.0)), 10);
    assertThat(keeps(zero, columns, new EqualTo(d, number(0.0)))).as("-0.0 = 0.0").isTrue();
    assertThat(keeps(zero, columns, new GreaterThan(d, number(-0.0)))).as("> -0.0").isFalse();
    MappedEntry onlyNan = write(schema, List.of(row(Double.NaN)), 10);
    assertThat(keeps(onlyNan, columns, new EqualTo(d, number(Double.NaN)))).as("all NaN").isTrue();
    assertThat(keeps(onlyNan, columns, new LessThan(d, number(1e300)))).as("all NaN").isFalse();
  }

  @Test
  void nullsAreFoundByNullSafeEqualityOnly() throws IOException {
    StructType schema = new StructType().add("i", DataTypes.IntegerType);
    MappedEntry nulls = write(schema, List.of(row((Object) null)), 10);
    List<Attribute> columns = Entries.attributes(schema);
    Expression i = columns.get(0);
    Literal none = new Literal(null, DataTypes.IntegerType);
    Literal one = new Literal(1, DataTypes.IntegerType);
    assertThat(keeps(nulls, columns, new EqualNullSafe(i, none))).as("<=> null").isTrue();
    assertThat(keeps(nulls, columns, new IsNull(i))).as("is null").isTrue();
    assertThat(keeps(nulls, columns, new EqualTo(i, none))).as("= null").isFalse();
    assertThat(keeps(nulls, columns, new EqualTo(i, one))).as("= 1").isFalse();
    assertThat(keeps(nulls, columns, new IsNotNull(i))).as("is not null").isFalse();
  }

  @Test
  void collatedStringsAreNeverPruned() throws IOException {
    DataType type = StringType.apply("UTF8_LCASE");
    StructType schema = new StructType().add("s", type);
    MappedEntry entry = write(schema, List.of(row(text("ABC"))), 10);
    List<Attribute> columns = Entries.attributes(schema);
    Expression equal = new EqualTo(columns.get(0), new Literal(text("abc"), type));
    assertThat(keeps(entry, columns, equal)).isTrue();
  }

  @Test
  void sortedDataIsReadInPart() throws IOException {
    StructType schema =
        new StructType().add("i", DataTypes.LongType).add("s", DataTypes.StringType);
    List<InternalRow> rows =
        IntStream.range(0, 100)
            .<InternalRow>mapToObj(i -> row((long) i, text(String.format("k%03d", i))))
            .toList();
    MappedEntry entry = write(schema, rows, 10);
    List<Attribute> columns = Entries.attributes(schema);
    Literal value = new Literal(42L, DataTypes.LongType);
    assertThat(kept(entry, columns, new EqualTo(columns.get(0), value))).isEqualTo(1);
    assertThat(kept(entry, columns, new LessThan(columns.get(0), value))).isEqualTo(5);
    Literal prefix = new Literal(text("k07"), DataTypes.StringType);
    assertThat(kept(entry, columns, new StartsWith(columns.get(1), prefix))).isEqualTo(1);
  }

  private static int kept(MappedEntry entry, List<Attribute> columns, Expression predicate) {
    scala.collection.Iterator<CachedBatch> batches =
        CollectionConverters.asScala(Entries.batches(entry).iterator());
    return pruning(predicate, columns).apply(0, batches).size();
  }

  private static boolean keeps(MappedEntry entry, List<Attribute> columns, Expression predicate) {
    return pruning(predicate, columns).keeps(entry.batch(0));
  }

  private static ArrowCachedBatchSerializer.Pruning pruning(
      Expression predicate, List<Attribute> columns) {
    return (ArrowCachedBatchSerializer.Pruning)
        new ArrowCachedBatchSerializer()
            .buildFilter(Entries.seq(List.of(predicate)), Entries.seq(columns));
  }

  private MappedEntry write(StructType schema, List<InternalRow> rows, int perBatch)
      throws IOException {
    Path file = dir.resolve("entry.arrow");
    Files.deleteIfExists(file);
    Entries.write(file, schema, rows, new EncodeOptions(perBatch, 1 << 20));
    return MappedEntry.open(file);
  }

  private static InternalRow row(Object... values) {
    return new GenericInternalRow(values);
  }

  private static UTF8String text(String text) {
    return UTF8String.fromString(text);
  }

  private static Literal number(double value) {
    return new Literal(value, DataTypes.DoubleType);
  }
}
