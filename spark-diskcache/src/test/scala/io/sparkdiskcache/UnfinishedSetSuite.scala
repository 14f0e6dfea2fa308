// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.util.{Success, Try}

import io.sparkdiskcache.harness.{Applications, ExactRows, Gate, GatedRelations, StandaloneCluster}
import io.sparkdiskcache.harness.GatedRelations.RunBound
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions.col
import org.scalatest.funsuite.AnyFunSuite

/**
 * Results behind a shuffle of which only a part was stored: by files and bytes in the directory, nothing
 * is left of them once nobody can complete them.
 *
 * `-Ddiskcache.cancelled=1000` cancels so many queries instead of 20.
 */
class UnfinishedSetSuite extends AnyFunSuite with Applications {
  private val Cancelled = Integer.getInteger("diskcache.cancelled", 20)
  private val settings = Seq("spark.sql.adaptive.enabled" -> "false", "spark.sql.shuffle.partitions" -> "4")

  /** Four partitions behind a shuffle. */
  private def grouped(spark: SparkSession, from: Long, to: Long = 2000): DataFrame =
    spark.range(from, from + to, 1, 2).groupBy((col("id") % 500).as("k")).count()

  /** Files may go while they are listed. */
  override protected def dataFiles(cache: Path): Seq[Path] =
    if (!Files.exists(cache.resolve("data"))) Nil
    else Iterator.continually(Try(super.dataFiles(cache))).collectFirst { case Success(files) => files }.get

  private def bytes(cache: Path): Long = dataFiles(cache).map(file => Try(Files.size(file)).getOrElse(0L)).sum

  private def awaitEmpty(cache: Path): Unit =
    Gate.await(s"entries are left in $cache: ${dataFiles(cache)}")(dataFiles(cache).isEmpty)

  /** The temporary files of what was being written. */
  private def beingWritten(cache: Path): Int = {
    val files = Files.list(cache.resolve("tmp"))
    try files.filter(_.toString.endsWith(".arrow")).count().toInt
    finally files.close()
  }

  test("a part that was read is removed when its relation is unpersisted") {
    val cache = directory("unpersist")
    application(cache, settings: _*) { spark =>
      (0 until 5).foreach { i =>
        val df = grouped(spark, i).cache()
        assert(df.take(1).length == 1)
        assert(dataFiles(cache).size == 1 && bytes(cache) > 0, "one partition of four")
        df.unpersist(blocking = true)
        awaitEmpty(cache)
      }
      assert(stats(spark).computed == 5)
      val whole = grouped(spark, 7).cache()
      assert(whole.count() == 500)
      whole.unpersist(blocking = true)
      assert(ExactRows.of(grouped(spark, 7).cache()).size == 500)
      assert(stats(spark).hits > 0, "what is whole stays and is found")
    }
  }

  test("a part is completed by a later query, and then stays") {
    val cache = directory("completed")
    application(cache, settings: _*) { spark =>
      val df = grouped(spark, 0).cache()
      assert(df.take(1).length == 1)
      assert(df.count() == 500)
      df.unpersist(blocking = true)
    }
    assert(dataFiles(cache).size == 4)
    application(cache, settings: _*) { spark =>
      assert(grouped(spark, 0).cache().count() == 500)
      assert(stats(spark).computed == 0 && stats(spark).hits > 0)
    }
  }

  test("the end of the application removes what is not whole") {
    val cache = directory("end")
    application(cache, settings: _*) { spark =>
      assert(grouped(spark, 0).cache().take(1).length == 1)
      assert(dataFiles(cache).nonEmpty)
    }
    assert(dataFiles(cache).isEmpty && beingWritten(cache) == 0)
  }

  test("a part is the first to go when room is needed, however worthy") {
    val cache = directory("first")
    application(cache, settings :+ ("spark.diskcache.maxBytes" -> "1m"): _*) { spark =>
      assert(grouped(spark, 0).cache().take(1).length == 1)
      val part = dataFiles(cache)
      assert(part.size == 1)
      val wide = spark.range(0, 40000, 1, 8).selectExpr("id", "sha2(cast(id as string), 512) as h").cache()
      assert(wide.count() == 40000)
      Gate.await("the part is still there")(!Files.exists(part.head))
      assert(dataFiles(cache).nonEmpty)
    }
  }

