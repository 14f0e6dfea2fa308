// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.catalyst.plans.logical._

/** Files of Spark's own tests, which the build unpacks. */
object SparkTestFiles {
  val root: Path = Path.of(System.getProperty("diskcache.sparkTests", "target/spark-sql-tests")).toAbsolutePath
  require(Files.isDirectory(root), s"the build has not unpacked Spark's test files into $root")

  /** Names of the SQL files of a directory, sorted. */
  def names(directory: String): Seq[String] = {
    val files = Files.list(root.resolve(directory))
    try files.iterator().asScala.map(_.getFileName.toString).filter(_.endsWith(".sql")).toSeq.sorted
    finally files.close()
  }

  def read(file: String): String = Files.readString(root.resolve(file))

  /** The `--SET` lines of an input of `SQLQueryTestSuite`. */
  def settings(name: String): Seq[(String, String)] =
    read(s"sql-tests/inputs/$name").linesIterator.filter(_.startsWith("--SET ")).flatMap { line =>
      line.stripPrefix("--SET ").split(",").map { setting =>
        val Array(key, value) = setting.split("=", 2)
        key.trim -> value.trim
      }
    }.toSeq

  /** Whether rows have an order that is part of the result, as `SQLQueryTestSuite` sees it. */
  def isSorted(plan: LogicalPlan): Boolean = plan match {
    case _: Join | _: Aggregate | _: Generate | _: Sample | _: Distinct => false
    case Sort(_, true, _, _) => true
    case other => other.children.iterator.exists(isSorted)
  }
}
