// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.lifecycle.AfterTry;
import net.jqwik.api.lifecycle.BeforeTry;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/** Any schema of three levels, any rows, any way to store them: what was written comes back. */
final class RoundTripPropertyTest {
  private static final int DEPTH = 3;
  private static final int FIELDS = 6;

  /** Rows with the same values, enough for them to be stored as such. */
  private static final int ALIKE = 600;

  private Path first = Path.of("");
  private Path second = Path.of("");

  @BeforeTry
  void nameFiles() throws IOException {
    first = Files.createTempDirectory("round-trip").resolve("first.arrow");
    second = first.resolveSibling("second.arrow");
  }

  @AfterTry
  void deleteFiles() throws IOException {
    Files.deleteIfExists(first);
    Files.deleteIfExists(second);
    Files.delete(first.getParent());
  }

  @Provide
  Arbitrary<StructType> schemas() {
    return struct(DEPTH);
  }

  private static Arbitrary<StructType> struct(int depth) {
    return Combinators.combine(Arbitraries.of("a", "b", "", "ü.`"), type(depth), booleans())
        .as((name, type, nullable) -> field(name, type, nullable))
        .list()
        .ofMaxSize(FIELDS)
        .map(fields -> new StructType(fields.toArray(StructField[]::new)));
  }

  private static StructField field(String name, DataType type, boolean nullable) {
    return new StructField(name, type, nullable || isNull(type), Metadata.empty());
  }

  private static Arbitrary<DataType> type(int depth) {
    Arbitrary<DataType> leaf = Arbitraries.of(RandomData.LEAVES);
    if (depth == 0) {
      return leaf;
    }
    Arbitrary<DataType> below = type(depth - 1);
    return Arbitraries.frequencyOf(
        Tuple.of(6, leaf),
        Tuple.of(
            2,
            Combinators.combine(below, booleans())
                .as((type, nulls) -> new ArrayType(type, nulls || isNull(type)))),
        Tuple.of(
            2,
            Combinators.combine(below, below, booleans())
                .as((key, value, nulls) -> map(key, value, nulls))),
        Tuple.of(2, struct(depth - 1)));
  }

  private static DataType map(DataType key, DataType value, boolean nulls) {
    return new MapType(isNull(key) ? DataTypes.LongType : key, value, nulls || isNull(value));
  }

  private static boolean isNull(DataType type) {
    return type.equals(DataTypes.NullType);
  }

  private static Arbitrary<Boolean> booleans() {
    return Arbitraries.of(true, false);
  }

  @Provide
  Arbitrary<EncodeOptions> options() {
    return Combinators.combine(
            Arbitraries.oneOf(
                Arbitraries.integers().between(1, 40), Arbitraries.integers().between(1, ALIKE)),
            Arbitraries.longs().between(1, 100_000),
            booleans(),
            Arbitraries.of(Compression.values()))
        .as(
            (rows, bytes, compact, codec) ->
                new EncodeOptions(rows, bytes).withCompact(compact).withCompression(codec));
  }

  /** Also once more from the batches, whose rows begin and end anywhere in those of the copy. */
  @Property
  void whatIsWrittenComesBack(
      @ForAll("schemas") StructType schema,
      @ForAll long seed,
      @ForAll @IntRange(max = 90) int count,
      @ForAll @DoubleRange(max = 1) double nulls,
      @ForAll boolean alike,
      @ForAll("options") EncodeOptions options,
      @ForAll("options") EncodeOptions ofCopy)
      throws IOException {
    List<InternalRow> random = new RandomData(seed).rows(schema, count, nulls);
    List<InternalRow> rows =
        alike && count > 0 ? Collections.nCopies(ALIKE, random.get(0)) : random;
    Entries.write(first, schema, rows, options);
    MappedEntry entry = MappedEntry.open(first);

    Entries.assertHolds(entry, schema, rows);
    copy(entry, schema, ofCopy);

    MappedEntry copy = MappedEntry.open(second);

    Entries.assertHolds(copy, schema, rows);
  }

  private void copy(MappedEntry entry, StructType schema, EncodeOptions options)
      throws IOException {
    try (BufferAllocator root = new RootAllocator();
        EntryWriter writer = EntryWriter.create(second, schema, Map.of(), root, options)) {
      Iterator<ColumnarBatch> batches =
          Entries.selectAll(schema).columnar(Entries.batches(entry).iterator());
      while (batches.hasNext()) {
        writer.write(batches.next());
      }
      assertThat(writer.finish().rows()).isEqualTo(entry.rows());
    }
  }
}
