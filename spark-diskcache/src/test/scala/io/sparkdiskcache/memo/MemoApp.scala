// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo

import java.nio.file.{Files, Path}

import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.functions.{col, concat, count, length, lit, sum}
import org.apache.spark.sql.types.DataTypes

/**
 * An application that asks the service for every row. Arguments: cache directory, result file,
 * address of the service, rows, distinct arguments, a selector to evict first or the empty string.
 */
object MemoApp {
  def main(args: Array[String]): Unit = {
    val Array(cache, result, url, rows, distinct, selector) = args
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.diskcache.dir", cache)
      .getOrCreate()
    try {
      val disk = DiskCache.of(spark)
      if (selector.nonEmpty) disk.evict(selector)
      val ask = disk.memoize(
        new Remote(url),
        DataTypes.StringType,
        MemoOptions.defaults().withName("ask").withPrice(0.25))
      val row = spark
        .range(0, rows.toLong, 1, 8)
        .select(ask(concat(lit("k"), (col("id") % distinct.toLong).cast("string"))).as("answer"))
        .agg(count("answer"), sum(length(col("answer"))))
        .head()
      Files.writeString(Path.of(result), row.mkString(","))
    } finally {
      spark.stop()
    }
  }
}
