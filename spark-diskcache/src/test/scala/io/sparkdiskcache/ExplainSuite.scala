// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.Applications
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** The explanation of a miss: the difference to the nearest thing that is stored. */
class ExplainSuite extends AnyFunSuite with Applications {
  import ExplainSuite._

  /** Stores `before`, then returns what is said of `after` in the next application. */
  private def missAfter(name: String, settings: (String, String)*)(
      before: (SparkSession, String) => DataFrame)(
      after: (SparkSession, String) => DataFrame): Seq[String] = {
    val cache = directory(s"$name-cache")
    val input = directory(s"$name-input").resolve("t").toString
    application(cache) { spark =>
      spark.range(0, 100, 1, 2).selectExpr("id", "id % 7 as k", "cast(id as string) as s")
        .write.parquet(input)
      before(spark, input).cache().count()
      // Something else altogether, newer: not to be taken for the nearest.
      spark.range(10).selectExpr("id + 1").cache().count()
      assert(DiskCache.of(spark).stats().computed > 0)
    }
    application(cache, settings: _*) { spark =>
      val report = DiskCache.of(spark).explain(after(spark, input))
      val relation = report.relations().get(0)
      assert(relation.status() != Status.HIT && relation.status() != Status.REFUSED, report)
      relation.differences().forEach(d => assert(report.toString.contains(d)))
      relation.differences().asScala.toSeq
    }
  }

  private def filtered(spark: SparkSession, input: String): DataFrame =
    spark.read.parquet(input).filter("k < 3").select("id", "s")

  test("a query that was explained is cached, read and explained like any other") {
    val input = directory("looked-at-input").resolve("t").toString
    application(directory("looked-at")) { spark =>
      spark.range(0, 100, 1, 2).selectExpr("id", "id % 7 as k", "cast(id as string) as s")
        .write.parquet(input)
      val df = filtered(spark, input)
      assert(status(spark, df) == Status.MISS)
      df.cache()
      assert(df.collect().length == 44)
      assert(DiskCache.of(spark).stats().computed == 2)
      assert(status(spark, df) == Status.HIT)
      assert(DiskCache.of(spark).explain(df).relations().get(0).cached())
      // A command is not run again to be explained.
      val command = spark.sql(s"insert overwrite directory '$input-copy' using parquet select 1 as one")
      val written = Files.list(java.nio.file.Path.of(s"$input-copy")).sorted().toList
      DiskCache.of(spark).explain(command)
      assert(Files.list(java.nio.file.Path.of(s"$input-copy")).sorted().toList == written)
    }
  }

  test("a frame of another session is explained by the settings of that session") {
    val input = directory("sessions-input").resolve("t").toString
    application(directory("sessions")) { spark =>
      spark.range(10).write.parquet(input)
      val other = spark.newSession()
      other.conf.set("spark.diskcache.enabled", "false")
      assert(SparkSession.active eq spark)
      val ofOther = DiskCache.of(spark).explain(other.read.parquet(input)).relations().get(0)
      assert(ofOther.status() == Status.REFUSED)
      assert(ofOther.reason().get().code().name() == "DISABLED")
      other.withActive {
        assert(status(other, spark.read.parquet(input)) == Status.MISS)
      }
      assert(SparkSession.active eq spark)
    }
  }

  test("a setting") {
    val said = missAfter("conf", "spark.sql.mapKeyDedupPolicy" -> "LAST_WIN")(filtered)(filtered)
    assert(said == Seq("setting spark.sql.mapKeyDedupPolicy: (unset) -> LAST_WIN"))
  }

  test("settings outside of spark. and of Hadoop; numbers of plans are no difference") {
    def grouped(s: SparkSession, input: String) = s.read.parquet(input).groupBy("k").agg(sum("id").as("n"))
    val differences = missAfter("outside", "spark.hadoop.parquet.read.allocation" -> "direct") { (s, input) =>
      grouped(s, input)
    } { (s, input) =>
      s.conf.set("orc.max.merge.distance", "7")
      s.range(3).groupBy("id").count().queryExecution.executedPlan // takes numbers of its own
      grouped(s, input)
    }
    assert(differences.exists(_.contains("setting orc.max.merge.distance: (unset) -> 7")), differences)
    assert(differences.exists(_.contains("setting parquet.read.allocation: (unset) -> direct")), differences)
    assert(!differences.exists(_.contains("plan")), differences)
  }

