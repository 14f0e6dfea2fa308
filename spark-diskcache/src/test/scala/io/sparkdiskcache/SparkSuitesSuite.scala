// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness._
import org.scalatest.funsuite.AnyFunSuite

/** A sample of the suites of Spark's own that cache, with the cache inside; `bin/spark-suites` runs all. */
class SparkSuitesSuite extends AnyFunSuite with TestDirectories {
  /** Tests by a part of their names, of each suite. */
  private val Sample = Seq(
    "org.apache.spark.sql.DatasetCacheSuite" -> Seq("get storage level", "persist and then groupBy columns asKey"),
    "org.apache.spark.sql.CachedTableSuite" -> Seq(
      "SPARK-19993 subquery",
      "SPARK-36120",
      "SPARK-52692",
      "CACHE TABLE tableName AS",
      "uncaching temp table"))

  private def jars: Seq[String] = {
    val files = Files.list(Path.of(System.getProperty("diskcache.sparkSuites")))
    try files.iterator().asScala.map(_.toString).toList
    finally files.close()
  }

  /** Tests that are known to end otherwise, see docs/verification.md. */
  private def argued: Seq[String] =
    Files.readAllLines(Path.of("../spark-suites/differences.txt")).asScala.toSeq.filterNot(_.startsWith("#"))

  test("Spark's own tests of cached tables and datasets pass with the cache inside") {
    val cache = directory("cache")
    val finished = NewJvm.run(
      "org.scalatest.tools.Runner",
      "-oNCXEHLOPQRM" +: Sample.flatMap { case (suite, tests) => Seq("-s", suite) ++ tests.flatMap(Seq("-z", _)) },
      withCache = true,
      directory("logs").resolve("suites.log"),
      properties = Map(
        "spark.testing" -> "1",
        "spark.test.home" -> directory("home").toString,
        "java.io.tmpdir" -> directory("tmp").toString,
        "spark.ui.enabled" -> "false",
        "spark.driver.host" -> "127.0.0.1",
        "spark.plugins" -> "io.sparkdiskcache.DiskCachePlugin",
        "spark.diskcache.inputs.settle" -> "0s",
        "spark.diskcache.dir" -> cache.toString),
      classPath = jars,
      jvmOptions = Seq("-Xss16m", "-Xmx2g"))
    val failed = finished.output.linesIterator.filter(_.contains("*** FAILED ***"))
      .map(_.replaceFirst("\\x1b\\[[0-9;]*m", "").trim.stripPrefix("- ").replaceFirst(" \\*\\*\\* FAILED.*", "")).toSeq
    assert(failed.filterNot(test => argued.exists(_.endsWith(s": $test"))) == Nil, finished.output.takeRight(6000))
    val ran = "Tests: succeeded (\\d+)".r.findFirstMatchIn(finished.output).map(_.group(1).toInt)
    assert(ran.exists(_ >= 7), finished.output.takeRight(6000))
    val entries = Files.walk(cache)
    try assert(entries.iterator().asScala.exists(_.toString.endsWith(".arrow")), "the cache took part")
    finally entries.close()
  }
}
