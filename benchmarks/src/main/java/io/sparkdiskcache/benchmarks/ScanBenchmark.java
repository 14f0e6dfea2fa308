// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;

/**
 * Queries over a kept relation beside Parquet and Spark's own cache, in one process, interleaved.
 * Arguments: an empty directory, the rows, and how often each query is measured.
 */
final class ScanBenchmark {
  private static final int WARM_UP = 2;
  private static final String LIMIT = "plain loop";

  /** The peers by which ratios are printed. */
  private static final String OURS = "spark-diskcache";

  private static final String MEMORY = "cache() in memory";
  private static final String SNAPPY = "Parquet snappy";

  private final SparkSession spark;
  private final Path directory;
  private final long rows;
  private final int runs;

  private ScanBenchmark(SparkSession spark, Path directory, long rows, int runs) {
    this.spark = spark;
    this.directory = directory;
    this.rows = rows;
    this.runs = runs;
  }

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    try (SparkSession spark = BenchSpark.start(directory)) {
      new ScanBenchmark(spark, directory, Long.parseLong(args[1]), Integer.parseInt(args[2])).run();
    }
  }

  private static Map<String, String> queries(long rows) {
    Map<String, String> queries = new LinkedHashMap<>();
    queries.put(
        "numeric aggregate",
        "SELECT count(*), round(sum(d1), 1), round(avg(d2), 3), max(id), sum(key) FROM %s");
    queries.put(
        "group-by",
        "SELECT sum(pmod(xxhash64(key, n), 1000)), round(sum(s), 1) FROM"
            + " (SELECT key, count(*) n, sum(d1) s FROM %s GROUP BY key)");
    queries.put(
        "string aggregate",
        "SELECT sum(pmod(xxhash64(name, n, day), 1000)), count(*) FROM"
            + " (SELECT name, count(*) n, max(day) day FROM %s GROUP BY name)");
    long first = rows / 3;
    queries.put(
        "filter, 1 % in one place",
        "SELECT count(*), round(sum(d1), 1), sum(amount) FROM %s WHERE id BETWEEN "
            + first
            + " AND "
            + (first + rows / 100));
    queries.put(
        "filter, 1 % everywhere",
        "SELECT count(*), round(sum(d1), 1), sum(amount) FROM %s WHERE key < 10");
    queries.put(
        "wide projection",
        "SELECT sum(pmod(xxhash64(id, key, d1, d2, name, amount, day), 1000)) FROM %s");
    return queries;
  }

  private void run() throws Exception {
    Path snappy = directory.resolve("snappy");
    Path zstd = directory.resolve("zstd");
    ScanData.write(ScanData.scan(spark, 0, rows), "snappy", snappy);
    ScanData.write(spark.read().parquet(snappy.toString()), "zstd", zstd);
    SparkSession plain = BenchSpark.plain(spark);
    Map<String, Dataset<Row>> tables = new LinkedHashMap<>();
    tables.put(SNAPPY, plain.read().parquet(snappy.toString()));
    tables.put("Parquet zstd", plain.read().parquet(zstd.toString()));
    tables.put(MEMORY, kept(plain, snappy, "memory", StorageLevel.MEMORY_AND_DISK()));
    tables.put("persist(DISK_ONLY)", kept(plain, snappy, "disk", StorageLevel.DISK_ONLY()));
    tables.put(OURS, kept(spark, snappy, "ours", StorageLevel.MEMORY_AND_DISK()));
    requireAllInMemory();
    BenchSpark.requireKept(spark);

    List<String> names = new ArrayList<>(tables.keySet());
    System.out.println("Milliseconds.");
    System.out.println(
        "| query | "
            + String.join(" | ", names)
            + " | of cache() | of Parquet | of the plain loop |");
    System.out.println("|---|" + "---|".repeat(names.size() + 3));
    Path columns = writeColumns(tables.get(SNAPPY));
    for (Map.Entry<String, String> query : queries(rows).entrySet()) {
      Interleaved ways = new Interleaved();
      tables.forEach((name, table) -> ways.way(name, () -> answer(table, query.getValue())));
      if (query.getKey().equals("numeric aggregate")) {
        print(names, query.getKey(), ways, limit(columns));
      } else {
        print(names, query.getKey(), ways, Double.NaN);
      }
    }
    Interleaved noop = new Interleaved();
    tables.forEach((name, table) -> noop.way(name, () -> writeNowhere(table)));
    print(names, "all rows to a row consumer", noop, Double.NaN);
    System.out.println();
    System.out.printf(
        Locale.ROOT,
        "Bytes: spark-diskcache %,d, Parquet snappy %,d, Parquet zstd %,d; spark-diskcache is %.2f of Parquet zstd.%n",
        BenchSpark.keptBytes(spark),
        ScanData.bytes(snappy),
        ScanData.bytes(zstd),
        (double) BenchSpark.keptBytes(spark) / ScanData.bytes(zstd));
  }

  private Dataset<Row> kept(SparkSession session, Path table, String name, StorageLevel level)
      throws IOException {
    Path own = ScanData.twin(table, directory.resolve(name));
    Dataset<Row> df = session.read().parquet(own.toString()).persist(level);
    df.count();
    return df;
  }

  /** A peer that spills is no peer. */
  private void requireAllInMemory() {
    for (var rdd : spark.sparkContext().getRDDStorageInfo()) {
      if (rdd.storageLevel().useMemory() && rdd.diskSize() > 0 && rdd.memSize() > 0) {
        throw new IllegalStateException(
            "Spark's cache does not fit into memory: "
                + rdd.diskSize()
                + " bytes are on disk; give the JVM more.");
      }
    }
  }

  private static Object answer(Dataset<Row> table, String query) {
    table.createOrReplaceTempView("t");
    return table.sparkSession().sql(String.format(Locale.ROOT, query, "t")).head();
  }

  private static Object writeNowhere(Dataset<Row> table) {
    table.write().format("noop").mode("overwrite").save();
    return true;
  }

  private void print(List<String> names, String query, Interleaved ways, double limit)
      throws Exception {
    Interleaved.Medians seconds = ways.medians(WARM_UP, runs);
    StringBuilder line = new StringBuilder("| ").append(query);
    names.forEach(name -> line.append(millis(seconds.of(name))));
    double ours = seconds.of(OURS);
    line.append(ratio(ours, seconds.of(MEMORY)))
        .append(ratio(ours, seconds.of(SNAPPY)))
        .append(Double.isNaN(limit) ? " | " : ratio(ours, limit));
    System.out.println(line.append(" |"));
  }

  private static String millis(double seconds) {
    return String.format(Locale.ROOT, " | %,.0f", seconds * 1_000);
  }

  private static String ratio(double ours, double peer) {
    return String.format(Locale.ROOT, " | %.2f", ours / peer);
  }

  // ---- the limit: the columns of the numeric aggregate as plain arrays in mapped files

  private Path writeColumns(Dataset<Row> table) throws IOException {
    Path file = directory.resolve("columns");
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      for (int column = 0; column < COLUMNS; column++) {
        DoubleBuffer doubles =
            channel
                .map(
                    FileChannel.MapMode.READ_WRITE,
                    column * rows * Double.BYTES,
                    rows * Double.BYTES)
                .order(ByteOrder.nativeOrder())
                .asDoubleBuffer();
        String name = List.of("d1", "d2", "id", "key").get(column);
        table
            .selectExpr("cast(" + name + " as double)")
            .toLocalIterator()
            .forEachRemaining(row -> doubles.put(row.getDouble(0)));
      }
    }
    return file;
  }

  private static final int COLUMNS = 4;

  /** Median seconds of summing the four columns, by as many threads as Spark has. */
  private double limit(Path columns) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(BenchSpark.CORES);
    try (FileChannel channel = FileChannel.open(columns)) {
      List<DoubleBuffer> mapped = new ArrayList<>();
      for (int column = 0; column < COLUMNS; column++) {
        mapped.add(
            channel
                .map(
                    FileChannel.MapMode.READ_ONLY,
                    column * rows * Double.BYTES,
                    rows * Double.BYTES)
                .order(ByteOrder.nativeOrder())
                .asDoubleBuffer());
      }
      return new Interleaved()
          .way(LIMIT, () -> sums(mapped, threads))
          .medians(WARM_UP, runs)
          .of(LIMIT);
    } finally {
      threads.shutdown();
      Files.delete(columns);
    }
  }

  private Object sums(List<DoubleBuffer> columns, ExecutorService threads) throws Exception {
    int half = (int) (rows / BenchSpark.CORES);
    List<Future<double[]>> parts = new ArrayList<>();
    for (int part = 0; part < BenchSpark.CORES; part++) {
      int from = part * half;
      parts.add(
          threads.submit(
              () -> columns.stream().mapToDouble(column -> sum(column, from, half)).toArray()));
    }
    List<Double> sums = new ArrayList<>();
    for (Future<double[]> part : parts) {
      for (double sum : part.get()) {
        sums.add(sum);
      }
    }
    return sums;
  }

  private static double sum(DoubleBuffer column, int from, int length) {
    double sum = 0;
    for (int i = from; i < from + length; i++) {
      sum += column.get(i);
    }
    return sum;
  }
}
