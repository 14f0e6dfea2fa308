// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;

/**
 * Compares two results as multisets of rows: order is free, every duplicate counts. Each distinct
 * row gets the number of times it is expected minus the number of times it is there; what is not
 * zero is a difference.
 */
final class Multisets {
  private Multisets() {}

  /**
   * @param rows rows expected
   * @param missing rows expected and not there
   * @param extra rows there and not expected
   */
  record Difference(long rows, long missing, long extra) {
    boolean none() {
      return missing == 0 && extra == 0;
    }
  }

  /** Why the rows of the two cannot be compared exactly; empty if they can. */
  static Optional<String> incomparable(Dataset<Row> expected, Dataset<Row> actual) {
    if (!expected.schema().equals(actual.schema())) {
      return Optional.of(
          "the schemas differ: expected "
              + expected.schema().treeString()
              + "found "
              + actual.schema().treeString());
    }
    for (StructField field : expected.schema().fields()) {
      if (!isExact(field.dataType())) {
        return Optional.of(
            "column "
                + field.name()
                + " cannot be compared exactly: grouping merges different values of "
                + field.dataType().simpleString());
      }
    }
    return Optional.empty();
  }

  static Difference compare(Dataset<Row> expected, Dataset<Row> actual) {
    incomparable(expected, actual)
        .ifPresent(
            reason -> {
              throw new IllegalArgumentException("Cannot compare rows: " + reason);
            });
    String[] names =
        IntStream.range(0, expected.columns().length).mapToObj(i -> "c" + i).toArray(String[]::new);
    Column[] columns =
        IntStream.range(0, names.length).mapToObj(i -> col("c" + i)).toArray(Column[]::new);
    Column surplus = col("surplus");
    Row totals =
        expected
            .toDF(names)
            .withColumn("weight", lit(1L))
            .unionAll(actual.toDF(names).withColumn("weight", lit(-1L)))
            .groupBy(columns)
            .agg(sum("weight").as("surplus"))
            .filter(surplus.notEqual(0))
            .agg(
                coalesce(sum(when(surplus.gt(0), surplus)), lit(0L)),
                coalesce(sum(when(surplus.lt(0), surplus.unary_$minus())), lit(0L)))
            .first();
    return new Difference(expected.count(), totals.getLong(0), totals.getLong(1));
  }

  /** Grouping takes 0.0 and -0.0 for equal, and cannot group maps. */
  private static boolean isExact(DataType type) {
    return !type.existsRecursively(
        part ->
            part.equals(DataTypes.DoubleType)
                || part.equals(DataTypes.FloatType)
                || part instanceof MapType);
  }
}
