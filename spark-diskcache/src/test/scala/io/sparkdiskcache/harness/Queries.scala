// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.expressions.{UserDefinedFunction, Window}
import org.apache.spark.sql.functions._

/** User code that the tests cache: a class of its own, as a job would have it. */
object Cleaner extends Serializable {
  def normalize(text: String): String =
    if (text == null) null else text.trim.toLowerCase(java.util.Locale.ROOT).replaceAll("\\s+", " ")

  /** Made here and not in the list of queries: initializing that object plans queries. */
  def normalized: UserDefinedFunction = udf((text: String) => normalize(text))
}

/** The shapes of relations that every path must serve. Each is deterministic as a multiset. */
object Queries {

  /** Writes the input once: small, many files, nulls, nested columns. */
  def writeInput(spark: SparkSession, dir: Path): Unit = {
    spark
      .range(0, 4000, 1, 6)
      .selectExpr(
        "id",
        "id % 97 as k",
        "concat(' Name  ', cast(id % 50 as string)) as name",
        "cast(id % 1000 as decimal(12,2)) / 8 as price",
        "id * 0.1D as x",
        "date_add(date'2020-01-01', cast(id % 700 as int)) as day")
      .write
      .parquet(s"$dir/facts")
    spark
      .range(0, 97)
      .selectExpr("id as k", "concat('dim', id) as label")
      .write
      .parquet(s"$dir/dim")
    spark
      .range(0, 500, 1, 3)
      .selectExpr(
        "id",
        "if(id % 3 = 0, null, named_struct('a', id, 'b', array(id, null, id + 1))) as s",
        "if(id % 2 = 0, map('k', cast(id as string), 'n', null), null) as m",
        "if(id % 10 = 0, array(named_struct('z', id % 7 = 0)), array()) as arr",
        "cast(null as string) as nothing",
        "if(id % 50 = 0, cast(id as int), null) as rare")
      .write
      .parquet(s"$dir/nested")
    Files.createDirectory(dir.resolve("no-files"))
    spark.range(0, 20).selectExpr("id", "id + 1 as n").write.orc(s"$dir/orc")
    spark.range(0, 20).selectExpr("id", "concat('t', id) as t").write.csv(s"$dir/csv")
    spark.range(0, 20).selectExpr("id", "concat('t', id) as t").write.json(s"$dir/json")
    spark.range(0, 20).selectExpr("concat('line ', id) as value").write.text(s"$dir/text")
  }

  final case class Query(name: String, runBound: Boolean, relation: (SparkSession, Path) => DataFrame)

  private def facts(spark: SparkSession, dir: Path): DataFrame = spark.read.parquet(s"$dir/facts")
  private def dim(spark: SparkSession, dir: Path): DataFrame = spark.read.parquet(s"$dir/dim")

  val all: Seq[Query] = Seq(
    Query("scan", runBound = false, (s, d) => facts(s, d).filter("k < 50").select("id", "name", "x")),
    Query(
      "udf",
      runBound = false,
      (s, d) => facts(s, d).select(col("id"), Cleaner.normalized(col("name")).as("name"))),
    Query(
      "aggregate",
      runBound = true,
      (s, d) => facts(s, d).groupBy("k").agg(count(lit(1)), sum("price"), max("name"))),
    Query("broadcast join", runBound = true, (s, d) => {
      facts(s, d).join(broadcast(dim(s, d)), "k").groupBy("label").agg(sum("price"))
    }),
    Query("broadcast join, row-local", runBound = false, (s, d) => {
      facts(s, d).join(broadcast(dim(s, d)), "k").select("id", "label")
    }),
    Query("sort-merge join", runBound = true, (s, d) => {
      facts(s, d).hint("merge").join(dim(s, d), "k").select("id", "label", "price")
    }),
    Query("window", runBound = true, (s, d) => {
      val w = Window.partitionBy("k").orderBy("id")
      facts(s, d).select(col("id"), row_number().over(w).as("n"), sum("price").over(w).as("running"))
    }),
    Query("global sort", runBound = true, (s, d) => facts(s, d).orderBy(col("x").desc)),
    Query("union", runBound = false, (s, d) => {
      facts(s, d).select("id").union(dim(s, d).select("k")).union(s.range(5).toDF())
    }),
    Query("distinct union", runBound = true, (s, d) => {
      facts(s, d).select("k").union(dim(s, d).select("k")).distinct()
    }),
    Query("empty scan", runBound = false, (s, d) => facts(s, d).filter("id < 0")),
    Query("zero partitions", runBound = false, (s, d) => {
      s.read.schema("id long, name string").parquet(s"$d/no-files")
    }),
    Query("empty aggregate", runBound = true, (s, d) => {
      facts(s, d).filter("id < 0").groupBy("k").count()
    }),
    Query("one row", runBound = true, (s, d) => facts(s, d).agg(max("id"), count(lit(1)))),
    Query("nested", runBound = false, (s, d) => s.read.parquet(s"$d/nested")),
    Query("nested exploded", runBound = true, (s, d) => {
      s.read
        .parquet(s"$d/nested")
        .select(col("id"), explode_outer(col("s.b")).as("b"))
        .groupBy("b")
        .count()
    }),
    Query("thousand partitions", runBound = true, (s, d) => {
      facts(s, d).select("id", "x").repartition(1000, col("id"))
    }),
    Query("orc", runBound = false, (s, d) => s.read.orc(s"$d/orc").filter("n > 3")),
    Query("csv", runBound = false, (s, d) => s.read.schema("id long, t string").csv(s"$d/csv")),
    Query("json", runBound = false, (s, d) => s.read.schema("id long, t string").json(s"$d/json")),
    Query("text", runBound = false, (s, d) => s.read.text(s"$d/text")),
    Query("range", runBound = false, (s, _) => s.range(0, 1000, 3).selectExpr("id", "id % 7 as m")),
    Query("local table", runBound = false, (s, _) => {
      import s.implicits._
      Seq((1, "a"), (2, null), (3, "c")).toDF("n", "t")
    }),
    Query("over another cached relation", runBound = true, (s, d) => {
      val lower = facts(s, d).filter("k < 30").select("k", "price").cache()
      lower.groupBy("k").agg(sum("price").as("total")).filter("total > 10")
    }))

  /** For suites that start an application for each way to read them: each path, and some by chance. */
  lazy val sample: Seq[Query] = {
    val paths = Set("scan", "broadcast join", "sort-merge join", "csv", "range", "over another cached relation")
    val (chosen, others) = all.partition(query => paths(query.name))
    chosen ++ Sample.of("queries", 2, others)(_.name)
  }
}
