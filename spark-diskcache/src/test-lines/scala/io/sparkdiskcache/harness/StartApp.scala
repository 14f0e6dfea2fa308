// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.execution.columnar.InMemoryRelation

/**
 * Applications one after the other: in each a cached relation is read in three sessions, and a line
 * of what came of it is written: the sum of its rows, and the class that keeps it. Knows nothing of
 * this project.
 *
 * Arguments: result file, then for each application its settings: `key=value;...`.
 */
object StartApp {
  def main(args: Array[String]): Unit =
    Files.write(Path.of(args(0)), args.drop(1).map(settings => run(settings.split(";").toSeq)).toSeq.asJava)

  private def run(settings: Seq[String]): String = {
    val builder = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "2")
    settings.foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    try {
      val df = spark.range(0, 1000, 1, 2).selectExpr("id % 7 as k").groupBy("k").count()
      df.cache().createOrReplaceGlobalTempView("counts")
      val copy = spark.getClass.getMethod("cloneSession").invoke(spark).asInstanceOf[SparkSession]
      val sessions = Seq(spark, spark.newSession(), copy)
      val sums = sessions.map(_.sql("select sum(count) from global_temp.counts").head().getLong(0))
      val keeper = df.queryExecution.withCachedData.collectFirst {
        case relation: InMemoryRelation => relation.cacheBuilder.getClass.getName
      }
      s"${sums.mkString(" ")} ${keeper.get}"
    } finally {
      spark.stop()
      SparkSession.clearActiveSession()
      SparkSession.clearDefaultSession()
    }
  }
}
