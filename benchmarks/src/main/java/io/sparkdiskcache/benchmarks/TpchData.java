// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.trino.tpch.LineItemColumn;
import io.trino.tpch.LineItemGenerator;
import io.trino.tpch.OrderColumn;
import io.trino.tpch.OrderGenerator;
import io.trino.tpch.TpchColumn;
import io.trino.tpch.TpchEntity;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * TPC-H input of the demo as Parquet, every column as the text that dbgen writes: typing it is the
 * job's work. The rows depend on the scale alone.
 *
 * <pre>
 * lineitem/part-1.parquet .. part-8.parquet
 * arriving/part-9.parquet                    the file that arrives between two runs
 * orders/part-1.parquet .. part-4.parquet
 * data.properties                            row counts; written last, so its presence means complete
 * </pre>
 */
final class TpchData {
  static final int LINE_ITEM_FILES = 9;
  static final int ORDER_FILES = 4;
  static final String COMPLETE = "data.properties";

  private TpchData() {}

  /** Arguments: scale, directory. */
  public static void main(String[] args) throws IOException {
    try (SparkSession spark = SparkSession.builder().appName("tpch-data").getOrCreate()) {
      generate(spark, Double.parseDouble(args[0]), Path.of(args[1]));
    }
  }

  static void generate(SparkSession spark, double scale, Path dir) throws IOException {
    Files.createDirectories(dir);
    Path lineItems = dir.resolve("lineitem");
    Path orders = dir.resolve("orders");
    writeParts(
        spark,
        lineItems,
        LINE_ITEM_FILES,
        names(LineItemColumn.values()),
        part -> new LineItemGenerator(scale, part, LINE_ITEM_FILES));
    writeParts(
        spark,
        orders,
        ORDER_FILES,
        names(OrderColumn.values()),
        part -> new OrderGenerator(scale, part, ORDER_FILES));
    move(lastLineItems(lineItems), lastLineItems(dir.resolve("arriving")));

    Properties counts = new Properties();
    counts.setProperty("lineitem", rows(spark, lineItems));
    counts.setProperty("arriving", rows(spark, dir.resolve("arriving")));
    counts.setProperty("orders", rows(spark, orders));
    PropertyFiles.write(dir.resolve(COMPLETE), counts);
  }

  /** The last line item file joins the others; returns whether it still had to. */
  static boolean arrive(Path dir) throws IOException {
    return moveIfThere(dir.resolve("arriving"), dir.resolve("lineitem"));
  }

  /** Undoes {@link #arrive}; returns whether there was something to undo. */
  static boolean depart(Path dir) throws IOException {
    return moveIfThere(dir.resolve("lineitem"), dir.resolve("arriving"));
  }

  private static boolean moveIfThere(Path from, Path to) throws IOException {
    if (!Files.exists(lastLineItems(from))) {
      return false;
    }
    move(lastLineItems(from), lastLineItems(to));
    return true;
  }

  private static void move(Path from, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    Files.move(from, to);
  }

  private static Path lastLineItems(Path dir) {
    return dir.resolve("part-" + LINE_ITEM_FILES + ".parquet");
  }

  /** Every part in one task and one file, all parts in parallel. */
  private static void writeParts(
      SparkSession spark, Path target, int parts, List<String> columns, PartRows partRows)
      throws IOException {
    Path writing = target.resolveSibling(target.getFileName() + ".writing");
    text(spark, parts, columns, partRows).write().parquet(writing.toString());

    Files.createDirectories(target);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(writing, "part-*.parquet")) {
      for (Path file : files) {
        int task = Integer.parseInt(file.getFileName().toString().substring(5, 10));
        Files.move(file, target.resolve("part-" + (task + 1) + ".parquet"));
      }
    }
    Trees.delete(writing);
  }

  /** The columns of dbgen's lines, a task for each part. */
  static Dataset<Row> text(SparkSession spark, int parts, List<String> columns, PartRows partRows) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    JavaRDD<Row> rows =
        context
            .parallelize(IntStream.rangeClosed(1, parts).boxed().toList(), parts)
            .flatMap(
                part -> {
                  Iterable<? extends TpchEntity> entities = partRows.of(part);
                  return StreamSupport.stream(entities.spliterator(), false)
                      .map(entity -> RowFactory.create(fields(entity)))
                      .iterator();
                });
    StructType schema = new StructType();
    for (String column : columns) {
      schema = schema.add(column, DataTypes.StringType);
    }
    return spark.createDataFrame(rows, schema);
  }

  /** A line of dbgen ends with a bar too, so the last piece is not a field. */
  private static Object[] fields(TpchEntity entity) {
    String[] pieces = entity.toLine().split("\\|", -1);
    return Arrays.copyOf(pieces, pieces.length - 1, Object[].class);
  }

  private static <E extends Enum<E> & TpchColumn<?>> List<String> names(E[] columns) {
    return Arrays.stream(columns).map(TpchColumn::getColumnName).toList();
  }

  /** The rows of one part, numbered from 1; sent to the tasks. */
  interface PartRows extends Serializable {
    Iterable<? extends TpchEntity> of(int part);
  }

  private static String rows(SparkSession spark, Path dir) {
    return Long.toString(spark.read().parquet(dir.toString()).count());
  }
}
