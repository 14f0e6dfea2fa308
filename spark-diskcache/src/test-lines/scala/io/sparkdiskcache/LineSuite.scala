// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{LineApp, NewJvm, StartApp, TestDirectories}
import org.scalatest.funsuite.AnyFunSuite

/**
 * The promise on each line of Spark that there is an artifact for: one application fills, the next
 * JVM finds everything, and every consumer of every relation has the rows of plain Spark. All suites
 * show that of 4.2, so there it takes `-Ddiskcache.lines=all`.
 */
class LineSuite extends AnyFunSuite with TestDirectories {
  private val line = System.getProperty("diskcache.line")
  private val isShownByAll = line == "4.2" && System.getProperty("diskcache.lines") != "all"

  private def application(name: String, withCache: Boolean, settings: String*): JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val finished = NewJvm.run(
      LineApp.getClass.getName.stripSuffix("$"),
      Seq(directory("work").toString, result.toString) ++ settings,
      withCache,
      directory("logs").resolve(s"$name.log"),
      jvmOptions = Seq("-Xmx2g"))
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(6000)}")
    new ObjectMapper().readTree(Files.readString(result))
  }

  private def fields(node: JsonNode): Seq[(String, JsonNode)] =
    node.properties().asScala.toSeq.map(entry => entry.getKey -> entry.getValue)

  private val rounds = Seq("adaptive true", "adaptive false")

  /** How the relations stand, after all rows of the round were those of plain Spark. */
  private def statusesBesideRows(cached: JsonNode, round: String): Seq[(String, JsonNode)] = {
    val (statuses, rows) = fields(cached.get(round)).partition(_._1.startsWith("status "))
    assert(rows.map(_._1) == fields(plain.get(round)).map(_._1).filterNot(_.startsWith("status ")))
    rows.foreach { case (name, found) => assert(found == plain.get(round).get(name), s"$round, $name") }
    statuses
  }

  private lazy val plain = application("plain", withCache = false, "input=true")

  private val settings = Seq(
    "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
    s"spark.diskcache.dir=${directory("cache")}",
    "spark.diskcache.inputs.settle=0s")

  test("the next application finds everything, and every consumer has the rows of plain Spark") {
    assume(!isShownByAll, "by the other suites")
    assert(plain.size() > 0, "it also writes the input")
    val first = application("first", withCache = true, settings: _*)
    val second = application("second", withCache = true, settings: _*)
    Seq(first, second).foreach { cached =>
      assert(cached.get("refused").toString == "{}")
      rounds.foreach { round =>
        val statuses = statusesBesideRows(cached, round)
        assert(statuses.size >= 5)
        statuses.foreach { case (name, found) => assert(found.toString == "[\"HIT\"]", s"$round, $name") }
      }
    }
    val round = plain.get("adaptive false")
    assert(round.get("scan sorted").size() > 1900 && round.get("scan grouped").size() == 50)
    assert(round.get("broadcast plan").asBoolean && round.get("scan plan").asBoolean)
    assert(first.get("computed").asLong > 0)
    assert(second.get("computed").asLong == 0, second.get("withheld"))
    assert(second.get("hits").asLong >= 6)
    assert(first.get("memoCalls").asLong == 50)
    assert(second.get("memoCalls").asLong == 50 && second.get("memoHits").asLong > first.get("memoHits").asLong)
  }

  test("what is planned for a single task is left to Spark") {
    assume(line == "4.3", "Spark has it since 4.3")
    assert(plain.size() > 0, "it also writes the input")
    val single = application(
      "single",
      withCache = true,
      settings :+ "spark.sql.optimizer.singleTaskExecution.enabled=true": _*)
    rounds.foreach { round =>
      val statuses = statusesBesideRows(single, round)
      assert(statuses.exists(_._2.toString == "[\"REFUSED\"]"), statuses)
    }
    assert(single.get("refused").toString != "{}")
  }

  test("on another line the artifact is plain Spark, and one line says so") {
    val version = Map("4.0" -> "4.1.3", "4.1" -> "4.0.4", "4.2" -> "4.1.3", "4.3" -> "4.2.1")(line)
    val claim = directory("claim")
    Files.writeString(
      claim.resolve("spark-version-info.properties"),
      s"version=$version\nuser=\nrevision=\nbranch=\ndate=\nurl=\n")
    val result = directory("results").resolve("other")
    val finished = NewJvm.run(
      StartApp.getClass.getName.stripSuffix("$"),
      Seq(
        result.toString,
        s"spark.diskcache.dir=${directory("other")};spark.plugins=io.sparkdiskcache.DiskCachePlugin" +
          ";spark.sql.extensions=io.sparkdiskcache.DiskCacheExtensions"),
      withCache = true,
      directory("logs").resolve("other.log"),
      classPath = Seq(claim.toString))
    assert(finished.exit == 0, finished.output.takeRight(6000))
    assert(
      Files.readString(result).trim == "1000 1000 1000 org.apache.spark.sql.execution.columnar.CachedRDDBuilder")
    val said = finished.output.linesIterator.filter(_.toLowerCase.contains("diskcache"))
      .filter(text => text.contains(" WARN ") || text.contains(" ERROR ") || text.startsWith("\tat ")).toSeq
    assert(said.size == 1, said)
    assert(said.head.endsWith(s"built for Spark $line, found $version; nothing is cached by spark-diskcache"))
    assert(Files.list(directory("other")).findAny().isEmpty)
  }
}
