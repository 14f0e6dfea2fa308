// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.CacheOptions;
import io.sparkdiskcache.DiskCache;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;

/**
 * Measures what it takes to fill a relation, beside Spark's own cache, in one process, interleaved;
 * and the bytes of floats. Arguments: an empty directory, the rows, and how often each fill is
 * measured.
 */
final class FillBenchmark {
  private static final int WARM_UP = 1;
  private static final String OURS = "spark-diskcache";
  private static final String MEMORY = "cache()";
  private static final String DISK = "persist(DISK_ONLY)";

  private FillBenchmark() {}

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    long rows = Long.parseLong(args[1]);
    int runs = Integer.parseInt(args[2]);
    try (SparkSession spark = BenchSpark.start(directory)) {
      SparkSession plain = BenchSpark.plain(spark);
      System.out.println("Seconds.");
      System.out.println(
          "| fill and count | "
              + String.join(" | ", List.of(OURS, MEMORY, DISK))
              + " | of cache() | of persist(DISK_ONLY) |");
      System.out.println("|---|---|---|---|---|---|");
      print(
          "of rows that are computed",
          new Interleaved()
              .way(OURS, () -> fillAnew(spark, ScanData.scan(spark, 0, rows)))
              .way(
                  MEMORY, () -> fill(ScanData.scan(plain, 0, rows), StorageLevel.MEMORY_AND_DISK()))
              .way(DISK, () -> fill(ScanData.scan(plain, 0, rows), StorageLevel.DISK_ONLY()))
              .medians(WARM_UP, runs));
      Path table = directory.resolve("fill");
      ScanData.write(ScanData.fill(spark, rows), "snappy", table);
      print(
          "of Parquet",
          new Interleaved()
              .way(OURS, () -> fillAnew(spark, spark.read().parquet(table.toString())))
              .way(MEMORY, () -> fill(read(plain, table), StorageLevel.MEMORY_AND_DISK()))
              .way(DISK, () -> fill(read(plain, table), StorageLevel.DISK_ONLY()))
              .medians(WARM_UP, runs));
      System.out.println();
      floats(spark, directory, rows);
    }
  }

  private static Dataset<Row> read(SparkSession spark, Path table) {
    return spark.read().parquet(table.toString());
  }

  /** Nothing of it is stored before, and nothing afterwards. */
  private static Object fillAnew(SparkSession spark, Dataset<Row> df) {
    long computed = DiskCache.of(spark).stats().computed();
    Object count = fill(df, StorageLevel.MEMORY_AND_DISK());
    if (DiskCache.of(spark).stats().computed() == computed) {
      throw new IllegalStateException("Nothing was stored.");
    }
    DiskCache.of(spark).clear();
    return count;
  }

  private static Object fill(Dataset<Row> df, StorageLevel level) {
    df.persist(level);
    try {
      return df.count();
    } finally {
      df.unpersist(true);
    }
  }

  private static void print(String what, Interleaved.Medians seconds) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %.2f | %.2f | %.2f | %.2f | %.2f |%n",
        what,
        seconds.of(OURS),
        seconds.of(MEMORY),
        seconds.of(DISK),
        seconds.of(OURS) / seconds.of(MEMORY),
        seconds.of(OURS) / seconds.of(DISK));
  }

  private static void floats(SparkSession spark, Path directory, long rows) throws IOException {
    Path zstd = directory.resolve("floats");
    ScanData.write(ScanData.floats(spark, rows), "zstd", zstd);
    long parquet = ScanData.bytes(zstd);
    System.out.println("| four columns of floats | bytes | of Parquet zstd |");
    System.out.println("|---|---|---|");
    System.out.printf(Locale.ROOT, "| Parquet zstd | %,d | |%n", parquet);
    for (String stored : List.of("exact", "float16", "float16 zstd")) {
      DiskCache cache = DiskCache.of(spark);
      String precision = stored.split(" ", -1)[0];
      spark.conf().set("spark.diskcache.compression", stored.endsWith("zstd") ? "zstd" : "none");
      Dataset<Row> df =
          cache.persist(read(spark, zstd), CacheOptions.precision(Map.of("*", precision)));
      df.count();
      long bytes = BenchSpark.keptBytes(spark);
      df.unpersist(true);
      cache.clear();
      System.out.printf(
          Locale.ROOT, "| %s | %,d | %.2f |%n", stored, bytes, (double) bytes / parquet);
    }
  }
}
