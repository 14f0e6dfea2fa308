// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}
import java.util.concurrent.Executors

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.SparkSession

/**
 * One application: caches relations of [[GatedRelations]], reads all of them at the same time, and
 * writes their rows and the cache's counters as JSON.
 *
 * Arguments: input directory, result file, names of relations with commas between, then `key=value`
 * settings.
 */
object GatedApp {
  def main(args: Array[String]): Unit = {
    val input = Path.of(args(0))
    val names = args(2).split(",").toSeq
    val builder = SparkSession.builder().appName("gated").config("spark.ui.enabled", "false")
    args.drop(3).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    val threads = Executors.newFixedThreadPool(names.size)
    try {
      val rows = names.map { name =>
        threads.submit(() => ExactRows.of(GatedRelations.relation(spark, input, name).cache()))
      }
      names.zip(rows).foreach { case (name, of) =>
        results.put(name, new JArrayList(of.get().asJava))
      }
      val stats = DiskCache.of(spark).stats()
      results.put("hits", stats.hits)
      results.put("computed", stats.computed)
    } finally {
      threads.shutdownNow()
      spark.stop()
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }
}
