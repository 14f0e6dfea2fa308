// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness._
import org.apache.spark.sql.SparkSession

/**
 * Two hosts with a cache directory each, and a driver that holds nothing. The next application
 * reads the entries of the one before where they lie.
 *
 * A build runs some of the queries, and only the application whose directories are swapped of the three
 * that find everything.
 */
class ClusterSuite extends DrawnTests with TestDirectories {
  override protected def property: String = "diskcache.cluster"
  override protected def drawn: Int = 1
  private val everything = Sample.whole("diskcache.cluster")

  private lazy val queries = if (everything) Queries.all else Queries.sample

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

  private def application(name: String, withCache: Boolean, settings: Map[String, String]): JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val finished = NewJvm.run(
      QueryApp.getClass.getName.stripSuffix("$"),
      Seq(input.toString, result.toString) ++ settings.map { case (k, v) => s"$k=$v" },
      withCache,
      directory("logs").resolve(s"$name.log"),
      properties = Map("queries" -> queries.map(_.name).mkString(";")))
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(6000)}")
    new ObjectMapper().readTree(Files.readString(result))
  }

  private lazy val plain =
    application("plain", withCache = false, Map("spark.master" -> "local[2]"))

  /** The settings that master and workers must be told too. */
  private val Secured = Seq("spark.authenticate", "spark.network.crypto.")

  /** One application on a cluster of its own, over these directories. */
  private def onCluster(name: String, caches: Map[String, Path], settings: (String, String)*): JsonNode = {
    val cluster = new StandaloneCluster(
      directory(s"cluster-$name"),
      caches = caches,
      settings = settings.toMap.filter { case (key, _) => Secured.exists(prefix => key.startsWith(prefix)) })
    try
      application(
        name,
        withCache = true,
        Map(
          "spark.master" -> cluster.url,
          "spark.jars" -> NewJvm.jar.toString,
          "spark.plugins" -> "io.sparkdiskcache.DiskCachePlugin",
          "spark.executor.extraClassPath" -> NewJvm.testClasses,
          "spark.executor.memory" -> "512m",
          "spark.diskcache.inputs.settle" -> "0s",
          "spark.diskcache.driver.dir" -> directory("driver").toString,
          "spark.diskcache.dir" -> directory(s"driver-$name").toString) ++ settings)
    finally cluster.close()
  }

  private def hosts(name: String): Map[String, Path] =
    StandaloneCluster.Hosts.map(host => host -> directory(s"$name-$host")).toMap

  private def files(cache: Path): Int = {
    val all = Files.walk(cache)
    try all.iterator().asScala.count(_.toString.endsWith(".arrow"))
    finally all.close()
  }

  private def damageEverySecondFile(cache: Path): Int = {
    val all = Files.walk(cache)
    val entries =
      try all.iterator().asScala.filter(_.toString.endsWith(".arrow")).toSeq.sorted
      finally all.close()
    val chosen = entries.zipWithIndex.collect { case (file, i) if i % 2 == 0 => file }
    chosen.foreach { file =>
      val bytes = Files.readAllBytes(file)
      bytes(bytes.length / 2) = (bytes(bytes.length / 2) ^ 1).toByte
      Files.write(file, bytes)
    }
    chosen.size
  }

  private def sameRows(application: JsonNode): Unit =
    queries.foreach { query =>
      withClue(s"query '${query.name}': ") {
        assert(rows(application.get(query.name)) == rows(plain.get(query.name)))
        assert(application.get(query.name).get("count") == plain.get(query.name).get("count"))
      }
    }

  private def rows(outcome: JsonNode): Seq[String] =
    outcome.get("rows").elements().asScala.map(_.asText).toSeq

  /** Made by how many cores there are, and these differ with the executors that have come. */
  private val Packed = Set("union", "range", "local table")

  private def readsWhatIsThere(application: JsonNode): Unit = {
    val computed = application.get("computedBy").properties().asScala.map(_.getKey).toSet
    assert(computed.subsetOf(Packed), "queries that were computed")
    queries.filterNot(query => Packed(query.name)).foreach { query =>
      withClue(s"query '${query.name}': ") {
        val outcome = application.get(query.name)
        assert(outcome.get("mapTasks").asInt == 0, "map tasks")
        val localities = outcome.get("localities").properties().asScala.map(_.getKey).toSet
        assert(localities.subsetOf(Set("PROCESS_LOCAL", "NODE_LOCAL")), "localities")
      }
    }
    assert(application.get("hits").asLong > 0)
  }

  test("the next application reads where the rows are, and so it does when directories are swapped") {
    val caches = hosts("both")
    val first = onCluster("first", caches)
    assert(first.get("refused").toString == "{}")
    assert(first.get("computed").asLong > 0)
    assert(queries.size >= 6 && queries.exists(query => first.get(query.name).get("mapTasks").asInt > 0))
    sameRows(first)
    caches.values.foreach(cache => assert(files(cache) > 0, s"entries in $cache"))

    val Seq(one, other) = StandaloneCluster.Hosts
    val swapped = onCluster("swapped", Map(one -> caches(other), other -> caches(one)))
    sameRows(swapped)
    readsWhatIsThere(swapped)
    assert(swapped.get("stagesSkipped").asLong > 0)

    if (everything) {
      val second = onCluster("second", caches)
      sameRows(second)
      readsWhatIsThere(second)
      assert(second.get("stagesSkipped") == swapped.get("stagesSkipped"))

      // No executors at first: they are asked for where the relations were held.
      val fromZero = onCluster(
        "zero",
        caches,
        "spark.dynamicAllocation.enabled" -> "true",
        "spark.dynamicAllocation.shuffleTracking.enabled" -> "true",
        "spark.dynamicAllocation.initialExecutors" -> "0",
        "spark.executor.cores" -> "1")
      sameRows(fromZero)
      readsWhatIsThere(fromZero)
      assert(fromZero.get("stagesSkipped") == second.get("stagesSkipped"))
    }

    val damaged = damageEverySecondFile(caches(one))
    assert(damaged > 0)
    val emptied = onCluster(
      "emptied",
      Map(one -> caches(one), other -> directory("empty")),
      "spark.locality.wait" -> "0s")
    sameRows(emptied)
    assert(emptied.get("computed").asLong > 0 && emptied.get("hits").asLong > 0)
  }

  test("a free host reads what a busy one has, with authentication and encryption") {
    val Seq(one, other) = StandaloneCluster.Hosts
    val filled = directory("filled")
    val local = application(
      "local",
      withCache = true,
      Map(
        "spark.master" -> "local[2]",
        "spark.plugins" -> "io.sparkdiskcache.DiskCachePlugin",
        "spark.diskcache.inputs.settle" -> "0s",
        "spark.diskcache.dir" -> filled.toString))
    sameRows(local)

    // With a core each, the second task of a relation goes to the host without its entry at once.
    val secured = onCluster(
      "secured",
      Map(one -> filled, other -> directory("nothing")),
      "spark.locality.wait" -> "0s",
      "spark.authenticate" -> "true",
      "spark.authenticate.secret" -> "a secret of this test",
      "spark.network.crypto.enabled" -> "true",
      "spark.network.crypto.saslFallback" -> "false")
    sameRows(secured)
    assert(secured.get("fromPeers").asLong > 0, "entries read from the other host")
    val computed = secured.get("computedBy").properties().asScala.map(_.getKey).toSet
    assert(computed.subsetOf(Packed), "queries that were computed")
  }
}
