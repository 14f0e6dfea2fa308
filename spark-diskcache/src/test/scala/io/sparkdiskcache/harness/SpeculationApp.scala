// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.concurrent.atomic.AtomicInteger

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.scheduler.{SparkListener, SparkListenerTaskStart}
import org.apache.spark.sql.SparkSession

/**
 * One application on the two hosts of a cluster, with speculation: its last task takes seconds, so
 * Spark runs it on both hosts. Writes rows and figures as JSON.
 *
 * Arguments: input directory, result file, then `key=value` settings.
 */
object SpeculationApp {
  def main(args: Array[String]): Unit = {
    val builder = SparkSession
      .builder()
      .appName("speculation")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.speculation", "true")
      .config("spark.speculation.interval", "50ms")
      .config("spark.speculation.quantile", "0.5")
      .config("spark.speculation.multiplier", "1.01")
      .config("spark.speculation.minTaskRuntime", "100ms")
    args.drop(2).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val speculated = new AtomicInteger
    spark.sparkContext.addSparkListener(new SparkListener {
      override def onTaskStart(start: SparkListenerTaskStart): Unit =
        if (start.taskInfo.speculative) speculated.incrementAndGet()
    })
    try {
      val slow = "aggregate(sequence(1, if(id = 3, 40000000, 2)), 0L, (sum, i) -> sum + i * id)"
      val df = spark.read.parquet(args(0)).selectExpr("id", s"$slow as slow").cache()
      val rows = ExactRows.of(df)
      StageFigures.drain(spark.sparkContext)
      val stats = DiskCache.of(spark).stats()
      Files.writeString(
        Path.of(args(1)),
        new ObjectMapper().writeValueAsString(
          Map(
            "rows" -> rows.asJava,
            "speculated" -> speculated.get,
            "refused" -> stats.refused.toString).asJava))
    } finally {
      spark.stop()
    }
  }
}
