// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Measures what the number of rows in a batch costs: writing, reading two columns, reading all as
 * rows, and bytes. One thread, interleaved, medians. Usage: {@code BatchSizes DIR [ROWS] [RUNS]}.
 */
final class BatchSizes {
  private static final List<Integer> SIZES =
      List.of(1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144);

  private static final int WARM_UP = 2;
  private static final StructType SCHEMA =
      new StructType()
          .add("id", DataTypes.LongType, false)
          .add("key", DataTypes.IntegerType, false)
          .add("d1", DataTypes.DoubleType, false)
          .add("d2", DataTypes.DoubleType, true)
          .add("name", DataTypes.StringType, false)
          .add("amount", new DecimalType(12, 2), false)
          .add("day", DataTypes.DateType, false);

  /** Made once: what is measured is writing. */
  private final List<UnsafeRow> rows;

  private final Path directory;

  private BatchSizes(Path directory, List<UnsafeRow> rows) {
    this.directory = directory;
    this.rows = rows;
  }

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    int count = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1_000_000;
    int runs = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 7;
    Files.createDirectories(directory);
    new BatchSizes(directory, rows(count)).run(runs).forEach(System.out::println);
  }

  private static List<UnsafeRow> rows(int count) {
    Random random = new Random(7);
    UnsafeProjection projection = UnsafeProjection.create(SCHEMA);
    List<UnsafeRow> rows = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      Object[] values = {
        (long) i,
        random.nextInt(1000),
        random.nextDouble(),
        random.nextInt(10) == 0 ? null : random.nextGaussian(),
        UTF8String.fromString("customer-" + random.nextInt(50_000)),
        Decimal.createUnsafe(random.nextInt(100_000_000), 12, 2),
        random.nextInt(2_500)
      };
      rows.add(projection.apply(new GenericInternalRow(values)).copy());
    }
    return rows;
  }

  // The measurements, as indexes.
  private static final int WRITE = 0;
  private static final int TWO_COLUMNS = 1;
  private static final int ROWS = 2;

  private List<String> run(int runs) throws IOException {
    double[][][] seconds = new double[SIZES.size()][ROWS + 1][runs];
    long[] bytes = new long[SIZES.size()];
    double[] sums = new double[SIZES.size()];
    for (int run = -WARM_UP; run < runs; run++) {
      for (int i = 0; i < SIZES.size(); i++) {
        Path file = directory.resolve("batches.arrow");
        long start = System.nanoTime();
        bytes[i] = write(file, SIZES.get(i));
        long written = System.nanoTime();
        MappedEntry entry = MappedEntry.open(file);
        sums[i] = twoColumns(entry);
        long two = System.nanoTime();
        long read = asRows(entry);
        long end = System.nanoTime();
        Files.delete(file);
        if (read != rows.size() || sums[i] != sums[0]) {
          throw new IllegalStateException("Batches of " + SIZES.get(i) + " rows have other rows.");
        }
        if (run >= 0) {
          seconds[i][WRITE][run] = (written - start) / 1e9;
          seconds[i][TWO_COLUMNS][run] = (two - written) / 1e9;
          seconds[i][ROWS][run] = (end - two) / 1e9;
        }
      }
    }
    List<String> lines = new ArrayList<>();
    lines.add("| rows in a batch | write, ms | two columns, ms | all as rows, ms | bytes |");
    lines.add("|---|---|---|---|---|");
    for (int i = 0; i < SIZES.size(); i++) {
      double[][] of = seconds[i];
      lines.add(
          String.format(
              Locale.ROOT,
              "| %,d | %.0f | %.1f | %.0f | %,d |",
              SIZES.get(i),
              millis(of[WRITE]),
              millis(of[TWO_COLUMNS]),
              millis(of[ROWS]),
              bytes[i]));
    }
    return lines;
  }

  private static double millis(double[] seconds) {
    Arrays.sort(seconds);
    return seconds[seconds.length / 2] * 1e3;
  }

  private long write(Path file, int batchRows) throws IOException {
    EncodeOptions options = new EncodeOptions(batchRows, 1 << 30);
    try (EntryWriter writer =
        EntryWriter.create(file, SCHEMA, Map.of(), ArrowUtils.rootAllocator(), options)) {
      for (UnsafeRow row : rows) {
        writer.write(row);
      }
      return writer.finish().bytes();
    }
  }

  /** As generated code reads them, opening included. */
  private static double twoColumns(MappedEntry entry) throws CorruptEntryException {
    double sum = 0;
    for (int batch = 0; batch < entry.batchCount(); batch++) {
      ColumnVector ids = entry.column(batch, 0);
      ColumnVector doubles = entry.column(batch, 3);
      for (int i = 0; i < entry.rows(batch); i++) {
        sum += ids.getLong(i);
        if (!doubles.isNullAt(i)) {
          sum += doubles.getDouble(i);
        }
      }
    }
    return sum;
  }

  private static long asRows(MappedEntry entry) {
    List<CachedBatch> batches = new ArrayList<>();
    for (int i = 0; i < entry.batchCount(); i++) {
      batches.add(entry.batch(i));
    }
    Iterator<ColumnarBatch> columnar =
        ArrowCachedBatchSerializer.Selection.all(SCHEMA).columnar(batches.iterator());
    UnsafeProjection projection = UnsafeProjection.create(SCHEMA);
    long count = 0;
    while (columnar.hasNext()) {
      Iterator<InternalRow> read = columnar.next().rowIterator();
      while (read.hasNext()) {
        count += projection.apply(read.next()).numFields() / SCHEMA.length();
      }
    }
    return count;
  }
}
