// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.io.IOException
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.{CacheStats, DiskCache}
import org.apache.spark.sql.{DataFrame, SparkSession}

/**
 * An application whose cache and scratch directory are on a file system of a few MiB that fills up under
 * it. Each step
 * caches a relation and reads it twice; written as JSON are the steps' counts, and whether their
 * rows were those of Spark without the cache.
 *
 * Arguments: cache directory, result file.
 */
object FullDiskApp {
  private val KiB = 1024

  def main(args: Array[String]): Unit = {
    val cache = Path.of(args(0))
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .appName("full disk")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.diskcache.dir", cache.toString)
      .config("spark.local.dir", cache.resolveSibling("scratch").toString)
      // The disk itself is the only limit.
      .config("spark.diskcache.maxBytes", "1g")
      .config("spark.diskcache.minFreeBytes", "0")
      .getOrCreate()
    try {
      def hashes(rows: Int): DataFrame =
        spark.range(0, rows, 1, 2).selectExpr("id", "sha2(cast(id as string), 256) as h")
      def step(df: => DataFrame): java.util.Map[String, Any] = {
        val rows = ExactRows.of(df)
        val before = DiskCache.of(spark).stats()
        val cached = df.cache()
        val same = Seq.fill(2)(ExactRows.of(cached) == rows).forall(identity)
        cached.unpersist(blocking = true)
        val after = DiskCache.of(spark).stats()
        def grown(count: CacheStats => Long) = count(after) - count(before)
        Map[String, Any](
          "same" -> same,
          "hits" -> grown(_.hits),
          "published" -> grown(_.store.published),
          "errors" -> grown(_.store.errors),
          "unfinished" -> unfinished(cache)).asJava
      }
      val steps = new java.util.LinkedHashMap[String, Any]
      steps.put("fits", step(hashes(1000)))
      steps.put("is too large", step(hashes(200000)))
      steps.put("is there", step(hashes(1000)))
      val ballast = fill(cache.resolveSibling("ballast"))
      steps.put("does not fit any more", step(hashes(2000)))
      steps.put("is there all the same", step(hashes(1000)))
      Files.delete(ballast)
      steps.put("fits again", step(hashes(2000)))
      steps.put("is there again", step(hashes(2000)))
      Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(steps))
    } finally {
      spark.stop()
    }
  }

  /** Files of entries that were begun and are no entries. */
  private def unfinished(cache: Path): Long = {
    val files = Files.list(cache.resolve("tmp"))
    try files.iterator().asScala.count(_.toString.endsWith(".arrow")).toLong
    finally files.close()
  }

  /** Writes until nothing more can be written. */
  private def fill(ballast: Path): Path = {
    val out = Files.newOutputStream(ballast)
    try
      Iterator
        .continually(new Array[Byte](KiB))
        .foreach(out.write(_))
    catch {
      case e: IOException =>
        require(e.getMessage.contains("No space left"), s"it was something else: $e")
    } finally out.close()
    ballast
  }
}
