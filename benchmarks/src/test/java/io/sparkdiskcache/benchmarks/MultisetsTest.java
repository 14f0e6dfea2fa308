// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.benchmarks.Multisets.Difference;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MultisetsTest {
  private static final StructType SCHEMA =
      new StructType().add("k", DataTypes.IntegerType).add("v", DataTypes.StringType);

  @TempDir private static Path dir;
  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = LocalSpark.start(dir);
  }

  @AfterAll
  static void stop() throws IOException {
    spark.close();
  }

  private static final Row A = RowFactory.create(1, "a");
  private static final Row B = RowFactory.create(2, "b");
  private static final Row NULL = RowFactory.create(null, null);

  private static Dataset<Row> rows(Row... rows) {
    return spark.createDataFrame(Arrays.asList(rows), SCHEMA);
  }

  @Test
  void sameRowsInAnotherOrder() {
    assertThat(Multisets.compare(rows(A, B, NULL, A), rows(NULL, A, A, B)))
        .isEqualTo(new Difference(4, 0, 0));
  }

  @Test
  void missingRow() {
    assertThat(Multisets.compare(rows(A, B, NULL), rows(A, B))).isEqualTo(new Difference(3, 1, 0));
  }

  @Test
  void extraRow() {
    assertThat(Multisets.compare(rows(A), rows(A, NULL))).isEqualTo(new Difference(1, 0, 1));
  }

  @Test
  void duplicatedRow() {
    assertThat(Multisets.compare(rows(A, B), rows(A, B, B, B))).isEqualTo(new Difference(2, 0, 2));
    assertThat(Multisets.compare(rows(A, A, A, B), rows(A, B))).isEqualTo(new Difference(4, 2, 0));
  }

  @Test
  void oneRowTwiceInsteadOfTwoRows() {
    assertThat(Multisets.compare(rows(A, B), rows(A, A))).isEqualTo(new Difference(2, 1, 1));
  }

  @Test
  void changedRow() {
    assertThat(Multisets.compare(rows(A, B), rows(A, RowFactory.create(2, "B"))))
        .isEqualTo(new Difference(2, 1, 1));
    assertThat(Multisets.compare(rows(A, B), rows(A, RowFactory.create(2, null))))
        .isEqualTo(new Difference(2, 1, 1));
  }

  @Test
  void everythingMissing() {
    assertThat(Multisets.compare(rows(A, B, B), rows())).isEqualTo(new Difference(3, 3, 0));
    assertThat(Multisets.compare(rows(), rows()).none()).isTrue();
  }

  @Test
  void differentSchemasAreNotCompared() {
    Dataset<Row> wider = rows(A).selectExpr("cast(k as bigint) k", "v");

    assertThat(Multisets.incomparable(rows(A), wider)).get().asString().contains("schemas differ");
    assertThatThrownBy(() -> Multisets.compare(rows(A), wider))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("k: long");
  }

  @Test
  void typesThatGroupingMergesAreNotCompared() {
    Dataset<Row> zeros = spark.sql("select named_struct('x', array(0.0d)) s");
    Dataset<Row> negative = spark.sql("select named_struct('x', array(-0.0d)) s");

    assertThat(Multisets.incomparable(zeros, negative)).get().asString().startsWith("column s ");
    assertThat(Multisets.incomparable(rows(A), rows(B))).isEmpty();
  }

  @Test
  void verdictOfOutputs(@TempDir Path outputs) {
    Path expected = outputs.resolve("expected");
    Path same = outputs.resolve("same");
    Path other = outputs.resolve("other");
    Path empty = outputs.resolve("empty");
    rows(A, B).write().parquet(expected.toString());
    rows(B, A).write().parquet(same.toString());
    rows(A, B, NULL).write().parquet(other.toString());
    rows().write().parquet(empty.toString());

    assertThat(CompareOutputs.verdict(spark, expected, same)).isEqualTo("yes");
    assertThat(CompareOutputs.verdict(spark, expected, other))
        .isEqualTo("0 rows missing and 1 extra of 2");
    assertThat(CompareOutputs.verdict(spark, expected, empty))
        .isEqualTo("2 rows missing and 0 extra of 2");
    assertThat(CompareOutputs.verdict(spark, empty, empty)).startsWith("nothing to compare");
  }
}
