// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.memo.MemoOptions
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.api.java.UDF1
import org.apache.spark.sql.execution.columnar.InMemoryRelation
import org.apache.spark.sql.expressions.{UserDefinedFunction, Window}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types.DataTypes

/**
 * One application on any line of Spark: relations of each kind are cached and consumed in every way,
 * with adaptive execution and without, and all rows are written as JSON, by round and consumer.
 *
 * Arguments: working directory, result file, then `key=value` settings. With `input=true` among the
 * settings the input is written first.
 */
object LineApp {
  private val Delta = "io.delta.sql.DeltaSparkSessionExtension"

  def main(args: Array[String]): Unit = {
    val work = Path.of(args(0))
    val settings = args.drop(2).map(_.split("=", 2)).map { case Array(key, value) => key -> value }.toMap
    val builder = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "2")
      .config("spark.sql.autoBroadcastJoinThreshold", "10k")
      .config("spark.sql.warehouse.dir", work.resolve("warehouse").toString)
    if (hasDelta) {
      builder.config("spark.sql.extensions", Delta)
      builder.config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    }
    (settings - "input").foreach { case (key, value) => builder.config(key, value) }
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    try {
      if (settings.contains("input")) {
        writeInput(spark, work)
      }
      Seq(true, false).foreach { adaptive =>
        spark.conf.set("spark.sql.adaptive.enabled", adaptive.toString)
        val round = new Round(spark, work)
        results.put(s"adaptive $adaptive", round.results())
        spark.catalog.clearCache()
      }
      OfTheCache.figures(spark).foreach { case (name, value) => results.put(name, value) }
    } finally {
      spark.stop()
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }

  private def has(name: String): Boolean =
    getClass.getClassLoader.getResource(name.replace('.', '/') + ".class") != null

  private def hasDelta: Boolean = has(Delta)

  private[harness] def hasCache: Boolean = has("io.sparkdiskcache.DiskCache")

  private def writeInput(spark: SparkSession, work: Path): Unit = {
    val facts = spark
      .range(0, 6000, 1, 4)
      .selectExpr(
        "id",
        "id % 97 as k",
        "concat(' Name  ', cast(id % 50 as string)) as name",
        "cast(id % 1000 as decimal(12,2)) / 8 as price",
        "if(id % 11 = 0, null, id * 0.1D) as x",
        "array(id, null, id + 1) as list")
    facts.write.parquet(s"$work/facts")
    spark.range(0, 97).selectExpr("id as k", "concat('dim', id) as label").write.parquet(s"$work/dim")
    if (hasDelta) {
      facts.select("id", "k", "price").write.format("delta").save(s"$work/delta")
      spark.sql(s"DELETE FROM delta.`$work/delta` WHERE k = 5")
    }
  }

  private final class Round(spark: SparkSession, work: Path) {
    private val found = new JLinkedHashMap[String, Any]()

    private def facts: DataFrame = spark.read.parquet(s"$work/facts")
    private def others: DataFrame = facts.select(col("id"), col("x").as("y"))
    private def dim: DataFrame = spark.read.parquet(s"$work/dim")

    def results(): JLinkedHashMap[String, Any] = {
      val tidy = udf((text: String) => LineFunctions.tidy(text))
      val scan = facts.filter("k % 3 = 1").cache()
      read("scan", scan)
      consume("scan", scan)
      read("udf", facts.filter("id % 7 < 3").withColumn("name", tidy(col("name"))).cache())
      val aggregate =
        facts.groupBy("k").agg(count(lit(1)).as("id"), sum("price").as("price"), max("name").as("name")).cache()
      read("aggregate", aggregate)
      consume("aggregate", aggregate)
      read("join", facts.join(dim, "k").select("id", "k", "label", "price").withColumnRenamed("label", "name").cache())
      put("memoised", facts.filter("id < 400").select(col("id"), OfTheCache.shortened(spark)(col("name")).as("short")))
      table()
      if (hasDelta) {
        read("delta", spark.read.format("delta").load(s"$work/delta").filter("k < 20").withColumn("name", col("k").cast("string")).cache())
      }
      broadcast()
      found.put("metadata", metadata(facts.filter("k % 3 = 1")))
      found
    }

    private def put(name: String, df: DataFrame): Unit =
      found.put(name, new JArrayList(ExactRows.of(df).asJava))

