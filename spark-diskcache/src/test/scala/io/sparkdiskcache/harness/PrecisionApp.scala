// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.{CacheOptions, DiskCache}
import org.apache.spark.sql.SparkSession

/**
 * One application: persists a table of embeddings as float16 and reads it.
 *
 * Arguments: Parquet input, result file, then `key=value` settings.
 */
object PrecisionApp {
  def main(args: Array[String]): Unit = {
    val builder = SparkSession
      .builder()
      .appName("precision")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
    args.drop(2).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    try {
      val cache = DiskCache.of(spark)
      val table = spark.read.parquet(args(0)).filter("id >= 0")
      val kept = cache.persist(
        table,
        CacheOptions
          .precision(Map("embedding" -> "float16", "price" -> "float32").asJava)
          .withMaxAbsoluteError(0.01))
      results.put("rows", new JArrayList(ExactRows.of(kept).asJava))
      results.put("explain", cache.explain(kept).toString)
      results.put("hits", cache.stats().hits)
      results.put("computed", cache.stats().computed)
    } finally {
      spark.stop()
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }
}
