// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.io.{FileInputStream, IOException}
import java.nio.file.{Files, Path}

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.{CacheStats, DiskCache}
import org.apache.spark.sql.{DataFrame, SparkSession}

/**
 * Two applications in one process. The first limits the process to some more open files than it
 * has, keeps more entries than that, and reads them again. The second keeps and reads entries while
 * the process has no descriptor left, or a few, and once more when it has them again. Written as
 * JSON is what came of it.
 *
 * Arguments: cache directory, result file.
 */
object DescriptorsApp {
  private val Entries = 400
  private val More = 100

  /** Each lets the cache come as far as another place that wants a descriptor. */
  private val Left = Seq(0, 1, 2)

  private val Partitions = 2

  def main(args: Array[String]): Unit = {
    val directory = Path.of(args(0))
    val found = new java.util.LinkedHashMap[String, Any]
    inApplication(directory)(spark => found.put("few", few(spark)))
    inApplication(directory)(spark => none(spark, directory).foreach { case (k, v) => found.put(k, v) })
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(found))
  }

  private def inApplication(directory: Path)(body: SparkSession => Unit): Unit = {
    val spark = SparkSession.builder().master("local[4]").appName("descriptors")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
      .config("spark.diskcache.dir", directory.toString)
      .getOrCreate()
    try body(spark)
    finally spark.stop()
  }

  private def hashes(spark: SparkSession, from: Long, until: Long, partitions: Int): DataFrame =
    spark.range(from, until, 1, partitions).selectExpr("id", "sha2(cast(id as string), 256) as h")

  /** Those that an application finds, and those that it computes, while so many descriptors are left. */
  private def old(spark: SparkSession, left: Int): DataFrame =
    hashes(spark, left * 100L, left * 100L + 90, Partitions)

  private def fresh(spark: SparkSession, left: Int): DataFrame =
    hashes(spark, left * 1000L, left * 1000L + 900, Partitions)

  private def few(spark: SparkSession): java.util.Map[String, Any] = {
    val truth = ExactRows.of(hashes(spark, 0, Entries * 10L, Entries))
    Left.foreach { left =>
      val kept = old(spark, left).cache()
      kept.count()
      kept.unpersist(blocking = true)
    }
    val before = open
    val limit = before + More
    val limited = new ProcessBuilder("prlimit", "--pid", s"${ProcessHandle.current.pid}", s"--nofile=$limit:$limit")
      .inheritIO().start().waitFor()
    require(limited == 0, "prlimit")
    val start = DiskCache.of(spark).stats()
    val same = (0 until 2).forall { _ =>
      val kept = hashes(spark, 0, Entries * 10L, Entries).cache()
      val right = (0 until 2).forall(_ => ExactRows.of(kept) == truth)
      kept.unpersist(blocking = true)
      right
    }
    val stats = DiskCache.of(spark).stats()
    Map[String, Any](
      "same" -> same,
      "entries" -> Entries,
      "before" -> before,
      "limit" -> limit,
      "after" -> open,
      "computed" -> (stats.computed - start.computed),
      "hits" -> (stats.hits - start.hits),
      "errors" -> stats.store.errors,
      "quarantined" -> stats.store.quarantined).asJava
  }

  private def none(spark: SparkSession, directory: Path): Map[String, Any] = {
    val cache = DiskCache.of(spark)
    val oldTruth = Left.map(left => left -> ExactRows.of(old(spark, left))).toMap
    val freshTruth = Left.map(left => left -> ExactRows.of(fresh(spark, left))).toMap
    val moreTruth = ExactRows.of(hashes(spark, 50, 90, Partitions))
    val entries = cache.stats().store.entries

    def step(df: DataFrame, truth: Any): java.util.Map[String, Any] = {
      val before = cache.stats()
      val kept = df.cache()
      val same = ExactRows.of(kept) == truth
      kept.unpersist(blocking = true)
      val after = cache.stats()
      def grown(count: CacheStats => Long) = count(after) - count(before)
      Map[String, Any](
        "same" -> same,
        "hits" -> grown(_.hits),
        "computed" -> grown(_.computed),
        "published" -> grown(_.store.published),
        "errors" -> grown(_.store.errors),
        "withheld" -> after.withheld.values.asScala.map(_.longValue).sum).asJava
    }
    def steps(one: Int => java.util.Map[String, Any]) = Left.map(one).asJava
    // Loads classes, for which descriptors are wanted too.
    val known = step(hashes(spark, 0, 20, Partitions), ExactRows.of(hashes(spark, 0, 20, Partitions)))
    val (hungry, thirsty) = (mutable.Buffer[java.util.Map[String, Any]](), mutable.Buffer[java.util.Map[String, Any]]())
    Left.foreach { left =>
      val taken = take(left)
      try {
        hungry += step(old(spark, left), oldTruth(left))
        thirsty += step(fresh(spark, left), freshTruth(left))
      } finally taken.foreach(_.close())
    }
    val leases = files(directory.resolve("tmp")).count(_.endsWith(".lease"))
    Gate.await("publishing again") {
      step(hashes(spark, 50, 90, Partitions), moreTruth).get("hits") == Partitions.toLong
    }
    val afterwards = steps(left => step(old(spark, left), oldTruth(left)))
    val filled = steps(left => step(fresh(spark, left), freshTruth(left)))
    val again = steps(left => step(fresh(spark, left), freshTruth(left)))
    val stats = cache.stats().store
    Map(
      "known" -> known,
      "old without" -> hungry.asJava,
      "fresh without" -> thirsty.asJava,
      "old afterwards" -> afterwards,
      "fresh afterwards" -> filled,
      "fresh again" -> again,
      "leases" -> leases,
      "gone" -> (entries + stats.published - stats.entries),
      "quarantined" -> stats.quarantined,
      "missing" -> stats.missingFiles
    )
  }

  /** All descriptors of the process but so many. */
  private def take(left: Int): Seq[FileInputStream] = {
    val taken = mutable.ArrayBuffer[FileInputStream]()
    try while (true) taken += new FileInputStream("/dev/null")
    catch {
      case e: IOException => require(e.getMessage.contains("Too many open files"), s"it was something else: $e")
    }
    taken.takeRight(left).foreach(_.close())
    taken.dropRight(left).toSeq
  }

  private def files(directory: Path): Seq[String] = {
    val files = Files.list(directory)
    try files.iterator().asScala.map(_.getFileName.toString).toSeq
    finally files.close()
  }

  private def open: Int = files(Path.of("/proc/self/fd")).size
}
