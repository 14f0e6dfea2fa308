// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import io.sparkdiskcache.fingerprint.Refusal.Code
import io.sparkdiskcache.harness.{DrawnTests, ExactRows, Scenarios}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.expressions.Window
import org.apache.spark.sql.functions._

/**
 * Scenarios of wrong hits, by their number in the list: those in which partitions of two runs would
 * be mixed.
 */
class ScenarioRunSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.scenarios"
  override protected def drawn: Int = 12
  private val few = Seq("spark.master" -> "local[2]")
  private val many =
    Seq("spark.master" -> "local[8]", "spark.sql.files.maxPartitionBytes" -> "2000")

  private lazy val table: String = {
    val path = directory("input").resolve("t").toString
    prepare { spark =>
      spark
        .range(0, 20000, 1, 7)
        .selectExpr(
          "id",
          "id % 100 as k",
          "cast(hash(id) as double) / 3e5 as d",
          "concat('v', id % 13) as v")
        .write
        .parquet(path)
    }
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(table.nonEmpty)
  }

  private def read(spark: SparkSession): DataFrame = spark.read.parquet(table)

  /**
   * Fills, deletes part of what is stored, and runs with other cores: everything must come from one
   * run. `check` says which rows are right, since in plain Spark they differ from run to run.
   */
  private def allOrNone(number: Int, name: String)(query: Query)(check: DataFrame => Unit): Unit =
    for ((adaptive, lost) <- Seq(true -> "half", false -> "one", false -> "none")) {
      test(s"$number: $name, $lost of the partitions lost, adaptive $adaptive") {
        val cache = directory(s"$number-${name.hashCode}-$lost-$adaptive")
        def once(settings: Seq[(String, String)]) =
          application(cache, settings :+ ("spark.sql.adaptive.enabled" -> adaptive.toString): _*) { spark =>
            val df = query(spark).cache()
            val rows = ExactRows.of(df)
            check(df)
            (rows, stats(spark).hits, stats(spark).computed)
          }
        val (first, _, stored) = once(few)
        assert(stored > 1, "one partition is all or none by itself")
        val entries = dataFiles(cache)
        assert(entries.size == stored)
        val gone = lost match {
          case "one" => entries.take(1)
          case "half" => entries.take(entries.size / 2)
          case _ => Nil
        }
        gone.foreach(file => Files.delete(file))
        val (second, hits, computed) = once(many)
        if (gone.isEmpty) {
          assert(second == first && hits == stored && computed == 0)
        } else {
          assert(hits == 0 && computed > 0, "a set with a hole must not be used")
          val (third, again, more) = once(few)
          assert(third == second && again == computed && more == 0, "the set was stored anew")
        }
      }
    }

  private def sameAsPlain(query: Query)(df: DataFrame): Unit =
    assert(ExactRows.of(df) == ExactRows.of(query(uncached(df.sparkSession))))

  private def mapped(df: DataFrame): DataFrame = {
    val next = udf((x: Long) => x * 2 + 1)
    df.select(next(col("id")).as("n"), col("k"))
  }

  {
    val query: Query = s => mapped(read(s).repartition(3))
    allOrNone(16, "round robin and a function")(query)(sameAsPlain(query))
  }
  {
    val query: Query = s => read(s).orderBy("d", "id")
    allOrNone(17, "a global sort")(query) { df =>
      sameAsPlain(query)(df)
      val ordered = df.select("d").collect().map(_.getDouble(0)).toSeq
      assert(ordered == ordered.sorted, "rows of two runs' ranges overlap")
    }
  }
  allOrNone(18, "groups of sums of doubles")(
    read(_).groupBy("k").agg(sum("d").as("s")).groupBy("s").agg(count(lit(1)).as("n"), max("s").as("m"))) {
    df => assert(df.agg(sum("n")).head().getLong(0) == 100, "a group was lost or counted twice")
  }
  allOrNone(19, "one row per key")(read(_).dropDuplicates("k")) { df =>
    assert(df.count() == 100 && df.select("k").distinct().count() == 100)
  }
  allOrNone(19, "first of an unordered group")(read(_).groupBy("k").agg(first("v").as("v"))) { df =>
    assert(df.count() == 100 && df.select("k").distinct().count() == 100)
  }
  allOrNone(19, "lists in arrival order")(read(_).groupBy("k").agg(collect_list("id").as("l"))) { df =>
    assert(df.selectExpr("explode(l) as id").distinct().count() == 20000)
  }
  allOrNone(19, "row numbers with ties")(
    read(_).withColumn("n", row_number().over(Window.partitionBy("k").orderBy("v")))) { df =>
    assert(df.select("k", "n").distinct().count() == 20000 && df.select("id").distinct().count() == 20000)
  }
  allOrNone(19, "a limit after a shuffle")(read(_).repartition(4, col("k")).limit(50).repartition(3)) { df =>
    assert(df.count() == 50 && df.select("id").distinct().count() == 50)
  }

  // ---- 25: rows that know how they were cut

  Seq(
    "rand(42)",
    "randn(1)",
    "uuid()",
    "monotonically_increasing_id()",
    "spark_partition_id()",
    "input_file_name()",
    "input_file_block_start()").foreach { function =>
    test(s"25: $function over one and two partitions") {
      val cache = directory(s"25-${function.hashCode}")
      val dir = directory("25-input").resolve("t")
      if (!Files.exists(dir)) {
        prepare(_.range(0, 40, 1, 2).write.parquet(dir.toString))
      }
      Seq("1", "2").foreach { cores =>
        application(
          cache,
          "spark.master" -> s"local[$cores]",
          "spark.sql.files.openCostInBytes" -> "0") { spark =>
          def query(s: SparkSession) = s.read.parquet(dir.toString).selectExpr("id", s"$function as f")
          val df = query(spark).cache()
          val rows = ExactRows.of(df)
          if (function != "uuid()") {
            assert(rows == ExactRows.of(query(uncached(spark))))
          }
          val relation = DiskCache.of(spark).explain(df).relations().get(0)
          assert(relation.reason().get().code() == Code.NON_DETERMINISTIC)
          assert(DiskCache.of(spark).entries().isEmpty)
        }
      }
    }
  }

  test("25: a sample") {
    val cache = directory("25-sample")
    Seq(few, many).foreach { settings =>
      assert(run(cache, settings: _*)(read(_).sample(0.5, 42)).refusedBy(Code.NON_DETERMINISTIC))
    }
  }
}
