// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.SparkSession

/**
 * One application: caches a table and a result of a shuffle over it, and reads both.
 *
 * Arguments: Parquet input, result file, then `key=value` settings.
 */
object CompressionApp {
  def main(args: Array[String]): Unit = {
    val builder = SparkSession
      .builder()
      .appName("compression")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
    args.drop(2).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    try {
      val table = spark.read.parquet(args(0)).filter("id >= 0").cache()
      val groups = table.groupBy("word").agg(Map("id" -> "sum", "price" -> "max")).cache()
      results.put("rows", new JArrayList(ExactRows.of(table).asJava))
      results.put("some", new JArrayList(ExactRows.of(table.select("word", "id")).asJava))
      results.put("longest", table.selectExpr("max(text)").head().getString(0))
      results.put("groups", new JArrayList(ExactRows.of(groups).asJava))
      val stats = DiskCache.of(spark).stats()
      results.put("hits", stats.hits)
      results.put("computed", stats.computed)
    } finally {
      spark.stop()
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }
}
