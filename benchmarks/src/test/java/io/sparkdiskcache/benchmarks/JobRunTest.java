// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import scala.Tuple2;

class JobRunTest {
  @TempDir private static Path dir;

  @Test
  void stagesOfAJobWithOneShuffle() throws IOException {
    StageFigures figures = new StageFigures();
    try (SparkSession spark = LocalSpark.start(dir)) {
      spark.sparkContext().addSparkListener(figures);
      JavaPairRDD<Integer, Integer> sums =
          JavaSparkContext.fromSparkContext(spark.sparkContext())
              .parallelize(List.of(1, 2, 3, 4, 5, 6, 7, 8), 4)
              .mapToPair(i -> new Tuple2<>(i % 2, i))
              .reduceByKey(Integer::sum, 2);
      assertThat(sums.collectAsMap()).isEqualTo(Map.of(0, 20, 1, 16));
      assertThat(sums.count()).isEqualTo(2);
    }

    assertThat(figures.stagesRun()).as("map and result, then a result").isEqualTo(3);
    assertThat(figures.stagesSkipped()).as("map of the second job").isEqualTo(1);
    assertThat(figures.tasks()).isEqualTo(4 + 2 + 2);
    assertThat(figures.bytesShuffled()).isPositive();
    assertThat(figures.bytesRead()).isZero();
    assertThat(figures.bytesWritten()).isZero();
  }

  @Test
  void theJobCountsWhatItWrites() throws IOException {
    Path data = dir.resolve("data");
    Path output = dir.resolve("output");
    StageFigures figures = new StageFigures();
    try (SparkSession spark = LocalSpark.start(dir)) {
      TpchData.generate(spark, 0.001, data);
      spark.sparkContext().addSparkListener(figures);
      Map<String, String> summaries = TpchEtl.run(spark, data, output);

      Dataset<Row> delivered = spark.read().parquet(data.resolve("lineitem").toString());
      long kept = delivered.filter("l_returnflag <> 'R'").count();
      assertThat(kept).isBetween(1L, delivered.count() - 1);
      assertThat(summaries.get(TpchEtl.LINE_ITEMS)).startsWith(kept + " rows, revenue ");
      for (String name : TpchEtl.OUTPUTS) {
        Dataset<Row> written = spark.read().parquet(output.resolve(name).toString());
        Object revenue = written.selectExpr("sum(revenue)").first().get(0);
        assertThat(summaries).containsEntry(name, written.count() + " rows, revenue " + revenue);
      }

      Dataset<Row> ranks = spark.read().parquet(output.resolve(TpchEtl.CUSTOMER_RANKS).toString());
      assertThat(ranks.groupBy("month", "rank_in_month").count().filter("count > 1").count())
          .as("no ties, so ranks are the same in every run")
          .isZero();
      Dataset<Row> items = spark.read().parquet(output.resolve(TpchEtl.LINE_ITEMS).toString());
      assertThat(items.filter("price is null or discount is null or promised is null").count())
          .as("values that could not be typed")
          .isZero();
      assertThat(items.select("topic").distinct().count()).isEqualTo(7);
    }
    assertThat(figures.stagesRun()).isPositive();
    assertThat(figures.bytesRead()).isPositive();
    assertThat(figures.bytesWritten()).isPositive();
  }

  @Test
  void figuresAreReadAsWritten() throws IOException {
    Path file = dir.resolve("figures.properties");
    Map<String, String> summaries = Map.of("x", "1 rows, revenue 2.50", "y", "");

    RunFigures plain = new RunFigures(1, 2, 3, 4, 5, 6, 7, null, null, summaries);
    plain.write(file);
    assertThat(RunFigures.read(file)).isEqualTo(plain);

    RunFigures cached = new RunFigures(1, 2, 3, 4, 5, 6, 7, 0L, 9L, Map.of());
    cached.write(file);
    assertThat(RunFigures.read(file)).isEqualTo(cached);
  }
}
