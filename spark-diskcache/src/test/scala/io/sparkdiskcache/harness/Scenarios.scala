// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.fingerprint.Refusal
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.Suite

/**
 * Run, change, run: each run is an application of its own over one cache directory. Its rows must be
 * those of the same query in a session that has the cache turned off.
 */
trait Scenarios extends Applications { this: Suite =>
  protected type Query = SparkSession => DataFrame
  protected type Run = Scenarios.Run

  /** Caches the query in an application of its own and reads it, against plain Spark. */
  protected def run(cache: Path, settings: (String, String)*)(query: Query): Run =
    application(cache, settings: _*)(runIn(_)(query))

  /** As `run`, in a running application that has cached nothing yet. */
  protected def runIn(spark: SparkSession)(query: Query): Run = {
    val expected = ExactRows.of(query(uncached(spark)))
    val before = stats(spark)
    val df = query(spark).cache()
    val rows = ExactRows.of(df)
    assert(rows == expected)
    assert(ExactRows.of(df) == expected, "the second read")
    val now = stats(spark)
    val relation = DiskCache.of(spark).explain(df).relations().asScala.last
    Scenarios.Run(
      rows,
      now.hits - before.hits,
      now.computed - before.computed,
      if (relation.reason().isPresent) Some(relation.reason().get()) else None,
      now.privateRelations > before.privateRelations)
  }

  /** A session of the same application without our cache. */
  protected def uncached(spark: SparkSession): SparkSession = {
    val plain = spark.newSession()
    plain.conf.set("spark.diskcache.enabled", "false")
    plain
  }

  /** Runs `body` in an application without the cache: to write what others read. */
  protected def prepare(body: SparkSession => Unit): Unit =
    application(directory("unused"), "spark.diskcache.enabled" -> "false")(body)

  protected def write(file: Path, text: String): Path = {
    Files.createDirectories(file.getParent)
    Files.write(file, text.getBytes(UTF_8))
  }

  /** The files below a directory whose names end so. */
  protected def files(dir: Path, suffix: String): Seq[Path] = {
    val walk = Files.walk(dir)
    try walk.iterator().asScala.filter(_.toString.endsWith(suffix)).toList.sorted
    finally walk.close()
  }

  /** Puts other content into a file that Hadoop keeps a checksum of. */
  protected def replace(file: Path, by: Path): Unit = {
    Files.deleteIfExists(file.resolveSibling(s".${file.getFileName}.crc"))
    Files.copy(by, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING)
  }
}

object Scenarios {

  /** The view that one application had of its one cached relation. */
  final case class Run(
      rows: Seq[String],
      hits: Long,
      computed: Long,
      refused: Option[Refusal],
      privately: Boolean) {

    /** All of it was found. */
    def hit: Boolean = hits > 0 && computed == 0

    /** Nothing of it was found, and it was stored. */
    def miss: Boolean = hits == 0 && computed > 0 && refused.isEmpty && !privately

    def refusedBy(code: Refusal.Code, words: String*): Boolean =
      hits == 0 && refused.exists(r => r.code == code && words.forall(r.toString.contains))
  }
}
