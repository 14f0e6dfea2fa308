// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.{Random, Try}
import scala.util.control.NonFatal

import io.sparkdiskcache.harness.{Applications, SparkTestFiles}
import org.apache.spark.sql.{classic, SparkSession}
import org.apache.spark.sql.catalyst.plans.logical.CommandResult
import org.apache.spark.sql.execution.{HiveResult, SQLExecution}
import org.scalatest.funsuite.AnyFunSuite

/**
 * The first 60 files of Spark's own `SQLQueryTestSuite`, the result of every query cached, computed,
 * and read again from the cache: the golden results must not change. Where this harness differs
 * from Spark's (error messages, names of directories), the query must give what it gives without
 * the cache, or else with Spark's own.
 *
 * A seeded sample by default; `-Ddiskcache.sqlTests=60` runs them all.
 */
class SparkSqlTestsSuite extends AnyFunSuite with Applications {
  import SparkSqlTestsSuite._

  private val files = 60
  private val count = Integer.getInteger("diskcache.sqlTests", 4)
  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261123L)

  private lazy val chosen: Seq[String] =
    new Random(seed).shuffle(SparkTestFiles.names("sql-tests/inputs").take(files)).take(count).sorted

  test("golden results are unchanged when every query is cached") {
    val totals = new Totals
    application(
      directory("cache"),
      "spark.master" -> "local[2]",
      "spark.sql.session.timeZone" -> "America/Los_Angeles",
      "spark.sql.shuffle.partitions" -> "4",
      "spark.sql.maxMetadataStringLength" -> "500") { spark =>
      import spark.implicits._
      spark.sparkContext.setLogLevel("ERROR")
      (1 to 100).map(i => (i, i.toString)).toDF("key", "value").write.saveAsTable("testdata")
      Seq((Seq(1, 2, 3), Seq(Seq(1, 2, 3))), (Seq(2, 3, 4), Seq(Seq(2, 3, 4)))).toDF("arraycol", "nestedarraycol")
        .write.saveAsTable("arraydata")
      val failures = mutable.Buffer[String]()
      chosen.foreach(name => failures ++= run(spark, name, totals))
      val stats = DiskCache.of(spark).stats()
      val refused = stats.refused().asScala.toSeq.sorted.mkString(", ")
      println(s"seed $seed, ${chosen.size} files: ${totals.queries} queries (${totals.golden} as golden, " +
        s"${totals.plain} as plain Spark in this harness, ${totals.sparks} as Spark's own cache), ${totals.commands} commands; " +
        s"computed ${stats.computed}, hits ${stats.hits}, refused: $refused")
      assert(failures.isEmpty, failures.mkString("\n"))
      assert(totals.golden > totals.queries / 2, "the harness reads the golden files")
      assert(stats.computed > totals.queries / 4 && stats.hits > totals.queries / 4, "the cache took part")
    }
  }

  private def run(shared: SparkSession, name: String, totals: Totals): Seq[String] = {
    val spark = shared.newSession()
    SparkTestFiles.settings(name).foreach { case (key, value) => spark.conf.set(key, value) }
    // Every file begins without what others left.
    val views = spark.catalog.listTables().collect().map(_.name).toSet
    try golden(name).flatMap { expected =>
        val (first, isCommand) = result(spark, expected.sql, By.DiskCache)
        if (isCommand) {
          totals.commands += 1
          None
        } else {
          totals.queries += 1
          // Entries were written when the first result was read; this one reads them.
          val (second, _) = result(spark, expected.sql, By.DiskCache)
          if (first == expected.result && second == expected.result) {
            totals.golden += 1
            None
          } else {
            val (plain, _) = result(spark, expected.sql, By.Nobody)
            // Spark's own cache breaks a few queries, and what is refused is left to it.
            lazy val (sparks, _) = result(spark, expected.sql, By.Spark)
            if (first == plain && second == plain) {
              totals.plain += 1
              None
            } else if (first == sparks && second == sparks) {
              totals.sparks += 1
              println(s"As with Spark's own cache: $name: ${expected.sql}")
              None
            }
            else Some(s"$name: ${expected.sql}\n golden: ${expected.result}\n plain:  $plain\n first:  $first\n second: $second")
          }
        }
      }
    finally {
      spark.catalog.clearCache()
      spark.sql("use spark_catalog.default") // files drop the database that they use
      spark.catalog.listTables().collect().filterNot(table => views(table.name)).foreach { table =>
        Try(if (table.isTemporary) spark.catalog.dropTempView(table.name)
        else spark.sql(s"drop table if exists `${table.name}`"))
      }
    }
  }

  /** Schema and rows as Spark's golden files have them, or the class of the error. */
  private def result(spark: SparkSession, sql: String, cached: By.Value): (Result, Boolean) = {
    var isCommand = true // an error of the analyzer leaves nothing to cache
    try {
      val df = spark.sql(sql).asInstanceOf[classic.DataFrame]
      isCommand = df.queryExecution.commandExecuted.exists(_.isInstanceOf[CommandResult])
      val schema = df.schema.catalogString
      if (cached != By.Nobody && !isCommand) {
        spark.conf.set("spark.diskcache.enabled", cached == By.DiskCache)
        df.cache()
      }
      val lines = SQLExecution.withNewExecutionId(df.queryExecution, Some(sql)) {
        HiveResult.hiveResultString(df.queryExecution.executedPlan)
      }
      val ordered = if (SparkTestFiles.isSorted(df.queryExecution.analyzed)) lines else lines.sorted
      (Result(schema, ordered.mkString("\n").replaceAll("\\s+$", "")), isCommand)
    } catch {
      case NonFatal(e) =>
        val cause = if (e.getClass.getSimpleName == "SparkException" && e.getCause != null) e.getCause else e
        (Result("struct<>", cause.getClass.getName), isCommand)
    } finally if (cached != By.Nobody) spark.catalog.clearCache()
  }

  private def golden(name: String): Seq[Golden] = {
    val text = Files.readString(SparkTestFiles.root.resolve(s"sql-tests/results/$name.out"))
    text.split("-- !query.*\n", -1).drop(1).grouped(3).map {
      case Array(sql, schema, output) =>
        val result = output.replaceAll("\\s+$", "")
        val error = schema.trim == "struct<>" && result.matches("(?s)(org|java)\\.[\\w.]+(Exception|Error)\\b.*")
        Golden(sql.trim, Result(schema.trim, if (error) result.linesIterator.next() else result))
    }.toSeq
  }
}

object SparkSqlTestsSuite {
  final case class Result(schema: String, output: String)
  final case class Golden(sql: String, result: Result)

  /** Who caches a query. */
  object By extends Enumeration {
    val DiskCache, Spark, Nobody = Value
  }

  final class Totals {
    var queries = 0
    var golden = 0
    var plain = 0
    var sparks = 0
    var commands = 0
  }
}