  /** Cancels a query over the relation while the task stands at the gate that reads a file of it. */
  private def cancel(spark: SparkSession, df: DataFrame, gate: Gate)(partStored: => Boolean): Unit = {
    gate.close()
    val query = new Thread(() => {
      spark.sparkContext.setJobGroup("held", "held", interruptOnCancel = true)
      Try(df.count())
    })
    query.start()
    Gate.await("the query has not stored a part")(partStored)
    spark.sparkContext.cancelJobGroup("held")
    query.join()
    gate.open()
  }

  private lazy val gated: Path = {
    val dir = directory("gated").resolve("in")
    GatedRelations.write(dir)
    dir
  }

  test("cancelled queries leave nothing and the next one is kept") {
    val cache = directory("cancelled")
    val limit = 2 << 20
    val gate = GatedRelations.fillGate(gated, RunBound)
    val all = GatedRelations.settings :+ ("spark.diskcache.maxBytes" -> limit.toString)
    application(cache, all: _*) { spark =>
      (0 until Cancelled).foreach { i =>
        val df = GatedRelations.relation(spark, gated, RunBound).cache()
        cancel(spark, df, gate)(dataFiles(cache).nonEmpty)
        if (i % 2 == 0) df.unpersist(blocking = true)
        awaitEmpty(cache)
      }
      println(s"$Cancelled cancelled queries: ${bytes(cache)} of $limit bytes are taken")
      assert(GatedRelations.relation(spark, gated, RunBound).cache().count() == 165)
    }
    assert(dataFiles(cache).size == GatedRelations.Units(RunBound))
    application(cache, all: _*) { spark =>
      assert(GatedRelations.relation(spark, gated, RunBound).cache().count() == 165)
      assert(stats(spark).computed == 0, "the next query was published as if there had been no other")
    }
  }

  test("on a cluster as well") {
    val caches = StandaloneCluster.Hosts.map(host => host -> directory(s"cache-$host")).toMap
    val cluster = new StandaloneCluster(directory("cluster"), caches = caches)
    def files = caches.values.flatMap(dataFiles(_)).toSeq
    def awaitNone(): Unit = Gate.await(s"entries are left: $files")(files.isEmpty)
    val driver = directory("driver")
    try {
      application(
        driver,
        GatedRelations.settings ++ Seq(
          "spark.master" -> cluster.url,
          "spark.plugins" -> classOf[DiskCachePlugin].getName,
          "spark.executor.memory" -> "512m",
          "spark.cores.max" -> "2",
          "spark.executor.instances" -> "2",
          "spark.scheduler.minRegisteredResourcesRatio" -> "1.0",
          "spark.scheduler.maxRegisteredResourcesWaitingTime" -> "120s",
          "spark.executor.extraClassPath" -> System.getProperty("java.class.path")): _*) { spark =>
        val first = grouped(spark, 0).cache()
        assert(first.take(1).length == 1)
        assert(files.size == 1)
        first.unpersist(blocking = true)
        awaitNone()

        val held = GatedRelations.relation(spark, gated, RunBound).cache()
        (0 until 3).foreach { _ => // the task that has stored the part may be killed as it tells so
          cancel(spark, held, GatedRelations.fillGate(gated, RunBound))(files.nonEmpty)
          awaitNone()
        }
        held.unpersist(blocking = true)

        val whole = grouped(spark, 2).cache()
        assert(whole.count() == 500)
        whole.unpersist(blocking = true)
        assert(files.size == 4, "what is whole stays")
      }
      cluster.awaitExecutorsGone()
      caches.values.foreach { cache =>
        val left = Files.list(cache)
        try assert(!left.anyMatch(file => file.toString.endsWith("-wal")), s"$cache was not closed")
        finally left.close()
      }
    } finally cluster.close()
  }
}
