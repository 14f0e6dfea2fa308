// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float2Vector;
import org.apache.arrow.vector.complex.ListVector;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LoweringTest {
  private static final double ANY = Double.POSITIVE_INFINITY;

  @TempDir private Path dir;
  private int files;

  private static PrecisionPolicy policy(String columns) {
    return new PrecisionPolicy(PrecisionPolicy.parse(columns), ANY, ANY);
  }

  private static List<InternalRow> rows(Object... values) {
    return Arrays.stream(values)
        .<InternalRow>map(value -> new GenericInternalRow(new Object[] {value}))
        .toList();
  }

  private MappedEntry write(
      StructType schema, List<InternalRow> rows, int rowsPerBatch, PrecisionPolicy policy)
      throws IOException {
    Path file = dir.resolve("e" + files++ + ".arrow");
    EncodeOptions options = new EncodeOptions(rowsPerBatch, 1 << 20).withPrecision(policy);
    EntrySummary summary = Entries.write(file, schema, rows, options);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(
            new EntrySummary(
                entry.rows(), entry.bytes(), entry.dataBytes(), entry.batchCount(), entry.crc32c()))
        .isEqualTo(summary);
    assertThat(Files.size(file)).isEqualTo(summary.bytes());
    assertThat(MappedEntry.precision(file, null)).isEqualTo(entry.precision());
    return entry;
  }

  private static List<Object> values(MappedEntry entry, StructType schema) {
    List<Object> values = new ArrayList<>();
    entry
        .rowIterator()
        .forEachRemaining(
            row -> values.add(row.isNullAt(0) ? null : row.get(0, schema.apply(0).dataType())));
    return values;
  }

  @Test
  void specialValuesKeepTheirClassInEveryType() throws IOException {
    double[] special = {
      0.0, -0.0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1.5, -2, 0x1p-24, -0x3p-20
    };
    for (DataType type : List.of(DataTypes.FloatType, DataTypes.DoubleType)) {
      StructType schema = new StructType().add("x", type);
      List<Object> written = new ArrayList<>();
      for (double value : special) {
        written.add(boxed(type, value));
      }
      written.add(null);
      written.add(boxed(type, -Double.longBitsToDouble(0x7ff8123456789abcL)));
      for (String precision : List.of("float32", "float16", "bfloat16")) {
        MappedEntry entry = write(schema, rows(written.toArray()), 4, policy(precision));
        List<Object> read = values(entry, schema);
        assertThat(read.subList(0, 9))
            .as("%s as %s", type, precision)
            .isEqualTo(written.subList(0, 9));
        assertThat(((Number) read.get(9)).doubleValue()).isNaN();
      }
    }
  }

  private static Object boxed(DataType type, double value) {
    return type.equals(DataTypes.FloatType) ? (Object) (float) value : (Object) value;
  }

  @Test
  void whatDoesNotFitIsKeptWiderAndWhatCameBeforeStaysAsItWas() throws IOException {
    StructType schema = new StructType().add("x", DataTypes.DoubleType);
    double third = 1.0 / 3;
    double half = HalfFloats.halfToFloat(HalfFloats.doubleToHalf(third));
    // Batches of two rows: fits, overflows a half, overflows a float, would fit.
    List<InternalRow> all = rows(third, 2.0, third, 1e6, third, 1e300, third, null);
    MappedEntry narrow = write(schema, all.subList(0, 2), 2, policy("x=float16"));
    MappedEntry wide = write(schema, all.subList(0, 4), 2, policy("x=float16"));
    MappedEntry exact = write(schema, all, 2, policy("x=float16"));
    assertThat(values(narrow, schema)).containsExactly(half, 2.0);
    assertThat(values(wide, schema)).containsExactly(half, 2.0, (double) (float) third, 1e6);
    assertThat(values(exact, schema))
        .containsExactly(half, 2.0, (double) (float) third, 1e6, third, 1e300, third, null);
    assertThat(List.of(narrow, wide, exact))
        .extracting(entry -> entry.precision().get(0).stored())
        .containsExactly(Precision.FLOAT16, Precision.FLOAT32, Precision.EXACT);
    assertThat(List.of(narrow, wide, exact))
        .extracting(entry -> entry.precision().get(0).savedBytes())
        .containsExactly(12L, 16L, 0L);
    for (MappedEntry entry : List.of(narrow, wide, exact)) {
      ColumnPrecision report = entry.precision().get(0);
      assertThat(report.asked()).isEqualTo(Precision.FLOAT16);
      assertThat(report.maxAbsoluteError()).isEqualTo(Math.abs(third - half));
      assertThat(report.maxRelativeError()).isEqualTo(Math.abs(third - half) / third);
    }
  }

  @Test
  void anEncryptedFileIsWidenedToo() throws IOException {
    StructType schema = new StructType().add("x", DataTypes.DoubleType);
    List<InternalRow> all = rows(0.5, 2.0, 0.25, 1e300, null);
    Path file = dir.resolve("encrypted.arrow");
    EntryEncryption encryption = new EntryEncryption(EntryCipher.ofProcess(), "entry");
    EncodeOptions options = new EncodeOptions(2, 1 << 20).withPrecision(policy("x=float16"));
    EntrySummary summary = Entries.write(file, schema, all, options, encryption);
    MappedEntry entry = MappedEntry.open(file, encryption);
    assertThat(values(entry, schema)).containsExactly(0.5, 2.0, 0.25, 1e300, null);
    assertThat(entry.precision().get(0).stored()).isEqualTo(Precision.EXACT);
    assertThat(MappedEntry.precision(file, encryption)).isEqualTo(entry.precision());
    assertThat(entry.crc32c()).isEqualTo(summary.crc32c());
  }

  @Test
  void aMissedBoundWidens() throws IOException {
    StructType schema = new StructType().add("x", DataTypes.DoubleType);
    List<InternalRow> all = rows(1.0, 1 + 0x1p-12, 1 + 0x1p-30);
    for (Object[] bounds :
        new Object[][] {
          {ANY, ANY, Precision.FLOAT16},
          {0x1p-11, ANY, Precision.FLOAT16},
          {0x1p-13, ANY, Precision.FLOAT32},
          {ANY, 0x1p-13, Precision.FLOAT32},
          {0x1p-11, 0x1p-13, Precision.FLOAT32},
          {0x1p-40, ANY, Precision.EXACT},
          {0.0, 0.0, Precision.EXACT}
        }) {
      PrecisionPolicy policy =
          new PrecisionPolicy(
              Map.of("x", Precision.FLOAT16), (double) bounds[0], (double) bounds[1]);
      MappedEntry entry = write(schema, all, 10, policy);
      ColumnPrecision report = entry.precision().get(0);
      assertThat(report.stored()).as(Arrays.toString(bounds)).isEqualTo(bounds[2]);
      assertThat(report.maxRelativeError()).isLessThanOrEqualTo((double) bounds[0]);
      assertThat(report.maxAbsoluteError()).isLessThanOrEqualTo((double) bounds[1]);
    }
  }

  @Test
  void aNumberThatBecomesZeroMissesARelativeBound() throws IOException {
    StructType schema = new StructType().add("x", DataTypes.FloatType);
    MappedEntry any = write(schema, rows(1e-30f), 10, policy("float16"));
    assertThat(values(any, schema)).containsExactly(0f);
    assertThat(any.precision().get(0).maxRelativeError()).isEqualTo(1);
    MappedEntry bound =
        write(
            schema,
            rows(1e-30f),
            10,
            new PrecisionPolicy(Map.of("*", Precision.FLOAT16), 0.5, ANY));
    assertThat(values(bound, schema)).containsExactly(1e-30f);
    assertThat(bound.precision().get(0).stored()).isEqualTo(Precision.EXACT);
  }

  @Test
  void onlyFloatingPointColumnsAndArraysOfThemAreMeant() throws IOException {
    DataType number = DataTypes.DoubleType;
    StructType schema =
        new StructType()
            .add("d", number)
            .add("f", DataTypes.FloatType)
            .add("i", DataTypes.LongType)
            .add("dec", new DecimalType(20, 3))
            .add("array", new ArrayType(number, true))
            .add("deep", new ArrayType(new ArrayType(DataTypes.FloatType, true), true))
            .add("map", new MapType(number, number, true))
            .add("struct", new StructType().add("d", number))
            .add("structs", new ArrayType(new StructType().add("d", number), true));
    assertThat(policy("float16").of(schema))
        .containsExactly(
            Precision.FLOAT16,
            Precision.FLOAT16,
            Precision.EXACT,
            Precision.EXACT,
            Precision.FLOAT16,
            Precision.FLOAT16,
            Precision.EXACT,
            Precision.EXACT,
            Precision.EXACT);
    assertThat(policy("float32").of(schema).subList(0, 2))
        .as("a float is a float32")
        .containsExactly(Precision.FLOAT32, Precision.EXACT);
    // The exact columns beside a lowered one, bit for bit.
    List<InternalRow> rows = new RandomData(5).rows(schema, 60, 0.2);
    MappedEntry entry = write(schema, rows, 7, policy("nothing=float16"));
    assertThat(entry.precision()).isEmpty();
    Entries.assertHolds(entry, schema, rows);
  }

  @Test
  void theClosestPatternCounts() {
    StructType schema = new StructType();
    for (String name : List.of("price", "price_usd", "emb", "a.b", "weird[\\E*")) {
      schema = schema.add(name, DataTypes.DoubleType);
    }
    assertThat(policy("*=bfloat16,price*=float32,price=exact").of(schema))
        .containsExactly(
            Precision.EXACT,
            Precision.FLOAT32,
            Precision.BFLOAT16,
            Precision.BFLOAT16,
            Precision.BFLOAT16);
    assertThat(policy("a?b=float16,weird[\\E*=float16").of(schema).subList(3, 5))
        .containsExactly(Precision.EXACT, Precision.FLOAT16);
    assertThat(policy("p*=float16,*e=float32").of(schema).get(0))
        .as("two patterns as close: the more exact")
        .isEqualTo(Precision.FLOAT32);
    for (String wrong :
        List.of("", "x=", "x=float8", "=float16", "a=float16,a=exact", "float16,")) {
      assertThatThrownBy(() -> PrecisionPolicy.parse(wrong))
          .as(wrong)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void theDescriptionTellsPoliciesApart() {
    StructType schema =
        new StructType().add("a", DataTypes.DoubleType).add("b", DataTypes.DoubleType);
    PrecisionPolicy bounded = new PrecisionPolicy(Map.of("a", Precision.FLOAT16), 0.1, ANY);
    PrecisionPolicy absolute = new PrecisionPolicy(Map.of("a", Precision.FLOAT16), ANY, 0.1);
    List<PrecisionPolicy> others =
        List.of(
            PrecisionPolicy.EXACT,
            policy("a=float16"),
            policy("a=bfloat16"),
            policy("b=float16"),
            policy("float16"),
            bounded,
            absolute);
    assertThat(others.stream().map(p -> p.describe(schema))).doesNotHaveDuplicates();
    assertThat(policy("c=float16").describe(schema)).isEqualTo("exact");
    assertThat(policy("*=float16,b=exact").describe(schema))
        .isEqualTo(policy("a=float16").describe(schema));
  }

  /** Mixed batches, arrays and nulls, with what may move measured anew from outside. */
  @Test
  void generatedColumnsStayWithinWhatIsReported() throws IOException {
    long seed = System.nanoTime();
    System.out.println("LoweringTest: seed " + seed);
    Random random = new Random(seed);
    StructType schema =
        new StructType()
            .add("id", DataTypes.LongType)
            .add("d", DataTypes.DoubleType)
            .add("f", DataTypes.FloatType)
            .add("a", new ArrayType(DataTypes.FloatType, true))
            .add("deep", new ArrayType(new ArrayType(DataTypes.DoubleType, true), true))
            .add("s", DataTypes.StringType)
            .add("e", DataTypes.DoubleType);
    for (int round = 0; round < 60; round++) {
      List<InternalRow> rows = new ArrayList<>();
      int count = random.nextInt(120);
      double scale = Math.pow(10, random.nextInt(14) - 5);
      for (int i = 0; i < count; i++) {
        double wild = random.nextInt(60) == 0 ? Math.pow(10, random.nextInt(600) - 300) : scale;
        rows.add(
            new GenericInternalRow(
                new Object[] {
                  (long) i,
                  number(random, DataTypes.DoubleType, wild),
                  number(random, DataTypes.FloatType, wild),
                  array(random, DataTypes.FloatType, wild, 1),
                  array(random, DataTypes.DoubleType, wild, 2),
                  null,
                  number(random, DataTypes.DoubleType, wild)
                }));
      }
      double relative = random.nextBoolean() ? ANY : Math.pow(2, -random.nextInt(30));
      double absolute = random.nextBoolean() ? ANY : scale * Math.pow(2, -random.nextInt(30));
      String asked = List.of("float32", "float16", "bfloat16").get(random.nextInt(3));
      PrecisionPolicy policy =
          new PrecisionPolicy(PrecisionPolicy.parse(asked + ",e=exact"), relative, absolute);
      MappedEntry entry = write(schema, rows, 1 + random.nextInt(40), policy);
      String what = "round %d, %s, seed %d".formatted(round, policy, seed);
      assertWithinBounds(entry, schema, rows, policy, what);
      assertStatisticsAreOfStoredValues(entry, schema, what);
      assertArrowReadsTheSame(entry, schema, what);
    }
  }

  private static Object number(Random random, DataType type, double scale) {
    double value =
        switch (random.nextInt(12)) {
          case 0 -> Double.NaN;
          case 1 -> 0.0;
          case 2 -> -0.0;
          case 3 -> random.nextInt(20) == 0 ? Double.NEGATIVE_INFINITY : 1;
          case 4 -> Math.rint(random.nextGaussian() * 100);
          default -> random.nextGaussian() * scale;
        };
    return random.nextInt(6) == 0 ? null : boxed(type, value);
  }

  private static Object array(Random random, DataType type, double scale, int depth) {
    if (random.nextInt(8) == 0) {
      return null;
    }
    Object[] values = new Object[random.nextInt(5)];
    Arrays.setAll(
        values,
        i -> depth == 1 ? number(random, type, scale) : array(random, type, scale, depth - 1));
    return new GenericArrayData(values);
  }

  private static List<Object> flat(InternalRow row, StructType schema, int column) {
    List<Object> values = new ArrayList<>();
    DataType type = schema.apply(column).dataType();
    if (row.isNullAt(column)) {
      values.add(null);
    } else if (type instanceof ArrayType array) {
      flattenArray(row.getArray(column), array.elementType(), values);
    } else {
      values.add(row.get(column, type));
    }
    return values;
  }

  private static void flattenArray(ArrayData array, DataType element, List<Object> into) {
    into.add("[" + array.numElements());
    for (int i = 0; i < array.numElements(); i++) {
      if (array.isNullAt(i)) {
        into.add(null);
      } else if (element instanceof ArrayType nested) {
        flattenArray(array.getArray(i), nested.elementType(), into);
      } else {
        into.add(array.get(i, element));
      }
    }
  }

  private static void assertWithinBounds(
      MappedEntry entry,
      StructType schema,
      List<InternalRow> rows,
      PrecisionPolicy policy,
      String what) {
    List<Precision> asked = policy.of(schema);
    double[] relative = new double[schema.length()];
    double[] absolute = new double[schema.length()];
    var columnar = Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
    var byRow = entry.rowIterator();
    int at = 0;
    while (columnar.hasNext()) {
      ColumnarBatch batch = columnar.next();
      for (int i = 0; i < batch.numRows(); i++, at++) {
        InternalRow vectorRow = batch.getRow(i);
        InternalRow unsafeRow = byRow.next();
        for (int c = 0; c < schema.length(); c++) {
          List<Object> wanted = flat(rows.get(at), schema, c);
          List<Object> found = flat(vectorRow, schema, c);
          assertThat(flat(unsafeRow, schema, c)).as(what).isEqualTo(found);
          assertThat(found).as(what).hasSameSizeAs(wanted);
          for (int v = 0; v < wanted.size(); v++) {
            if (asked.get(c) == Precision.EXACT
                || !(wanted.get(v) instanceof Number number)
                || !Double.isFinite(number.doubleValue())) {
              assertThat(found.get(v))
                  .as("%s, row %d, column %d", what, at, c)
                  .isEqualTo(wanted.get(v));
              continue;
            }
            double value = number.doubleValue();
            double kept = ((Number) found.get(v)).doubleValue();
            assertThat(kept).as("%s, row %d, column %d", what, at, c).isFinite();
            assertThat(Math.copySign(1, kept)).as(what).isEqualTo(Math.copySign(1, value));
            double error = Math.abs(value - kept);
            absolute[c] = Math.max(absolute[c], error);
            relative[c] = Math.max(relative[c], error == 0 ? 0 : error / Math.abs(value));
          }
        }
      }
    }
    assertThat(at).isEqualTo(rows.size());
    for (ColumnPrecision report : entry.precision()) {
      int c = report.column();
      assertThat(report.maxAbsoluteError()).as(what).isEqualTo(absolute[c]);
      assertThat(report.maxRelativeError()).as(what).isEqualTo(relative[c]);
      assertThat(absolute[c]).as(what).isLessThanOrEqualTo(policy.maxAbsoluteError());
      assertThat(relative[c]).as(what).isLessThanOrEqualTo(policy.maxRelativeError());
      assertThat(report.stored()).as(what).isLessThanOrEqualTo(asked.get(c));
    }
    assertThat(entry.precision())
        .as(what)
        .hasSize((int) asked.stream().filter(p -> p != Precision.EXACT).count());
  }

  private static void assertStatisticsAreOfStoredValues(
      MappedEntry entry, StructType schema, String what) {
    for (int b = 0; b < entry.batchCount(); b++) {
      InternalRow stats = entry.batch(b).stats();
      var batch =
          Entries.selectAll(schema)
              .columnar(Entries.batches(entry).subList(b, b + 1).iterator())
              .next();
      for (int c : new int[] {1, 2, 6}) {
        DataType type = schema.apply(c).dataType();
        List<Double> values =
            IntStream.range(0, batch.numRows())
                .filter(i -> !batch.column(c).isNullAt(i))
                .mapToObj(i -> ((Number) batch.getRow(i).get(c, type)).doubleValue())
                .sorted()
                .toList();
        assertThat(stats.isNullAt(EntryStats.VALUES * c)).as(what).isEqualTo(values.isEmpty());
        if (!values.isEmpty()) {
          assertThat(((Number) stats.get(EntryStats.VALUES * c, type)).doubleValue())
              .as(what)
              .isEqualTo(values.get(0));
          assertThat(((Number) stats.get(EntryStats.VALUES * c + 1, type)).doubleValue())
              .as(what)
              .isEqualTo(values.get(values.size() - 1));
        }
      }
    }
  }

  private static void assertArrowReadsTheSame(MappedEntry entry, StructType schema, String what)
      throws IOException {
    try (RootAllocator root = new RootAllocator();
        ArrowFileReader reader = new ArrowFileReader(Files.newByteChannel(entry.file()), root)) {
      var rows = entry.rowIterator();
      while (reader.loadNextBatch()) {
        for (int i = 0; i < reader.getVectorSchemaRoot().getRowCount(); i++) {
          InternalRow row = rows.next();
          for (ColumnPrecision report : entry.precision()) {
            FieldVector vector = reader.getVectorSchemaRoot().getVector(report.column());
            if (report.stored() == Precision.BFLOAT16) {
              assertThat(leafType(vector)).isEqualTo(new ArrowType.FixedSizeBinary(2));
              continue;
            }
            List<Object> found = new ArrayList<>();
            flattenArrow(vector, i, found);
            List<Object> ours = flat(row, schema, report.column());
            assertThat(found.stream().map(LoweringTest::asDouble).toList())
                .as(what)
                .isEqualTo(ours.stream().map(LoweringTest::asDouble).toList());
          }
        }
      }
      assertThat(rows.hasNext()).isFalse();
    }
  }

  private static ArrowType leafType(FieldVector vector) {
    return vector instanceof ListVector list
        ? leafType(list.getDataVector())
        : vector.getField().getType();
  }

  private static Object asDouble(Object value) {
    return value instanceof Number number ? (Object) number.doubleValue() : value;
  }

  private static void flattenArrow(FieldVector vector, int i, List<Object> into) {
    if (vector.isNull(i)) {
      into.add(null);
    } else if (vector instanceof ListVector list) {
      int start = list.getElementStartIndex(i);
      int end = list.getElementEndIndex(i);
      into.add("[" + (end - start));
      for (int e = start; e < end; e++) {
        flattenArrow(list.getDataVector(), e, into);
      }
    } else {
      into.add(vector instanceof Float2Vector half ? half.getValueAsFloat(i) : vector.getObject(i));
    }
  }
}
