// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.{CacheStats, DiskCache}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, Dataset, SparkSession}
import org.scalatest.Suite

/** Applications in this JVM, one after the other, each with its own SparkContext. */
trait Applications extends TestDirectories { this: Suite =>

  /** Runs `body` in a new application over the cache directory `cache`. */
  protected def application[T](cache: Path, settings: (String, String)*)(
      body: SparkSession => T): T = {
    val builder = SparkSession
      .builder()
      .master("local[2]")
      .appName(getClass.getSimpleName)
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "4")
      .config("spark.sql.warehouse.dir", directory("warehouse").toString)
      .config("spark.diskcache.dir", cache.toString)
      .config("spark.diskcache.inputs.settle", "0s")
    settings.foreach { case (key, value) => builder.config(key, value) }
    val spark = builder.getOrCreate()
    try body(spark)
    finally spark.stop()
  }

  protected def stats(spark: SparkSession): CacheStats = DiskCache.of(spark).stats()

  /** How the one relation that `df` reads stands. */
  protected def status(spark: SparkSession, df: Dataset[_]): Status = {
    val relations = DiskCache.of(spark).explain(df).relations().asScala
    assert(relations.size == 1, relations)
    relations.head.status()
  }

  /** The rows without any cache. */
  protected def truth(df: => DataFrame): Seq[String] = ExactRows.of(df)

  /** The data files of a cache directory. */
  protected def dataFiles(cache: Path): Seq[Path] = {
    val files = Files.walk(cache.resolve("data"))
    try files.iterator().asScala.filter(_.toString.endsWith(".arrow")).toList
    finally files.close()
  }
}
