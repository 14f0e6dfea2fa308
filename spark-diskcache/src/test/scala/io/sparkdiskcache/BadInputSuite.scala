// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, ExactRows}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** A bad value stops the application at its start; a bad directory never stops a query. */
class BadInputSuite extends AnyFunSuite with Applications {
  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 100, 1, 2).selectExpr("id", "id % 5 as k").write.parquet(s"$dir/t")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(input.resolve("t")))
  }

  private def relation(spark: SparkSession): DataFrame =
    spark.read.parquet(s"$input/t").groupBy("k").agg(sum("id").as("s"))

  /** The query computes with Spark's own cache, and explain names `words`. */
  private def computesWithout(cache: Path, words: String*): Unit =
    application(cache) { spark =>
      val expected = truth(relation(spark))
      val df = relation(spark).cache()
      assert(ExactRows.of(df) == expected)
      val report = DiskCache.of(spark).explain(df).relations().get(0)
      assert(report.status() == Status.REFUSED)
      assert(report.reason().get().code() == Refusal.Code.STORE)
      words.foreach(word => assert(report.reason().get().sentence().contains(word)))
      // Statistics say why, and fail no query either.
      val told = stats(spark).hostsWithoutStore()
      assert(told.size == 1)
      words.foreach(word => assert(told.values().iterator().next().contains(word)))
      assert(DiskCache.of(spark).entries().isEmpty)
      assert(spark.sql("select * from diskcache_entries()").collect().isEmpty)
      assert(spark.sql("select * from diskcache_memo()").collect().isEmpty)
      val said = spark.sql("select value from diskcache_stats() where name = 'hostsWithoutStore'")
        .collect().map(_.getString(0)).toSeq
      assert(said == Seq(told.toString))
    }

  test("a bad value stops the application, naming key, value and what is allowed") {
    Seq("plugin" -> Seq("spark.plugins" -> "io.sparkdiskcache.DiskCachePlugin"), "jar" -> Nil)
      .foreach { case (how, lines) =>
        withClue(s"$how: ") {
          val error = intercept[Throwable] {
            application(directory("bad"), lines :+ ("spark.diskcache.verify" -> "sometimes"): _*) {
              spark => spark.range(1).count()
            }
          }
          val messages = Iterator.iterate(error)(_.getCause).takeWhile(_ != null).map(_.getMessage)
          val all = messages.mkString("\n")
          assert(all.contains("spark.diskcache.verify"))
          assert(all.contains("'sometimes'"))
          assert(all.contains("open, always, off"))
          SparkSession.getActiveSession.foreach(_.stop())
          SparkSession.clearActiveSession()
          SparkSession.clearDefaultSession()
        }
      }
  }

  test("a directory that cannot be made") {
    val file = Files.createFile(directory("blocked").resolve("file"))
    computesWithout(file.resolve("cache"), file.toString)
  }

  test("a directory that others can write to") {
    val cache = directory("open-to-all")
    Files.setPosixFilePermissions(
      cache,
      java.nio.file.attribute.PosixFilePermissions.fromString("rwxrwxrwx"))
    computesWithout(cache, cache.toString)
  }

  test("a cache written by a newer format is refused and left alone") {
    val cache = filled("newer")
    val before = snapshot(cache)
    Files.writeString(cache.resolve("format"), "spark-diskcache 99\n")
    computesWithout(cache, cache.toString, "99")
    assert(snapshot(cache) == before)
  }

  test("a corrupt index is set aside, the query computes and the cache works again") {
    val cache = filled("corrupt")
    corrupt(cache)
    application(cache) { spark =>
      val expected = truth(relation(spark))
      assert(ExactRows.of(relation(spark).cache()) == expected)
      assert(stats(spark).computed > 0, "which members made a set is lost with the index")
      assert(stats(spark).hits == 0)
    }
    application(cache) { spark =>
      relation(spark).cache().count()
      assert(stats(spark).computed == 0)
      assert(stats(spark).hits > 0)
    }
  }

  test("a corrupt index loses no entry that stands for itself") {
    def rowLocal(spark: SparkSession) = spark.read.parquet(s"$input/t").filter("k < 3").select("id")
    val cache = directory("corrupt-row-local")
    application(cache)(spark => rowLocal(spark).cache().count())
    def keys = dataFiles(cache).map(_.getFileName.toString.take(64)).sorted
    val before = keys
    assert(before.nonEmpty)
    corrupt(cache)
    application(cache) { spark =>
      val expected = truth(rowLocal(spark))
      assert(ExactRows.of(rowLocal(spark).cache()) == expected)
      // Files are indexed again in the background: before the relation is planned, or before a task
      // looks again, which is no hit by the count of hits, or later.
      assert(stats(spark).computed + stats(spark).hits <= before.size)
    }
    application(cache) { spark =>
      rowLocal(spark).cache().count()
      assert(stats(spark).computed == 0)
      assert(stats(spark).hits == before.size)
    }
    assert(keys.distinct == before)
  }

  private def corrupt(cache: Path): Unit = {
    Files.write(cache.resolve("index.db"), Array.fill[Byte](8192)(0x5a))
    Seq("index.db-wal", "index.db-shm").foreach(name => Files.deleteIfExists(cache.resolve(name)))
  }

  test("a directory removed while the application runs") {
    val cache = directory("removed")
    application(cache) { spark =>
      val expected = truth(relation(spark))
      val df = relation(spark).cache()
      df.count()
      remove(cache)
      assert(ExactRows.of(df) == expected)
      val other = spark.read.parquet(s"$input/t").filter("k = 1")
      val otherRows = truth(other.toDF())
      assert(ExactRows.of(spark.read.parquet(s"$input/t").filter("k = 1").cache()) == otherRows)
    }
    Files.createDirectory(cache)
  }

  test("a full disk: the query computes, nothing half-written stays") {
    // The smallest limit there is, and entries above it.
    val cache = directory("full")
    application(cache, "spark.diskcache.maxBytes" -> "1m") { spark =>
      def large = spark.range(0, 400000, 1, 2).selectExpr("id", "sha2(cast(id as string), 256) as h")
      val expected = large.agg(count(lit(1)), max("h")).collect().toSeq
      val df = large.cache()
      assert(df.agg(count(lit(1)), max("h")).collect().toSeq == expected)
      assert(df.agg(count(lit(1)), max("h")).collect().toSeq == expected)
      assert(DiskCache.of(spark).entries().asScala.forall(_.bytes <= 1024 * 1024))
      assert(
        Files.list(cache.resolve("tmp")).iterator().asScala.forall(!_.toString.endsWith(".arrow")))
    }
  }

  test("a column whose collation cannot be told is left to Spark") {
    application(directory("collation")) { spark =>
      val df = spark.sql(
        "SELECT concat_ws(' ', a, b) AS c, length(a) AS n FROM " +
          "(SELECT a COLLATE utf8_binary AS a, b COLLATE utf8_lcase AS b FROM VALUES ('Spark', 'SQL') AS t(a, b))")
      val counted = df.cache().select("n").count()
      assert(counted == 1)
      val report = DiskCache.of(spark).explain(df).relations().get(0)
      assert(report.status() == Status.REFUSED)
      assert(report.reason().get().code() == Refusal.Code.DATA_TYPE)
    }
  }

  test("a session that turns the cache off is plain Spark") {
    val cache = directory("off")
    application(cache) { spark =>
      spark.conf.set("spark.diskcache.enabled", "false")
      val df = relation(spark).cache()
      df.count()
      assert(spark.sparkContext.getPersistentRDDs.size == 1)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
  }

  test("a bad session value is a refusal, not an error") {
    application(directory("bad-session")) { spark =>
      spark.conf.set("spark.diskcache.inputs.settle", "soon")
      val df = relation(spark).cache()
      assert(df.count() == 5)
      val report = DiskCache.of(spark).explain(df)
      assert(report.toString.contains("spark.diskcache.inputs.settle"))
    }
  }

  private def filled(name: String): Path = {
    val cache = directory(name)
    application(cache)(spark => relation(spark).cache().count())
    cache
  }

  private def snapshot(cache: Path): Map[String, Long] = {
    val files = Files.walk(cache)
    try {
      files
        .iterator()
        .asScala
        .filter(file => Files.isRegularFile(file) && file.getFileName.toString != "format")
        .map(file => file.toString -> Files.size(file))
        .toMap
    } finally files.close()
  }

  private def remove(dir: Path): Unit = {
    val files = Files.walk(dir)
    try {
      files.sorted(java.util.Comparator.reverseOrder[Path]()).forEach(file => Files.delete(file))
    } finally files.close()
  }
}