    /** A frame with the columns id, k, name and price. */
    private def read(name: String, df: DataFrame): Unit = {
      put(s"$name collect", df)
      found.put(s"$name count", df.count())
      found.put(s"$name sorted", new JArrayList(df.orderBy(col("k").desc, col("id")).collect().map(ExactRows.text).toSeq.asJava))
      put(s"$name grouped", df.groupBy("name").agg(count(lit(1)), sum("price")))
      found.put(s"status $name", new JArrayList(OfTheCache.statuses(spark, df).asJava))
    }

    /** The rest of what queries do with what they read. */
    private def consume(name: String, df: DataFrame): Unit = {
      put(s"$name left", df.join(others, "id").select("id", "y", "price"))
      put(s"$name right", others.join(df, Seq("id"), "left").select("id", "y", "price"))
      put(s"$name merged", df.hint("merge").join(dim, "k").select("id", "label"))
      put(s"$name windowed", df.select(col("id"), sum("price").over(Window.partitionBy("k").orderBy("id")).as("running")))
      put(s"$name limited", df.orderBy(col("id").desc, col("k")).limit(7))
      put(s"$name united", df.select("id", "k").union(dim.selectExpr("k", "k + 1")))
      put(s"$name distinct", df.select("k").distinct())
      val written = s"$work/written-${java.util.UUID.randomUUID()}"
      df.write.parquet(written)
      put(s"$name written", spark.read.parquet(written))
      df.explain()
      found.put(s"$name plan", df.queryExecution.executedPlan.toString.contains("InMemoryTableScan"))
    }

    private def table(): Unit = {
      facts.createOrReplaceTempView("facts")
      spark.sql("CACHE TABLE kept AS SELECT k, name, id, price FROM facts WHERE id % 5 = 2")
      put("table", spark.sql("SELECT k, count(*), min(name) FROM kept GROUP BY k"))
      found.put("status table", new JArrayList(OfTheCache.statuses(spark, spark.table("kept")).asJava))
      spark.sql("UNCACHE TABLE kept")
      spark.sql("DROP VIEW kept")
      ()
    }

    /** What the plan below is estimated to give is over the limit, what is there is not. */
    private def broadcast(): Unit = {
      val few = facts.filter("id % 400 = 0 AND length(name) > 3").cache()
      found.put("few", few.count())
      val joined = facts.select("id", "x").join(few.select("id", "price"), "id")
      put("broadcast", joined)
      found.put("broadcast plan", joined.queryExecution.executedPlan.toString.contains("BroadcastHashJoin"))
    }

    /** Spark 4.3 asks whether the rows would be the same again. Of a new query over what is cached. */
    private def metadata(df: DataFrame): String =
      df.queryExecution.withCachedData
        .collectFirst { case relation: InMemoryRelation => relation }
        .flatMap(relation => relation.getClass.getMethods.find(_.getName == "materializedMetadata").map(_.invoke(relation)))
        .map { case option: Option[_] => option.map(_.asInstanceOf[Product].productIterator.toSeq) }
        .map { case option => option.map { case Seq(rows, _, repeatable, durable) => s"$rows $repeatable $durable" }.toString }
        .getOrElse("none in this line")
  }
}

/** The user's code: loads nothing but itself. */
object LineFunctions extends Serializable {
  def tidy(text: String): String = text.trim.toLowerCase(java.util.Locale.ROOT)

  def shorten(text: String): String = text.trim.replaceAll("[aeiou]", "")

  def shortened: UserDefinedFunction = udf((text: String) => shorten(text))

  def toShorten: UDF1[String, String] = text => shorten(text)
}

/** The cache's own figures, if it is there. */
private object OfTheCache {
  def figures(spark: SparkSession): Seq[(String, Any)] =
    if (!LineApp.hasCache) {
      Nil
    } else {
      val cache = DiskCache.of(spark)
      val stats = cache.stats()
      Seq(
        "hits" -> stats.hits(),
        "computed" -> stats.computed(),
        "refused" -> stats.refused(),
        "withheld" -> stats.withheld(),
        "memoCalls" -> cache.memoStats().asScala.map(_.calls()).sum,
        "memoHits" -> cache.memoStats().asScala.map(_.hits()).sum)
    }

  def statuses(spark: SparkSession, df: DataFrame): Seq[String] =
    if (!LineApp.hasCache) Nil
    else DiskCache.of(spark).explain(df).relations().asScala.map(_.status().toString).toSeq

  def shortened(spark: SparkSession): UserDefinedFunction =
    if (!LineApp.hasCache) {
      LineFunctions.shortened
    } else {
      val options = MemoOptions.defaults().withName("shorten")
      DiskCache.of(spark).memoize(LineFunctions.toShorten, DataTypes.StringType, options)
    }
}
