// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.lang.reflect.{InvocationHandler, Proxy}
import java.net.URLClassLoader
import java.nio.file.{Files, Path}

import org.apache.spark.sql.SparkSession

/** TPC-DS: Spark's own queries over tables without files, for plans only. */
object TpcdsTables {
  val queries: Seq[(String, String)] =
    SparkTestFiles.names("tpcds").map(file => file.stripSuffix(".sql") -> SparkTestFiles.read(s"tpcds/$file"))

  def emptyViews(spark: SparkSession, dir: Path): Unit = {
    val empty = Files.createDirectories(dir.resolve("no-files")).toString
    columns.foreach { case (table, ddl) =>
      // Files have no type of bounded length.
      val schema = ddl.replaceAll("(?i)\\b(var)?char\\(\\d+\\)", "string")
      spark.read.schema(schema).parquet(empty).createOrReplaceTempView(table)
    }
  }

  /** Columns by table, from a trait of Spark's tests: its initializer hands them to a setter. */
  private lazy val columns: Map[String, String] = {
    val loader = new URLClassLoader(Array(SparkTestFiles.root.toUri.toURL), getClass.getClassLoader)
    try {
      val schema = loader.loadClass("org.apache.spark.sql.TPCDSSchema")
      var taken = Map.empty[String, String]
      val taker: InvocationHandler = (_, method, arguments) => {
        if (method.getName.endsWith("$tableColumns_$eq")) taken = arguments(0).asInstanceOf[Map[String, String]]
        null
      }
      schema.getMethod("$init$", schema).invoke(null, Proxy.newProxyInstance(loader, Array(schema), taker))
      taken
    } finally loader.close()
  }
}
