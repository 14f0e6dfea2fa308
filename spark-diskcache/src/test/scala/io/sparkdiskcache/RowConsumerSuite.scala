// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import io.sparkdiskcache.harness.{Applications, ExactRows}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.execution.{ColumnarToRowExec, SparkPlan}
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.scalatest.funsuite.AnyFunSuite

/** Queries that want rows, or no column at all, and what filters leave untouched. */
class RowConsumerSuite extends AnyFunSuite with Applications with AdaptiveSparkPlanHelper {
  private val Rows = 200000
  private val Wide = 150

  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, Rows, 1, 1).selectExpr("id", "concat('s', id) as s").write.parquet(s"$dir/long")
      val columns = (0 until Wide).map(i => if (i % 3 == 0) s"concat(id, '-$i') as c$i" else s"id + $i as c$i")
      spark.range(0, 300, 1, 2).selectExpr(columns: _*).write.parquet(s"$dir/wide")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input))
  }

  private def long(spark: SparkSession): DataFrame = spark.read.parquet(s"$input/long").filter("id >= 0")
  private def wide(spark: SparkSession): DataFrame = spark.read.parquet(s"$input/wide").filter("c1 >= 0")

  private def scan(df: DataFrame): InMemoryTableScanExec =
    collect(df.queryExecution.executedPlan) { case scan: InMemoryTableScanExec => scan }.head

  private def toRows(df: DataFrame): Seq[SparkPlan] =
    collect(df.queryExecution.executedPlan) { case node: ColumnarToRowExec => node }

  for (adaptive <- Seq("true", "false")) {
    test(s"a table of more columns than generated code takes is read as rows, adaptive $adaptive") {
      val cache = directory(s"wide-$adaptive")
      val conf = "spark.sql.adaptive.enabled" -> adaptive
      val expected = application(directory("unused"), "spark.diskcache.enabled" -> "false")(spark =>
        truth(wide(spark)))
      application(cache, conf)(spark => assert(ExactRows.of(wide(spark).cache()) == expected))
      application(cache, conf) { spark =>
        val kept = wide(spark).cache()
        assert(ExactRows.of(kept) == expected)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
        val some = kept.selectExpr("c149", "c0")
        assert(ExactRows.of(some) == truth(spark.newSession().read.parquet(s"$input/wide").selectExpr("c149", "c0")))
        assert(!scan(some).supportsColumnar && toRows(some).isEmpty, some.queryExecution.executedPlan)
        assert(kept.count() == 300)
      }
    }

    test(s"without a column only batches are counted, adaptive $adaptive") {
      val cache = directory(s"count-$adaptive")
      val conf = "spark.sql.adaptive.enabled" -> adaptive
      application(cache, conf)(spark => assert(long(spark).cache().count() == Rows))
      application(cache, conf) { spark =>
        val kept = long(spark).cache()
        assert(kept.count() == Rows)
        val ones = kept.selectExpr("1 as one")
        assert(ones.collect().length == Rows)
        assert(scan(ones).attributes.isEmpty, ones.queryExecution.executedPlan)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
      }
    }
  }

  test("a filter leaves batches alone that cannot match, where they are read as rows too") {
    val cache = directory("filter")
    application(cache)(spark => long(spark).cache().count())
    Seq("true", "false").foreach { vectors =>
      application(cache, "spark.sql.inMemoryColumnarStorage.enableVectorizedReader" -> vectors) {
        spark =>
          val kept = long(spark).cache()
          val one = kept.filter("id = 123456").select("s")
          assert(one.collect().map(_.getString(0)).toSeq == Seq("s123456"))
          assert(scan(one).supportsColumnar == vectors.toBoolean)
          val touched = scan(one).metrics("numOutputRows").value
          assert(touched > 0 && touched <= Rows / 5, "rows of the one batch that may match")
          val none = kept.filter("id < 0 or id > 10000000").select("s")
          assert(none.collect().isEmpty && scan(none).metrics("numOutputRows").value == 0)
          assert(stats(spark).computed == 0 && stats(spark).hits > 0)
      }
    }
  }
}
