// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.apache.spark.sql.functions.expr;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** The tables of {@link ScanBenchmark}; the same rows at every call. */
final class ScanData {
  private static final int PARTITIONS = 4;

  private ScanData() {}

  /**
   * A long, an int key, two doubles of full precision, a string of 50,000 distinct, a decimal(12,2)
   * and a date.
   *
   * @param from the first id: other rows for another one
   */
  static Dataset<Row> scan(SparkSession spark, long from, long rows) {
    return range(
        spark,
        from,
        rows,
        List.of(
            expr("id"),
            expr("cast(pmod(xxhash64(id, 1), 1000) as int) as key"),
            expr("xxhash64(id, 2) / 9.2e18D as d1"),
            expr("xxhash64(id, 3) / 1e15D as d2"),
            expr("concat('customer-', pmod(xxhash64(id, 4), 50000)) as name"),
            expr("cast(pmod(xxhash64(id, 5), 100000000) / 100 as decimal(12,2)) as amount"),
            expr("date_add(date'1992-01-01', cast(pmod(xxhash64(id, 6), 2500) as int)) as day")));
  }

  /** An int, a double, a long, a string of 100,000 distinct and a UUID as string. */
  static Dataset<Row> fill(SparkSession spark, long rows) {
    return range(
        spark,
        0,
        rows,
        List.of(
            expr("cast(pmod(xxhash64(id, 1), 1000000) as int) as i"),
            expr("xxhash64(id, 2) / 9.2e18D as d"),
            expr("xxhash64(id, 3) as l"),
            expr("concat('name-', pmod(xxhash64(id, 4), 100000)) as s"),
            expr(
                "regexp_replace(substr(sha2(cast(id as string), 256), 1, 32),"
                    + " '(.{8})(.{4})(.{4})(.{4})(.{12})', '$1-$2-$3-$4-$5') as u")));
  }

  /** Four columns of floats, as measurements and model outputs are: full precision. */
  static Dataset<Row> floats(SparkSession spark, long rows) {
    return range(
        spark,
        0,
        rows,
        List.of(
            expr("cast(xxhash64(id, 1) / 9.2e18D as float) as f1"),
            expr("cast(xxhash64(id, 2) / 9.2e15D as float) as f2"),
            expr("cast(sqrt(abs(xxhash64(id, 3) / 9.2e18D)) as float) as f3"),
            expr("cast(sin(xxhash64(id, 4) / 1e18D) as float) as f4")));
  }

  private static Dataset<Row> range(
      SparkSession spark, long from, long rows, List<Column> columns) {
    return spark
        .range(from, from + rows, 1, PARTITIONS)
        .toDF()
        .select(columns.toArray(Column[]::new));
  }

  static void write(Dataset<Row> table, String compression, Path directory) {
    table.write().option("compression", compression).parquet(directory.toString());
  }

  /** The same files under another path, so that Spark takes them for another table. */
  static Path twin(Path table, Path directory) throws IOException {
    Files.createDirectories(directory);
    try (Stream<Path> files = Files.list(table)) {
      for (Path file : files.toList()) {
        Files.createLink(directory.resolve(file.getFileName()), file);
      }
    }
    return directory;
  }

  /** Of the files right in a directory. */
  static long bytes(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      long bytes = 0;
      for (Path file : files.toList()) {
        bytes += Files.size(file);
      }
      return bytes;
    }
  }
}
