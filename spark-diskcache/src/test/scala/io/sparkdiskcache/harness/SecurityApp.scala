// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.sql.DriverManager

import scala.jdk.CollectionConverters._
import scala.util.Try

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.SparkSession

/**
 * An application with the packaged jar that caches a relation and then tries to read the index as any
 * user of SQL could. Written as JSON is what came of it.
 *
 * Arguments: result file, then `key=value` settings.
 */
object SecurityApp {
  def main(args: Array[String]): Unit = {
    val builder = SparkSession.builder().master("local[1]").appName("security")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
    val settings = args.drop(1).map { setting =>
      val Array(key, value) = setting.split("=", 2)
      key -> value
    }.toMap
    settings.foreach { case (key, value) => builder.config(key, value) }
    val spark = builder.getOrCreate()
    val found =
      try {
        spark.range(100).selectExpr("id * 2 as twice").cache().count()
        val index = Path.of(settings("spark.diskcache.dir"), "index.db")
        require(Files.exists(index))
        val url = s"jdbc:sqlite:$index"
        def read(options: (String, String)*): String =
          Try(
            spark.read.format("jdbc").option("url", url).option("dbtable", "entries")
              .options(options.toMap).load().count()).fold(e => s"refused: $e", n => s"read $n rows")
        def sql(options: String): String =
          Try {
            spark.sql(s"CREATE OR REPLACE TEMPORARY VIEW v USING jdbc OPTIONS (url '$url', dbtable 'entries'$options)")
            spark.sql("SELECT * FROM v").count()
          }.fold(e => s"refused: $e", n => s"read $n rows")
        Map(
          "computed" -> DiskCache.of(spark).stats().computed.toString,
          "url" -> read(),
          "driver" -> read("driver" -> "org.sqlite.JDBC"),
          "sql" -> sql(""),
          "sql with driver" -> sql(", driver 'org.sqlite.JDBC'"),
          "drivers" -> DriverManager.getDrivers.asScala.map(_.getClass.getName).mkString(","))
      } finally {
        spark.stop()
      }
    Files.writeString(Path.of(args(0)), new ObjectMapper().writeValueAsString(found.asJava))
  }
}