  test("the settings of the frame's own session count, whichever the thread has") {
    val input = directory("own-session-input").resolve("t").toString
    application(directory("own-session")) { spark =>
      spark.range(0, 20, 1, 2).selectExpr("id", "id % 7 as k", "cast(id as string) as s").write.parquet(input)
      val own = spark.newSession()
      own.conf.set("spark.sql.caseSensitive", "true")
      filtered(own, input).cache().count()
      own.catalog.clearCache()
      SparkSession.setActiveSession(spark)
      assert(status(spark, filtered(own, input)) == Status.HIT)
      val other = DiskCache.of(spark).explain(filtered(spark, input)).relations().get(0)
      assert(other.status() == Status.MISS)
      assert(other.differences().asScala.exists(_.contains("spark.sql.caseSensitive: true -> (unset)")), other)
      val cached = filtered(own, input).cache()
      SparkSession.setActiveSession(spark)
      assert(status(spark, cached) == Status.HIT)
    }
  }

  test("the body of a function, and a value that it captures") {
    def of(f: String => String)(spark: SparkSession, input: String) =
      spark.read.parquet(input).select(udf(f).apply(col("s")).as("s"))
    val body = missAfter("body")(of(Before.trimmed))(of(After.trimmed))
    assert(body.size >= 1 && body.forall(_.startsWith("function ")), body)
    val captured = missAfter("captured")(of(Clean.padded(2)))(of(Clean.padded(3)))
    assert(captured.size == 1 && captured.head.matches("function .* changed"), captured)
  }

  test("a file that is new, and one that was written again") {
    val arrived = missAfter("arrived")(filtered) { (spark, input) =>
      spark.range(100, 110, 1, 1).selectExpr("id", "id % 7 as k", "'x' as s")
        .write.mode("append").parquet(input)
      filtered(spark, input)
    }
    assert(arrived.size == 1 && arrived.head.matches("file .*part-00000.* is new"), arrived)
    val touched = missAfter("touched")(filtered) { (spark, input) =>
      val files = Files.list(java.nio.file.Path.of(input))
      try
        files.iterator().asScala.filter(_.toString.endsWith(".parquet")).foreach { file =>
          val bytes = Files.readAllBytes(file)
          Files.delete(file)
          Files.write(file, bytes)
        }
      finally files.close()
      filtered(spark, input)
    }
    assert(touched.size == 2 && touched.forall(_.endsWith("was written again")), touched)
  }

  test("a literal, a column") {
    val literal = missAfter("literal")(filtered) { (spark, input) =>
      spark.read.parquet(input).filter("k < 4").select("id", "s")
    }
    assert(literal.exists(s => s.startsWith("the plan changed: ") && s.contains("< 4")), literal)
    val column = missAfter("column")(filtered) { (spark, input) =>
      spark.read.parquet(input).filter("k < 3").select("id", "s", "k")
    }
    assert(column.contains("column k is new"), column)
  }

  test("a refusal says what the user could do") {
    application(directory("refused")) { spark =>
      val report = DiskCache.of(spark).explain(spark.range(3).withColumn("r", rand()))
      val refusal = report.relations().get(0).reason().get()
      assert(report.toString.contains(refusal.code().cure()))
      assert(refusal.place().contains("Project"))
    }
  }
}

object ExplainSuite {

  /** A function before it was edited, and after. */
  object Before {
    val trimmed: String => String = s => s.trim
  }
  object After {
    val trimmed: String => String = s => s.trim.toLowerCase(java.util.Locale.ROOT)
  }

  object Clean {
    def padded(n: Int): String => String = s => s + "x" * n
  }
}
