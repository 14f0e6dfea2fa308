// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.util.Base64

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{Applications, DrawnTests, ExactRows}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._

/** Entries encrypted at rest: found with the key, and nothing to see without. */
class EncryptionSuite extends DrawnTests with Applications {
  override protected def property: String = "diskcache.encryption"
  override protected def drawn: Int = 4
  private val KeyFile = "spark.diskcache.encryption.keyFile"
  private val IoEncryption = "spark.io.encryption.enabled" -> "true"

  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 20000, 1, 2)
        .selectExpr("id", "id % 5 as k", "'hidden-' || id as name")
        .write
        .parquet(s"$dir/t")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(input.resolve("t")))
  }

  private def key(name: String, seed: Int): (String, String) = {
    val file = directory("keys").resolve(name)
    val bytes = Array.tabulate[Byte](32)(i => (seed + i).toByte)
    Files.writeString(file, Base64.getEncoder.encodeToString(bytes) + "\n")
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"))
    KeyFile -> file.toString
  }

  private def chunks(spark: SparkSession): DataFrame = chunks(spark, "hidden-literal")

  private def chunks(spark: SparkSession, without: String): DataFrame =
    spark.read.parquet(s"$input/t").where(col("name") =!= without && col("k") < 4)

  private def groups(spark: SparkSession): DataFrame =
    chunks(spark).groupBy("k").agg(max("name").as("name"), sum("id").as("s"))

  /** All files of the cache directory that hold the text, in any of the encodings that it may have. */
  private def filesWith(cache: Path, text: String): Seq[Path] = {
    val files = Files.walk(cache)
    try
      files.iterator().asScala.filter(Files.isRegularFile(_)).filter { file =>
        val bytes = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)
        bytes.contains(text) || bytes.contains(text.mkString("\u0000"))
      }.toList
    finally files.close()
  }

  private def allComputed(spark: SparkSession, df: DataFrame, expected: Seq[String]): Unit = {
    val cached = df.cache()
    assert(status(spark, cached) == Status.MISS)
    assert(ExactRows.of(cached) == expected)
    assert(stats(spark).computed() > 0 && stats(spark).hits() == 0)
  }

  private def allFound(spark: SparkSession, df: DataFrame, expected: Seq[String]): Unit = {
    val cached = df.cache()
    assert(status(spark, cached) == Status.HIT)
    assert(ExactRows.of(cached) == expected)
    assert(ExactRows.of(cached) == expected, "read again in the same application")
    assert(stats(spark).computed() == 0 && stats(spark).hits() > 0)
  }

  private val relations =
    Seq[(String, SparkSession => DataFrame)]("file chunks" -> (chunks(_)), "a run" -> (groups(_)))

  for ((name, relation) <- relations; adaptive <- Seq(true, false)) {
    test(s"$name, adaptive $adaptive: found with the key, unknown without, nothing in plain") {
      val cache = directory(s"$name-$adaptive")
      val settings = Seq(IoEncryption, "spark.sql.adaptive.enabled" -> adaptive.toString)
      val expected = application(cache, settings :+ key("one", 1): _*) { spark =>
        val rows = truth(relation(spark))
        assert(rows.nonEmpty)
        allComputed(spark, relation(spark), rows)
        rows
      }
      assert(dataFiles(cache).nonEmpty)
      assert(filesWith(cache, "hidden-") == Nil)
      application(cache, settings :+ key("one", 1): _*)(spark => allFound(spark, relation(spark), expected))
      application(cache, settings :+ key("two", 2): _*)(spark =>
        allComputed(spark, relation(spark), expected))
      application(cache, settings.tail: _*)(spark => allComputed(spark, relation(spark), expected))
      assert(filesWith(cache, "hidden-").nonEmpty, "the last application wrote in plain: the search works")
      Seq(key("one", 1), key("two", 2)).foreach(k =>
        application(cache, settings :+ k: _*)(spark => allFound(spark, relation(spark), expected)))
    }
  }

  test("what may not be published is encrypted too, and is held for the application") {
    val cache = directory("private")
    application(cache, IoEncryption, key("one", 1), "spark.diskcache.inputs.settle" -> "10d") { spark =>
      val expected = truth(chunks(spark))
      val df = chunks(spark).cache()
      assert(ExactRows.of(df) == expected)
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed() > 0)
      assert(DiskCache.of(spark).entries().isEmpty)
      assert(filesWith(cache, "hidden-") == Nil)
    }
  }

  test("explain compares with what is stored encrypted, and a lost index is made anew") {
    val cache = directory("explain")
    application(cache, IoEncryption, key("one", 1))(spark => chunks(spark).cache().count())
    Files.delete(cache.resolve("index.db"))
    application(cache, IoEncryption, key("one", 1)) { spark =>
      Iterator
        .continually(stats(spark).store())
        .take(200000)
        .takeWhile(s => s.unindexedFiles() > 0 || s.reindexed() == 0)
        .foreach(_ => Thread.onSpinWait())
      assert(status(spark, chunks(spark).cache()) == Status.HIT)
      val other = DiskCache.of(spark).explain(chunks(spark, "hidden-other")).relations().get(0)
      assert(other.status() == Status.MISS)
      assert(other.differences().asScala.exists(_.contains("the plan changed")), other.differences())
    }
  }

  test("a damaged encrypted entry is computed again") {
    val cache = directory("damaged")
    val expected = application(cache, key("one", 1)) { spark =>
      chunks(spark).cache().count()
      truth(chunks(spark))
    }
    val file = dataFiles(cache).head
    val bytes = Files.readAllBytes(file)
    bytes(bytes.length / 2) = (bytes(bytes.length / 2) ^ 1).toByte
    Files.write(file, bytes)
    application(cache, key("one", 1), "spark.diskcache.verify" -> "off") { spark =>
      assert(ExactRows.of(chunks(spark).cache()) == expected)
      assert(stats(spark).store().quarantined() == 1)
      assert(stats(spark).computed() > 0)
    }
  }

  test("a key that cannot be used stops the application at its start") {
    val bad = directory("keys").resolve("bad")
    Files.writeString(bad, "no key")
    Files.setPosixFilePermissions(bad, PosixFilePermissions.fromString("rw-------"))
    val error = intercept[IllegalArgumentException](
      application(directory("cache"), KeyFile -> bad.toString)(spark => spark.range(1).count()))
    assert(error.getMessage.contains(KeyFile) && error.getMessage.contains("not Base64"))
    SparkSession.getActiveSession.foreach(_.stop())
    SparkSession.clearActiveSession()
    SparkSession.clearDefaultSession()
  }
}
