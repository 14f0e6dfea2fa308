// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.{DataFrame, SparkSession}

/**
 * Limits itself to some more open files than it has, keeps more entries than that, and reads them
 * again. Written as JSON is what came of it.
 *
 * Arguments: cache directory, result file.
 */
object DescriptorsApp {
  private val Entries = 400
  private val More = 100

  def main(args: Array[String]): Unit = {
    val spark = SparkSession.builder().master("local[4]").appName("descriptors")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
      .config("spark.diskcache.dir", args(0))
      .getOrCreate()
    val found =
      try {
        def rows(entries: Int): DataFrame =
          spark.range(0, entries * 10L, 1, entries).selectExpr("id", "sha2(cast(id as string), 256) as h")
        val truth = ExactRows.of(rows(Entries))
        rows(4).cache().count() // opens the jars and the store
        val before = open
        val limit = before + More
        val limited = new ProcessBuilder("prlimit", "--pid", s"${ProcessHandle.current.pid}", s"--nofile=$limit:$limit")
          .inheritIO().start().waitFor()
        require(limited == 0, "prlimit")
        val start = DiskCache.of(spark).stats()
        val same = (0 until 2).forall { _ =>
          val kept = rows(Entries).cache()
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
          "quarantined" -> stats.store.quarantined)
      } finally spark.stop()
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(found.asJava))
  }

  private def open: Int = {
    val files = Files.list(Path.of("/proc/self/fd"))
    try files.count().toInt
    finally files.close()
  }
}
