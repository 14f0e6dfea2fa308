// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}

import com.fasterxml.jackson.databind.ObjectMapper
import org.apache.spark.sql.SparkSession

/**
 * One application: caches every query of [[Queries]], reads each twice, and writes rows and figures
 * of the scheduler as JSON. Uses nothing of this project but what is on the class path by itself.
 *
 * Arguments: input directory, result file, then `key=value` settings. The system property `queries`
 * names those to run, separated by semicolons; all if it is not set.
 */
object QueryApp {
  def main(args: Array[String]): Unit = {
    val input = Path.of(args(0))
    val result = Path.of(args(1))
    val builder = SparkSession
      .builder()
      .appName("queries")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "4")
    args.drop(2).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    var returned = 0
    val computedBy = new JLinkedHashMap[String, Long]()
    try {
      val only = System.getProperty("queries", "").split(";").toSet - ""
      Queries.all.filter(query => only.isEmpty || only(query.name)).foreach { query =>
        val outcome = new JLinkedHashMap[String, Any]()
        val df = query.relation(spark, input).cache()
        val before = computed()
        // collect() has no exchange of its own: what map tasks run belong to the relation.
        val (rows, reading) = StageFigures.of(spark.sparkContext)(ExactRows.of(df))
        outcome.put("rows", new JArrayList(scala.jdk.javaapi.CollectionConverters.asJava(rows)))
        if (computed() > before) {
          computedBy.put(query.name, computed() - before)
        }
        outcome.put("count", df.count())
        outcome.put("mapTasks", reading.mapTasks)
        outcome.put("stagesRun", reading.stagesRun)
        returned += reading.returned
        outcome.put("localities", scala.jdk.javaapi.CollectionConverters.asJava(reading.localities))
        results.put(query.name, outcome)
      }
      results.put("computedBy", computedBy)
      results.put("returned", returned)
      stats().foreach { case (name, value) => results.put(name, value) }
    } finally {
      spark.stop()
    }
    Files.writeString(result, new ObjectMapper().writeValueAsString(results))
  }

  private def computed(): Long =
    stats().collectFirst { case ("computed", n: Long) => n }.getOrElse(0L)

  /** The cache's own figures, if it is there. */
  private def stats(): Seq[(String, Any)] =
    if (getClass.getClassLoader.getResource("io/sparkdiskcache/DiskCache.class") == null) {
      Nil
    } else {
      val stats = io.sparkdiskcache.DiskCache.of(SparkSession.active).stats()
      Seq(
        "hits" -> stats.hits,
        "computed" -> stats.computed,
        "stagesSkipped" -> stats.stagesSkipped,
        "fetched" -> stats.fetched,
        "fromPeers" -> stats.fromPeers,
        "remoteHits" -> stats.remote.hits,
        "remoteFailures" -> stats.remote.failures,
        "refused" -> stats.refused)
    }
}
