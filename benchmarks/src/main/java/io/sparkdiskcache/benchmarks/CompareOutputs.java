// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Compares outputs of runs with those of plain Spark, in plain Spark. The verdicts are properties
 * named {@code <run>.<output>}: {@code yes}, or what differs.
 */
final class CompareOutputs {
  static final String IDENTICAL = "yes";

  private CompareOutputs() {}

  /** Arguments: file for the verdicts, then run, its output and the expected output, repeated. */
  public static void main(String[] args) throws IOException {
    Properties verdicts = new Properties();
    try (SparkSession spark = SparkSession.builder().appName("compare").getOrCreate()) {
      for (int i = 1; i < args.length; i += 3) {
        for (String output : TpchEtl.OUTPUTS) {
          Path actual = Path.of(args[i + 1]).resolve(output);
          Path expected = Path.of(args[i + 2]).resolve(output);
          verdicts.setProperty(args[i] + "." + output, verdict(spark, expected, actual));
        }
      }
    }
    PropertyFiles.write(Path.of(args[0]), verdicts);
  }

  static String verdict(SparkSession spark, Path expected, Path actual) {
    Dataset<Row> expectedRows = spark.read().parquet(expected.toString());
    Dataset<Row> actualRows = spark.read().parquet(actual.toString());
    Optional<String> incomparable = Multisets.incomparable(expectedRows, actualRows);
    if (incomparable.isPresent()) {
      return incomparable.get();
    }
    Multisets.Difference difference = Multisets.compare(expectedRows, actualRows);
    if (difference.rows() == 0) {
      return "nothing to compare: plain Spark wrote no rows to " + expected;
    }
    return difference.none()
        ? IDENTICAL
        : difference.missing()
            + " rows missing and "
            + difference.extra()
            + " extra of "
            + difference.rows();
  }
}
