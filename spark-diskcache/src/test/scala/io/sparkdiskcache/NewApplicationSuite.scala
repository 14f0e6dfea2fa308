// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{DrawnTests, NewJvm, Queries, QueryApp, Sample, TestDirectories}
import org.apache.spark.sql.SparkSession

/**
 * The promise, end to end: one application fills the cache, another JVM runs the same program and
 * reads what is there. Both use the packaged jar in a stock Spark. A build runs some of the
 * queries.
 */
class NewApplicationSuite extends DrawnTests with TestDirectories {
  override protected def property: String = "diskcache.applications"
  override protected def drawn: Int = 1
  private lazy val queries =
    if (Sample.whole("diskcache.applications")) Queries.all else Queries.sample

  private lazy val input: Path = {
    val dir = directory("input")
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.diskcache.enabled", "false")
      .getOrCreate()
    try Queries.writeInput(spark, dir)
    finally spark.stop()
    dir
  }

  private def application(
      name: String,
      withCache: Boolean,
      settings: Map[String, String]): JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val finished = NewJvm.run(
      QueryApp.getClass.getName.stripSuffix("$"),
      Seq(input.toString, result.toString) ++ settings.map { case (k, v) => s"$k=$v" },
      withCache,
      directory("logs").resolve(s"$name.log"),
      properties = Map("queries" -> queries.map(_.name).mkString(";")))
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(4000)}")
    new ObjectMapper().readTree(Files.readString(result))
  }

  /** Rows are a multiset, the same however a query is planned. */
  private lazy val plain =
    application("plain", withCache = false, Map("spark.master" -> "local[2]"))

  Seq(true, false).foreach { adaptive =>
    test(s"the next application reads what the first computed, adaptive execution $adaptive") {
      val cache = directory(s"cache-$adaptive")
      val common = Map(
        "spark.master" -> "local[2]",
        "spark.sql.adaptive.enabled" -> adaptive.toString,
        "spark.diskcache.inputs.settle" -> "0s",
        "spark.diskcache.dir" -> cache.toString)
      val first = application(s"first-$adaptive", withCache = true, common)
      // Another number of cores: what is stored must not depend on how chunks were packed.
      val second = application(
        s"second-$adaptive",
        withCache = true,
        common + ("spark.master" -> "local[3]"))

      assert(first.get("refused").toString == "{}", "every query of the list is accepted")
      assert(second.get("refused").toString == "{}")
      assert(first.get("computed").asLong > 0)
      queries.foreach { query =>
        withClue(s"query '${query.name}', adaptive $adaptive: ") {
          val Seq(truth, filled, read) = Seq(plain, first, second).map(_.get(query.name))
          assert(rows(filled) == rows(truth), "rows of the first application")
          assert(rows(read) == rows(truth), "rows of the second application")
          assert(read.get("count").asLong == truth.get("count").asLong)
          assert(read.get("mapTasks").asInt == 0, "map tasks of the second application")
          if (query.runBound && !query.name.startsWith("empty")) {
            assert(filled.get("mapTasks").asInt > 0, "map tasks of the first application")
          }
        }
      }
      assert(second.get("stagesSkipped").asLong > 0)
      assert(second.get("hits").asLong > 0)
      // How these are packed into partitions depends on the number of cores; all else is found.
      val computed = second.get("computedBy").properties().asScala.map(_.getKey).toSet
      assert(computed.subsetOf(Set("union", "range", "local table")))
    }
  }

  private def rows(outcome: JsonNode): Seq[String] =
    outcome.get("rows").elements().asScala.map(_.asText).toSeq
}
