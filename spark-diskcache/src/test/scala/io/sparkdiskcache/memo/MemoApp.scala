// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo

import java.nio.file.{Files, Path}

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.shim.SparkInternals
import org.apache.spark.SparkEnv
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.functions.{col, concat, count, length, lit, sum, udf}
import org.apache.spark.sql.types.DataTypes

/**
 * An application that asks the service for every row. Arguments: cache directory, result file,
 * address of the service, rows, distinct arguments, a selector to evict first or the empty string,
 * whether rows go to their homes. Prints `argument host` for each of them.
 */
object MemoApp {
  def main(args: Array[String]): Unit = {
    val Array(cache, result, url, rows, distinct, selector, homed) = args
    val spark = SparkSession
      .builder()
      .master(sys.props.getOrElse("spark.master", "local[2]"))
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
      val host = udf(() => SparkEnv.get.blockManager.blockManagerId.host).asNondeterministic()
      // A standalone cluster may start an application before all of its executors have come.
      val executors = sys.props.getOrElse("executors", "0").toInt
      while (SparkInternals.executors(spark.sparkContext).size() < executors) Thread.sleep(20)
      val input = spark
        .range(0, rows.toLong, 1, 8)
        .select(concat(lit("k"), (col("id") % distinct.toLong).cast("string")).as("k"))
      val answers =
        if (homed.toBoolean) disk.memoApply(input, "answer", ask, col("k"))
        else input.withColumn("answer", ask(col("k")))
      val perHost = answers
        .groupBy(col("k"), host().as("host"))
        .agg(count("answer").as("n"), sum(length(col("answer"))).as("chars"))
        .collect()
      perHost.map(r => s"${r.getString(0)} ${r.getString(1)}").sorted.foreach(println)
      val row = Seq(perHost.map(_.getLong(2)).sum, perHost.map(_.getLong(3)).sum)
      Files.writeString(Path.of(result), row.mkString(","))
    } finally {
      spark.stop()
    }
  }
}
