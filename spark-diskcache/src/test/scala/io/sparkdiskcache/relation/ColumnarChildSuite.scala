// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.{Files, Path}

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{Applications, ExactRows}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.funsuite.AnyFunSuite

/** Plans that hand out columns are stored without making rows of them; what is stored is the same. */
class ColumnarChildSuite extends AnyFunSuite with Applications {
  private val Rows = 30000

  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("no-cache"), "spark.diskcache.enabled" -> "false") { spark =>
      val table = spark
        .range(0, Rows, 1, 3)
        .selectExpr(
          "id",
          "if(id % 7 = 0, null, concat('word ', id % 30)) as word",
          "concat('unique ', id) as text",
          "cast(id / 7 as decimal(20, 3)) as price",
          "cast(id as int) as i",
          "id % 2 = 0 as even",
          "date_add(DATE '2026-01-01', cast(id % 400 as int)) as day",
          "sin(id) as x",
          "cast(id % 4 as int) as part")
      table.write.partitionBy("part").parquet(s"$dir/flat")
      table.write.orc(s"$dir/orc")
      table
        .selectExpr("id", "array(text, word) as list", "named_struct('w', word, 'x', x) as s")
        .write
        .parquet(s"$dir/nested")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input))
  }

  private def copied(spark: SparkSession): Long =
    CacheApplication.of(spark.sparkContext).counters().batchesCopied()

  private val Tables = Seq[(String, SparkSession => DataFrame)](
    "Parquet" -> (_.read.parquet(s"$input/flat")),
    "Parquet nested" -> (_.read.parquet(s"$input/nested")),
    "ORC" -> (_.read.orc(s"$input/orc")))

  for ((name, table) <- Tables; adaptive <- Seq(true, false)) {
    test(s"$name, adaptive $adaptive: batches are copied, and found by the next application") {
      val settings = Seq("spark.sql.adaptive.enabled" -> adaptive.toString)
      val expected = application(directory("unused"), "spark.diskcache.enabled" -> "false")(spark =>
        truth(table(spark)))
      val cache = directory(s"${name.replace(" ", "-")}-$adaptive")
      application(cache, settings: _*) { spark =>
        val df = table(spark).cache()
        assert(ExactRows.of(df) == expected)
        assert(copied(spark) >= 3, "batches")
        assert(stats(spark).computed() > 0)
      }
      application(cache, settings: _*) { spark =>
        val df = table(spark).cache()
        assert(status(spark, df) == Status.HIT)
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).computed() == 0 && copied(spark) == 0)
      }
    }
  }

  test("a scan that makes rows, and a plan above a scan, are read as rows") {
    val rowScan = "spark.sql.parquet.enableVectorizedReader" -> "false"
    application(directory("rows"), rowScan) { spark =>
      assert(spark.read.parquet(s"$input/flat").cache().count() == Rows)
      assert(stats(spark).computed() > 0 && copied(spark) == 0)
    }

    application(directory("filter")) { spark =>
      val df = spark.read.parquet(s"$input/flat").filter("id > 100").cache()
      assert(df.count() == Rows - 101)
      assert(stats(spark).computed() > 0 && copied(spark) == 0)
    }
  }

  for (adaptive <- Seq(true, false)) {
    test(s"columns of another kept relation are copied, adaptive $adaptive") {
      val settings = Seq("spark.sql.adaptive.enabled" -> adaptive.toString)
      val cache = directory(s"kept-$adaptive")
      def columns(spark: SparkSession): DataFrame =
        spark.read.parquet(s"$input/flat").filter("id >= 5").cache().select("word", "id", "x")
      val expected =
        application(directory("unused"), "spark.diskcache.enabled" -> "false")(spark =>
          truth(columns(spark)))
      application(cache, settings: _*) { spark =>
        val df = columns(spark).cache()
        assert(ExactRows.of(df) == expected)
        assert(copied(spark) > 0, "batches")
      }
      application(cache, settings: _*) { spark =>
        val df = columns(spark).cache()
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).computed() == 0)
      }
    }
  }

  test("what may not be published is copied too") {
    application(directory("private"), "spark.diskcache.inputs.settle" -> "10d") { spark =>
      val df = spark.read.parquet(s"$input/flat").cache()
      assert(df.count() == Rows)
      assert(df.count() == Rows)
      assert(copied(spark) > 0 && DiskCache.of(spark).entries().isEmpty)
    }
  }
}
