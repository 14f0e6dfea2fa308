// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.rank;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.trunc;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;

import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.DataTypes;

/**
 * The job of the demo: clean and type what was delivered, revenue per customer and month, ranks and
 * running totals. It knows nothing of spark-diskcache; its three {@code cache()} calls are those of
 * any Spark program. Every result is the same in every run: amounts are decimals and no two rows of
 * a window tie.
 */
final class TpchEtl {
  static final String LINE_ITEMS = "line_items";
  static final String CUSTOMER_MONTHS = "customer_months";
  static final String CUSTOMER_RANKS = "customer_ranks";

  /** The directories written under the output directory, one per cached result. */
  static final List<String> OUTPUTS = List.of(LINE_ITEMS, CUSTOMER_MONTHS, CUSTOMER_RANKS);

  private static final UserDefinedFunction AMOUNT =
      udf((UDF1<String, BigDecimal>) Cleaner::amount, DataTypes.createDecimalType(12, 2));
  private static final UserDefinedFunction DAY =
      udf((UDF1<String, LocalDate>) Cleaner::day, DataTypes.DateType);
  private static final UserDefinedFunction TEXT =
      udf((UDF1<String, String>) Cleaner::text, DataTypes.StringType);
  private static final UserDefinedFunction TOPIC =
      udf((UDF1<String, String>) Cleaner::topic, DataTypes.StringType);
  private static final UserDefinedFunction INSTRUCTION =
      udf((UDF1<String, String>) Cleaner::instruction, DataTypes.StringType);

  private TpchEtl() {}

  /** Reads {@code lineitem} and {@code orders} under the input; returns a summary per output. */
  static Map<String, String> run(SparkSession spark, Path input, Path output) {
    Map<String, String> summaries = new LinkedHashMap<>();

    Dataset<Row> items = lineItems(spark.read().parquet(input.resolve("lineitem").toString()));
    items.cache();
    summaries.put(LINE_ITEMS, publish(items, output.resolve(LINE_ITEMS)));

    Dataset<Row> orders = orders(spark.read().parquet(input.resolve("orders").toString()));
    Dataset<Row> months = customerMonths(items, orders);
    months.cache();
    summaries.put(CUSTOMER_MONTHS, publish(months, output.resolve(CUSTOMER_MONTHS)));

    Dataset<Row> ranks = customerRanks(months);
    ranks.cache();
    summaries.put(CUSTOMER_RANKS, publish(ranks, output.resolve(CUSTOMER_RANKS)));
    return summaries;
  }

  private static Dataset<Row> lineItems(Dataset<Row> raw) {
    return raw.select(
            col("l_orderkey").cast("bigint").as("order_key"),
            col("l_linenumber").cast("int").as("line"),
            col("l_partkey").cast("bigint").as("part_key"),
            AMOUNT.apply(col("l_quantity")).as("quantity"),
            AMOUNT.apply(col("l_extendedprice")).as("price"),
            AMOUNT.apply(col("l_discount")).as("discount"),
            col("l_returnflag").as("return_flag"),
            DAY.apply(col("l_shipdate")).as("shipped"),
            DAY.apply(col("l_commitdate")).as("promised"),
            INSTRUCTION.apply(col("l_shipinstruct")).as("instruction"),
            lower(col("l_shipmode")).as("ship_mode"),
            TEXT.apply(col("l_comment")).as("comment"))
        .withColumn("topic", TOPIC.apply(col("comment")))
        .withColumn("revenue", col("price").multiply(lit(1).minus(col("discount"))))
        .filter(col("return_flag").notEqual("R").and(col("shipped").isNotNull()));
  }

  private static Dataset<Row> orders(Dataset<Row> raw) {
    return raw.select(
        col("o_orderkey").cast("bigint").as("order_key"),
        col("o_custkey").cast("bigint").as("customer_key"),
        trunc(DAY.apply(col("o_orderdate")), "month").as("month"),
        TOPIC.apply(TEXT.apply(col("o_comment"))).as("order_topic"));
  }

  private static Dataset<Row> customerMonths(Dataset<Row> items, Dataset<Row> orders) {
    return items
        .join(orders, "order_key")
        .groupBy("customer_key", "month")
        .agg(
            sum("revenue").as("revenue"),
            sum("quantity").as("quantity"),
            count(lit(1)).as("items"),
            sum(when(col("shipped").gt(col("promised")), 1).otherwise(0)).as("late"),
            sum(when(col("topic").equalTo(col("order_topic")), 1).otherwise(0)).as("on_topic"));
  }

  private static Dataset<Row> customerRanks(Dataset<Row> months) {
    WindowSpec inMonth =
        Window.partitionBy("month").orderBy(col("revenue").desc(), col("customer_key"));
    WindowSpec soFar =
        Window.partitionBy("customer_key")
            .orderBy("month")
            .rowsBetween(Window.unboundedPreceding(), Window.currentRow());
    return months.select(
        col("customer_key"),
        col("month"),
        col("revenue"),
        rank().over(inMonth).as("rank_in_month"),
        sum("revenue").over(soFar).as("revenue_so_far"),
        sum("items").over(soFar).as("items_so_far"));
  }

  /** Writes a cached result and reads it twice more, as reports do. */
  private static String publish(Dataset<Row> result, Path target) {
    long rows = result.count();
    result.write().parquet(target.toString());
    Row total = result.agg(sum("revenue")).first();
    return rows + " rows, revenue " + total.get(0);
  }
}
