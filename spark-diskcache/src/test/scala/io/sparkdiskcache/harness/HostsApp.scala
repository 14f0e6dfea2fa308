// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{LinkedHashMap => JLinkedHashMap}

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.scheduler.{SparkListener, SparkListenerTaskEnd}
import org.apache.spark.sql.{DataFrame, SparkSession}

/**
 * Applications one after the other on one cluster, each with executors of its own: two relations, one
 * of chunks of files and one of a run, are cached and read.
 *
 * Arguments: directory of the input, result file, then an application each: `name;key=value;...`. The
 * result has for each its rows, its figures, and the hosts on which tasks read what was stored.
 */
object HostsApp {
  def main(args: Array[String]): Unit = {
    val results = new JLinkedHashMap[String, Any]()
    args.drop(2).foreach { application =>
      val Array(name, settings @ _*) = application.split(";"): @unchecked
      results.put(name, run(args(0), settings))
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }

  private def run(input: String, settings: Seq[String]): JLinkedHashMap[String, Any] = {
    val builder = SparkSession
      .builder()
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "4")
      .config("spark.sql.adaptive.coalescePartitions.enabled", "false")
      // Each host is to get tasks.
      .config("spark.scheduler.minRegisteredResourcesRatio", "1")
      .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "60s")
    settings.foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val outcome = new JLinkedHashMap[String, Any]()
    try {
      val readers = new Readers
      spark.sparkContext.addSparkListener(readers)
      val relations = HostsApp.relations(spark, input).map(_.cache())
      outcome.put("rows", relations.map(ExactRows.of(_).asJava).asJava)
      val statuses = relations.map(df => DiskCache.of(spark).explain(df).relations().get(0).status().name)
      outcome.put("status", statuses.asJava)
      val stats = DiskCache.of(spark).stats()
      outcome.put("hits", stats.hits)
      outcome.put("computed", stats.computed)
      outcome.put("hostsWithoutStore", stats.hostsWithoutStore)
      outcome.put("withheld", stats.withheld)
      outcome.put(
        "outcomes",
        relations.map(df => DiskCache.of(spark).explain(df).relations().get(0).outcome()).asJava)
      StageFigures.drain(spark.sparkContext)
      outcome.put("readers", readers.hosts.toSeq.sorted.asJava)
    } finally {
      spark.stop()
      SparkSession.clearActiveSession()
      SparkSession.clearDefaultSession()
    }
    outcome
  }

  def relations(spark: SparkSession, input: String): Seq[DataFrame] =
    Seq(chunks(spark, input), ofRun(spark, input))

  private def chunks(spark: SparkSession, input: String): DataFrame =
    spark.read.parquet(input).filter("k < 5")

  private def ofRun(spark: SparkSession, input: String): DataFrame =
    spark.read.parquet(input).groupBy("k").count()

  /** Hosts whose tasks read records of the relations, where nothing else is read. */
  private final class Readers extends SparkListener {
    val hosts: mutable.Set[String] = mutable.Set()

    override def onTaskEnd(event: SparkListenerTaskEnd): Unit = synchronized {
      if (event.taskMetrics != null && event.taskMetrics.inputMetrics.recordsRead > 0) {
        hosts += event.taskInfo.host
      }
    }
  }
}
