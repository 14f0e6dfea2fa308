// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{Applications, ExactRows, Logged}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.rdd.RDD
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.columnar.CachedBatch
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.scalatest.funsuite.AnyFunSuite

/**
 * Tasks that see other settings than the key of their relation was made of. Expressions are
 * interpreted, because compiled ones may read a setting when the relation is laid out.
 */
class TaskSettingsSuite extends AnyFunSuite with Applications {
  private val key = "spark.sql.legacy.timeParserPolicy"
  private val corrected = key -> "CORRECTED"
  private val legacy = key -> "LEGACY"

  private val interpreted =
    Seq("spark.sql.codegen.wholeStage" -> "false", "spark.sql.codegen.factoryMode" -> "NO_CODEGEN")

  private lazy val input: String = {
    val path = directory("input").resolve("t").toString
    application(directory("unused"), "spark.diskcache.enabled" -> "false")(_.range(0, 40, 1, 2).write.parquet(path))
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(input.nonEmpty)
  }

  /** Null under one policy, a time under the other; decided when rows are computed. */
  private def query(spark: SparkSession): DataFrame =
    spark.read.parquet(input).selectExpr("id", "try_to_timestamp(concat('2020-1-', 1 + id % 9), 'yyyy-MM-dd') as ts")

  private def rows(setting: (String, String)): Seq[String] =
    application(directory("unused"), interpreted ++ Seq(setting, "spark.diskcache.enabled" -> "false"): _*)(spark => ExactRows.of(query(spark)))

  /** The RDD of the one cached relation, laid out under the settings of now. */
  private def laidOut(df: DataFrame): RDD[CachedBatch] = {
    object Plans extends AdaptiveSparkPlanHelper
    val scan = Plans.collectFirst(df.queryExecution.executedPlan) { case scan: InMemoryTableScanExec => scan }
    val rdd = scan.get.relation.cacheBuilder.cachedColumnBuffers
    assert(rdd.isInstanceOf[DiskCachedRDD] && rdd.partitions.nonEmpty)
    rdd
  }

  private def logged(body: => Unit): Seq[String] = Logged.by(classOf[Outcome])(body)

  private def keptForApplicationOnly(messages: Seq[String], value: String): Unit = {
    assert(messages.size == 1, messages)
    assert(messages.head.contains("is kept for this application only") && messages.head.contains(s"$key=$value"), messages)
  }

  test("the session's setting changes after the relation was laid out: plain Spark's rows, nothing stored") {
    val cache = directory("empty")
    val truth = rows(legacy)
    val expected = rows(corrected)
    assert(truth != expected, "the policy changes rows")
    application(cache, interpreted :+ corrected: _*) { spark =>
      val df = query(spark).cache()
      laidOut(df)
      spark.conf.set(legacy._1, legacy._2)
      keptForApplicationOnly(logged(assert(ExactRows.of(df) == truth)), "LEGACY")
      assert(stats(spark).withheld().toString == "{SETTINGS=2}")
      val explained = DiskCache.of(spark).explain(df).toString
      assert(explained.contains("computed 2 partitions; not kept: 2 SETTINGS"), explained)
      assert(DiskCache.of(spark).entries().isEmpty)
      // As with Spark's own cache, what was shown once stays.
      spark.conf.set(corrected._1, corrected._2)
      assert(ExactRows.of(df) == truth)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
    application(cache, interpreted :+ corrected: _*) { spark =>
      assert(ExactRows.of(query(spark).cache()) == expected)
      assert(stats(spark).hits == 0 && stats(spark).computed == 2)
    }
  }

  test("the session's setting changes after everything was found: the entries are not read") {
    val cache = directory("full")
    val truth = rows(legacy)
    val stored = application(cache, interpreted :+ corrected: _*) { spark =>
      val rows = ExactRows.of(query(spark).cache())
      assert(stats(spark).computed == 2)
      rows
    }
    application(cache, interpreted :+ corrected: _*) { spark =>
      val df = query(spark).cache()
      laidOut(df)
      assert(status(spark, df) == Status.HIT)
      spark.conf.set(legacy._1, legacy._2)
      keptForApplicationOnly(logged(assert(ExactRows.of(df) == truth)), "LEGACY")
      assert(DiskCache.of(spark).entries().size == 2)
    }
    application(cache, interpreted :+ corrected: _*) { spark =>
      assert(ExactRows.of(query(spark).cache()) == stored)
      assert(stats(spark).hits == 2 && stats(spark).computed == 0)
    }
  }

  test("a task that sees other settings than its driver stores nothing") {
    val cache = directory("task")
    application(cache, interpreted :+ corrected: _*) { spark =>
      val df = query(spark).cache()
      val rdd = laidOut(df)
      // A job outside of a query: its tasks see only what is set for them here.
      val context = spark.sparkContext
      context.setLocalProperty(legacy._1, legacy._2)
      try keptForApplicationOnly(logged(assert(rdd.map(_.numRows).sum() == 40)), "LEGACY")
      finally context.setLocalProperty(legacy._1, null)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
    application(cache, interpreted :+ corrected: _*) { spark =>
      val df = query(spark).cache()
      assert(logged(ExactRows.of(df)).forall(!_.contains("for this application only")))
      assert(DiskCache.of(spark).entries().size == 2)
    }
  }
}
