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
 * own, whatever the driver's would be, which here cannot be used at all. Two arrangements and the
 * default one by default; `-Ddiskcache.directories=all` tries every one.
 */
class OwnDirectoriesSuite extends AnyFunSuite with TestDirectories {
  private val Seq(one, other) = StandaloneCluster.Hosts

  /** Without the directory for caches: then the home counts. */
  private val NoCaches = "spark.executorEnv.XDG_CACHE_HOME="

  /** Each with the number of its applications, in this order. */
  private val Arrangements = ("caches", 2, Seq.empty[String]) +: Sample.of("diskcache.directories", 2, Seq(
    ("zone", 1, Seq("spark.executor.extraJavaOptions=-Duser.timezone=Asia/Tokyo")),
    ("home", 2, Seq(NoCaches)),
    ("tilde", 2, Seq("spark.diskcache.dir=~/kept")),
    ("nowhere", 1, Seq(NoCaches, "spark.executorEnv.HOME=/dev/null")),
    ("one", 2, Seq("spark.diskcache.dir=~/disk"))))(_._1)

  private def home(host: String): Path = directory(s"home-$host")

  /** Written by plain Spark, which also tells the rows of the applications. */
  private lazy val (input: String, rows: JsonNode) = {
    val path = directory("input").resolve("t").toString
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.diskcache.enabled", "false")
      .getOrCreate()
    try {
      spark.range(0, 1000, 1, 4).selectExpr("id", "id % 10 as k").write.parquet(path)
      val rows = HostsApp.relations(spark, path).map(ExactRows.of(_).asJava).asJava
      (path, new ObjectMapper().valueToTree[JsonNode](rows))
    } finally spark.stop()
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

  /** The figures of the applications, one after the other in one driver, and its log. */
  private lazy val (found: JsonNode, log: String) = {
    val common = Seq(
      s"spark.master=${cluster.url}",
      s"spark.jars=${NewJvm.jar}",
      "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
      s"spark.executor.extraClassPath=${NewJvm.testClasses}",
      "spark.executor.memory=512m",
      "spark.executor.defaultJavaOptions=-XX:TieredStopAtLevel=1",
      "spark.diskcache.inputs.settle=0s")
    val applications = for {
      (name, number, settings) <- Arrangements
      n <- 1 to number
    } yield (s"$name-$n" +: (common ++ settings)).mkString(";")
    val result = directory("results").resolve("all.json")
    try {
      val finished = NewJvm.run(
        HostsApp.getClass.getName.stripSuffix("$"),
        Seq(input, result.toString) ++ applications,
        withCache = true,
        directory("logs").resolve("driver.log"),
        environment = Map("HOME" -> "/dev/null", "XDG_CACHE_HOME" -> ""))
      assert(finished.exit == 0, s"the driver failed:\n${finished.output.takeRight(6000)}")
      (new ObjectMapper().readTree(Files.readString(result)), finished.output)
    } finally cluster.close()
  }

  private def run(name: String): Seq[JsonNode] =
    Arrangements.collectFirst { case (`name`, number, _) => (1 to number).map(n => found.get(s"$name-$n")) }.get

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

  /** A test of one arrangement, if the build tries it. */
  private def sampled(arrangement: String, name: String)(body: => Unit): Unit =
    if (Arrangements.exists(_._1 == arrangement)) test(name)(body)

  Places.foreach { case (name, place) =>
    sampled(name, s"both hosts keep and serve: $name") {
      val Seq(first, second) = run(name): @unchecked
      assert(first.get("computed").asInt == 8 && first.get("hits").asInt == 0)
      // Hosts tell the driver within seconds of the entries that a run has published.
      assert(words(first.get("status")).head == "HIT")
      assert(words(second.get("status")) == Seq("HIT", "HIT"))
      assert(second.get("computed").asInt == 0 && second.get("hits").asInt == 8)
      assert(words(second.get("readers")) == StandaloneCluster.Hosts.sorted)
      assert(second.get("rows") == rows && first.get("rows") == rows && rows.get(0).size == 500)
      assert(first.get("hostsWithoutStore").isEmpty && first.get("withheld").isEmpty)
      assert(words(first.get("outcomes")).head == "computed 4 partitions; all kept")
      val held = StandaloneCluster.Hosts.map(host => entries(place(host)))
      assert(held.forall(_ > 0) && held.sum == 8, held)
    }
  }

  private def warnings(text: String): Int =
    log.linesIterator.count(line => line.contains(" WARN ") && line.contains(text))

  sampled("nowhere", "without a writable home all is computed, and the driver says why for each host") {
    run("nowhere").foreach { application =>
      assert(application.get("computed").asInt == 8 && application.get("hits").asInt == 0)
      assert(application.get("rows") == rows)
      assert(application.get("withheld").toString == """{"STORE":8}""")
      assert(words(application.get("outcomes")) == Seq.fill(2)("computed 4 partitions; not kept: 4 STORE"))
      StandaloneCluster.Hosts.foreach { host =>
        val reason = application.get("hostsWithoutStore").get(host).asText
        assert(reason.contains("/dev/null/.cache/spark-diskcache"))
      }
    }
    StandaloneCluster.Hosts.foreach { host =>
      assert(warnings(s"on host $host: Cannot use cache directory '/dev/null/") == 1)
    }
  }

  sampled("zone", "executors in another time zone are served nothing and keep nothing, and the driver says why") {
    val Seq(application) = run("zone"): @unchecked // in directories that hold the rows of a driver's key
    assert(application.get("computed").asInt == 8 && application.get("hits").asInt == 0)
    assert(application.get("rows") == rows)
    assert(application.get("withheld").toString == """{"ENVIRONMENT":8}""")
    assert(words(application.get("outcomes")) == Seq.fill(2)("computed 4 partitions; not kept: 4 ENVIRONMENT"))
    StandaloneCluster.Hosts.foreach { host =>
      assert(application.get("hostsWithoutStore").get(host).asText.contains("its timezone is 'Asia/Tokyo'"))
      assert(warnings(s"on host $host: its timezone is 'Asia/Tokyo' and the driver's is 'UTC'") == 1)
    }
  }

  sampled("one", "one of two hosts without a disk: the other one keeps and serves") {
    val Seq(first, second) = run("one"): @unchecked
    assert(first.get("computed").asInt == 8)
    Seq(first, second).foreach { application =>
      assert(application.get("rows") == rows)
      val without = application.get("hostsWithoutStore").properties().asScala.map(_.getKey).toSeq
      assert(without == Seq(other))
      assert(application.get("hostsWithoutStore").get(other).asText.contains("it is a file"))
    }
    assert(first.get("withheld").properties().asScala.map(_.getKey).toSeq == Seq("STORE"))
    assert(entries(home(one).resolve("disk")) > 0)
    assert(second.get("hits").asInt > 0)
    assert(words(second.get("readers")).contains(one))
    val file = home(other).resolve("disk")
    assert(warnings(s"on host $other: Cannot use cache directory '$file'") == 2, "one an application")
  }
}
