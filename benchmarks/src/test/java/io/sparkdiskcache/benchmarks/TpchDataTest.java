// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TpchDataTest {
  /** The numbers that the TPC-H specification and dbgen give for scale factor 0.01. */
  private static final long LINE_ITEMS = 60_175;

  private static final long ORDERS = 15_000;

  @TempDir private static Path dir;
  private static SparkSession spark;
  private static Path data;

  @BeforeAll
  static void generate() throws IOException {
    spark = LocalSpark.start(dir);
    data = dir.resolve("data");
    TpchData.generate(spark, 0.01, data);
  }

  @AfterAll
  static void stop() throws IOException {
    spark.close();
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  private static Dataset<Row> read(Path... paths) {
    return spark.read().parquet(Stream.of(paths).map(Path::toString).toArray(String[]::new));
  }

  @Test
  void rowsOfTheScale() throws IOException {
    Dataset<Row> items = read(data.resolve("lineitem"), data.resolve("arriving"));

    assertThat(items.count()).isEqualTo(LINE_ITEMS);
    assertThat(items.select("l_orderkey", "l_linenumber").distinct().count())
        .as("no part holds rows of another")
        .isEqualTo(LINE_ITEMS);
    assertThat(read(data.resolve("orders")).count()).isEqualTo(ORDERS);

    Properties counts = PropertyFiles.read(data.resolve(TpchData.COMPLETE));
    assertThat(number(counts, "lineitem") + number(counts, "arriving")).isEqualTo(LINE_ITEMS);
    assertThat(number(counts, "orders")).isEqualTo(ORDERS);
  }

  private static long number(Properties properties, String name) {
    return Long.parseLong(properties.getProperty(name));
  }

  @Test
  void firstLineItemIsThatOfDbgen() {
    Row first =
        read(data.resolve("lineitem"))
            .filter("l_orderkey = '1' and l_linenumber = '1'")
            .selectExpr("l_partkey", "l_quantity", "l_shipdate", "l_shipinstruct", "l_comment")
            .first();

    assertThat(first.mkString("|"))
        .isEqualTo("1552|17|1996-03-13|DELIVER IN PERSON|egular courts above the");
  }

  @Test
  void layout() throws IOException {
    assertThat(names(data.resolve("lineitem")))
        .containsExactly(
            "part-1.parquet",
            "part-2.parquet",
            "part-3.parquet",
            "part-4.parquet",
            "part-5.parquet",
            "part-6.parquet",
            "part-7.parquet",
            "part-8.parquet");
    assertThat(names(data.resolve("arriving"))).containsExactly("part-9.parquet");
    assertThat(names(data)).containsExactly("arriving", TpchData.COMPLETE, "lineitem", "orders");
  }

  @Test
  void anotherGenerationGivesTheSameFiles() throws IOException {
    Path again = dir.resolve("again");
    TpchData.generate(spark, 0.01, again);

    assertThat(contents(again)).isEqualTo(contents(data)).hasSize(13);
  }

  /** Path to the rows in their order. */
  private static Map<String, List<Row>> contents(Path root) throws IOException {
    Map<String, List<Row>> contents = new TreeMap<>();
    for (String table : List.of("lineitem", "arriving", "orders")) {
      for (String name : names(root.resolve(table))) {
        contents.put(table + "/" + name, read(root.resolve(table).resolve(name)).collectAsList());
      }
    }
    return contents;
  }

  @Test
  void aFileArrivesOnceAndDeparts(@TempDir Path root) throws IOException {
    Path kept = root.resolve("arriving/part-9.parquet");
    Path arrived = root.resolve("lineitem/part-9.parquet");
    Files.createDirectories(kept.getParent());
    Files.writeString(kept, "rows");

    assertThat(TpchData.arrive(root)).isTrue();
    assertThat(arrived).hasContent("rows");
    assertThat(TpchData.arrive(root)).as("already there").isFalse();
    assertThat(TpchData.depart(root)).isTrue();
    assertThat(kept).hasContent("rows");
    assertThat(arrived).doesNotExist();
    assertThat(TpchData.depart(root)).as("already gone").isFalse();
  }
}
