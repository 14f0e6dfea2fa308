// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness._
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/**
 * Executors whose environment has other directories than the driver's: each keeps its entries in its
 * own, whatever the driver's would be, which here cannot be used at all.
 */
class OwnDirectoriesSuite extends AnyFunSuite with TestDirectories {
  private val Seq(one, other) = StandaloneCluster.Hosts

  /** Without the directory for caches: then the home counts. */
  private val NoCaches = "spark.executorEnv.XDG_CACHE_HOME="

  private val Arrangements = Map(
    "caches" -> Seq.empty[String],
    "home" -> Seq(NoCaches),
    "tilde" -> Seq("spark.diskcache.dir=~/kept"),
    "nowhere" -> Seq(NoCaches, "spark.executorEnv.HOME=/dev/null"),
    "plain" -> Seq("spark.diskcache.enabled=false"),
    "one" -> Seq("spark.diskcache.dir=~/disk"))

  private def home(host: String): Path = directory(s"home-$host")

  private lazy val input: String = {
    val path = directory("input").resolve("t").toString
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.diskcache.enabled", "false")
      .getOrCreate()
    try spark.range(0, 1000, 1, 4).selectExpr("id", "id % 10 as k").write.parquet(path)
    finally spark.stop()
    path
  }

  private lazy val cluster: StandaloneCluster = {
    Files.createDirectory(home(one).resolve("disk"))
    Files.createFile(home(other).resolve("disk"))
    new StandaloneCluster(
      directory("cluster"),
      variables = StandaloneCluster.Hosts.map { host =>
        host -> Map("HOME" -> home(host).toString, "XDG_CACHE_HOME" -> directory(s"caches-$host").toString)
      }.toMap)
  }

  override protected def afterAll(): Unit =
    try cluster.close()
    finally super.afterAll()

  /** What applications of an arrangement, one after the other, have found, and the driver's log. */
  private def run(name: String, applications: Int): (Seq[JsonNode], String) = {
    val common = Seq(
      s"spark.master=${cluster.url}",
      s"spark.jars=${NewJvm.jar}",
      "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
      s"spark.executor.extraClassPath=${NewJvm.testClasses}",
      "spark.executor.memory=512m",
      "spark.executor.defaultJavaOptions=-XX:TieredStopAtLevel=1",
      "spark.diskcache.inputs.settle=0s")
    val result = directory("results").resolve(s"$name.json")
    val numbers = (1 to applications).map(_.toString)
    val finished = NewJvm.run(
      HostsApp.getClass.getName.stripSuffix("$"),
      Seq(input, result.toString) ++
        numbers.map(n => (n +: (common ++ Arrangements(name))).mkString(";")),
      withCache = true,
      directory("logs").resolve(s"$name.log"),
      environment = Map("HOME" -> "/dev/null", "XDG_CACHE_HOME" -> ""))
    assert(finished.exit == 0, s"the driver failed:\n${finished.output.takeRight(6000)}")
    val found = new ObjectMapper().readTree(Files.readString(result))
    (numbers.map(n => found.get(n)), finished.output)
  }

  private lazy val rows: JsonNode = run("plain", 1)._1.head.get("rows")

  private def entries(dir: Path): Int = {
    val files = Files.walk(dir)
    try files.iterator().asScala.count(_.toString.endsWith(".arrow"))
    finally files.close()
  }

  private def words(node: JsonNode): Seq[String] = node.elements().asScala.map(_.asText).toSeq

  private val Places = Map[String, String => Path](
    "caches" -> (host => directory(s"caches-$host").resolve("spark-diskcache")),
    "home" -> (host => home(host).resolve(".cache/spark-diskcache")),
    "tilde" -> (host => home(host).resolve("kept")))

  Places.foreach { case (name, place) =>
    test(s"both hosts keep and serve: $name") {
      val (Seq(first, second), _) = run(name, 2): @unchecked
      assert(first.get("computed").asInt == 8 && first.get("hits").asInt == 0)
      // What a run has published its hosts tell the driver within seconds.
      assert(words(first.get("status")).head == "HIT")
      assert(words(second.get("status")) == Seq("HIT", "HIT"))
      assert(second.get("computed").asInt == 0 && second.get("hits").asInt == 8)
      assert(words(second.get("readers")) == StandaloneCluster.Hosts.sorted)
      assert(second.get("rows") == rows && first.get("rows") == rows && rows.get(0).size == 500)
      assert(first.get("hostsWithoutStore").isEmpty)
      val held = StandaloneCluster.Hosts.map(host => entries(place(host)))
      assert(held.forall(_ > 0) && held.sum == 8, held)
    }
  }

  private def warnings(log: String, text: String): Int =
    log.linesIterator.count(line => line.contains(" WARN ") && line.contains(text))

  test("without a writable home all is computed, and the driver says why for each host") {
    val (applications, log) = run("nowhere", 1)
    applications.foreach { application =>
      assert(application.get("computed").asInt == 8 && application.get("hits").asInt == 0)
      assert(application.get("rows") == rows)
      StandaloneCluster.Hosts.foreach { host =>
        val reason = application.get("hostsWithoutStore").get(host).asText
        assert(reason.contains("/dev/null/.cache/spark-diskcache"))
      }
    }
    StandaloneCluster.Hosts.foreach { host =>
      assert(warnings(log, s"on host $host: Cannot use cache directory '/dev/null/") == 1)
    }
  }

  test("one of two hosts without a disk: the other one keeps and serves") {
    val (Seq(first, second), log) = run("one", 2): @unchecked
    assert(first.get("computed").asInt == 8)
    Seq(first, second).foreach { application =>
      assert(application.get("rows") == rows)
      val without = application.get("hostsWithoutStore").properties().asScala.map(_.getKey).toSeq
      assert(without == Seq(other))
      assert(application.get("hostsWithoutStore").get(other).asText.contains("it is a file"))
    }
    assert(entries(home(one).resolve("disk")) > 0)
    assert(second.get("hits").asInt > 0)
    assert(words(second.get("readers")).contains(one))
    assert(warnings(log, s"on host $other: Cannot use cache directory") == 2, "one an application")
  }
}
