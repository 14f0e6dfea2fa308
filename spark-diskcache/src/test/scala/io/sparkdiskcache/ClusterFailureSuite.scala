// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.sql.{Connection, DriverManager}
import java.util.concurrent.{Callable, Executors, ExecutionException, Future}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.harness._
import io.sparkdiskcache.harness.GatedRelations._
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.SparkException
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/**
 * The parts that die while rows are computed and while they are read, on two hosts of a standalone
 * cluster with a cache directory each: executors, a host, the driver. Tasks stop at a [[Gate]], so
 * that a killed one is in the middle of its work.
 *
 * The first test by default; `-Ddiskcache.cluster=all` runs every one.
 */
class ClusterFailureSuite extends AnyFunSuite with Applications {
  private val all = Sample.whole("diskcache.cluster")

  private lazy val caches: Map[String, Path] =
    StandaloneCluster.Hosts.map(host => host -> directory(s"cache-$host")).toMap
  private var running: Option[StandaloneCluster] = None
  private lazy val cluster: StandaloneCluster = {
    running = Some(new StandaloneCluster(directory("cluster"), cores = 2, caches = caches))
    running.get
  }

  override protected def afterAll(): Unit =
    try running.foreach(_.close())
    finally super.afterAll()

  private def test(name: String, always: Boolean)(body: => Unit): Unit =
    if (always || all) test(name)(body)

  /** Input of one test, so that its keys are its own. */
  private def input(name: String): Path = {
    val dir = directory(s"input-$name").resolve("in")
    if (!Files.exists(dir)) GatedRelations.write(dir)
    dir
  }

  private lazy val expected: Map[String, Seq[String]] = {
    val plain = (GatedRelations.settings :+ ("spark.diskcache.enabled" -> "false")).toMap
    application(directory("unused"), plain.toSeq: _*) { spark =>
      All.map(name => name -> truth(relation(spark, input("plain"), name))).toMap
    }
  }

  private def settings(cores: Int): Seq[(String, String)] = GatedRelations.settings ++ Seq(
    "spark.master" -> cluster.url,
    "spark.driver.host" -> "127.0.0.1",
    "spark.plugins" -> classOf[DiskCachePlugin].getName,
    "spark.executor.memory" -> "512m",
    "spark.cores.max" -> cores.toString,
    "spark.executor.instances" -> "2",
    // A task that is sent to another host computes, which would be counted; any executor of its host will do.
    "spark.locality.wait.process" -> "0s",
    "spark.locality.wait.node" -> "60s",
    "spark.scheduler.minRegisteredResourcesRatio" -> "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime" -> "120s",
    "spark.diskcache.lookup.wait" -> "120s",
    "spark.diskcache.inputs.settle" -> "0s")

  /** An application with both hosts' executors, whose driver is in this JVM. */
  private def onCluster[T](more: (String, String)*)(body: SparkSession => T): T = {
    assert(expected.values.forall(_.nonEmpty)) // by an application before this one
    val classPath = "spark.executor.extraClassPath" -> System.getProperty("java.class.path")
    application(directory("driver"), (settings(cores = 4) :+ classPath) ++ more: _*)(body)
  }

  /** An application whose driver is a process of its own. */
  private def started(name: String, input: Path, cores: Int, relations: String*): Process =
    NewJvm.start(
      GatedApp.getClass.getName.stripSuffix("$"),
      Seq(input.toString, result(name).toString, relations.mkString(",")) ++
        (settings(cores) ++ Seq(
          "spark.jars" -> NewJvm.jar.toString,
          "spark.executor.extraClassPath" -> NewJvm.testClasses,
          "spark.diskcache.dir" -> directory("driver").toString)).map { case (k, v) => s"$k=$v" },
      withCache = true,
      directory("logs").resolve(s"$name.log"))

  private def result(name: String): Path = directory("results").resolve(s"$name.json")

  /** Begins `work` in another thread, and has `meanwhile` done before its outcome is asked for. */
  private def during[T](work: => T)(meanwhile: Future[T] => Unit): T = {
    val thread = Executors.newSingleThreadExecutor()
    try {
      val outcome = thread.submit(new Callable[T] { def call(): T = work })
      meanwhile(outcome)
      try outcome.get()
      catch { case e: ExecutionException => throw e.getCause }
    } finally thread.shutdownNow()
  }

  /** Who has come to a gate, once there are so many. */
  private def arrived(gate: Gate, processes: Int = 1): Set[Long] = {
    Gate.await("no task has come to the gate")(gate.arrived.size >= processes)
    gate.arrived
  }

  private def kill(pid: Long): Unit = {
    val process = ProcessHandle.of(pid).orElseThrow()
    process.destroyForcibly()
    process.onExit().get()
  }

  private def onIndex[T](cache: Path)(body: Connection => T): T = {
    val connection = DriverManager.getConnection(s"jdbc:sqlite:${cache.resolve("index.db")}?busy_timeout=60000")
    try body(connection)
    finally connection.close()
  }

  /** Entries on both hosts. */
  private def entries: Int = caches.values.map { cache =>
    onIndex(cache) { index =>
      val rows = index.createStatement().executeQuery("SELECT count(*) FROM entries")
      rows.next()
      rows.getInt(1)
    }
  }.sum

  /** The hits and computed partitions of the application so far. */
  private def counts(spark: SparkSession): (Long, Long) = (stats(spark).hits, stats(spark).computed)

  private def rows(spark: SparkSession, input: Path, name: String): Seq[String] =
    ExactRows.of(relation(spark, input, name).cache())

  /** Fills a relation in an application without accidents, and then another one finds all of it. */
  private def fill(input: Path, names: Seq[String], more: (String, String)*): Unit =
    onCluster(more: _*) { spark =>
      names.foreach(name => assert(rows(spark, input, name) == expected(name)))
      assert(counts(spark) == (0, names.map(Units).sum))
    }

  test("an executor is killed in the middle of computing, and in the middle of reading", always = true) {
    val in = input("executor")
    onCluster() { spark =>
      Seq(RowLocal, RunBound).foreach { name =>
        val gate = fillGate(in, name)
        gate.close()
        val before = if (name == RowLocal) 0 else entries
        val found = during(rows(spark, in, name)) { _ =>
          val pid = arrived(gate).head
          Gate.await("the other partitions are stored")(entries == before + Units(name) - 1)
          kill(pid)
          gate.open()
        }
        assert(found == expected(name))
      }
      assert(stats(spark).hits == 0)
    }
    // A run of which a part was computed again is published whole or not at all.
    onCluster() { spark =>
      assert(rows(spark, in, RowLocal) == expected(RowLocal))
      assert(counts(spark) == (Units(RowLocal), 0))
      assert(rows(spark, in, RunBound) == expected(RunBound))
      val ofRun = (stats(spark).hits - Units(RowLocal), stats(spark).computed)
      assert(ofRun == (Units(RunBound), 0) || ofRun == (0, Units(RunBound)))
    }
    Seq(RowLocal, RunBound).foreach { name =>
      onCluster() { spark =>
        val gate = readGate(in, name)
        gate.close()
        val found = during(ExactRows.of(reading(spark, in, name))) { _ =>
          kill(arrived(gate).head)
          gate.open()
        }
        assert(found == expected(name))
        assert(stats(spark).hits == Units(name))
        if (name == RunBound) {
          assert(stats(spark).computed == 0, "tasks wait for another executor of the host")
        } else {
          assert(stats(spark).computed < Units(name), "the other host may compute what has to be read again")
        }
      }
    }
  }

  test("a host is lost in the middle of reading", always = false) {
    val in = input("host")
    fill(in, Seq(RowLocal, RunBound))
    onCluster("spark.diskcache.lookup.wait" -> "10s") { spark =>
      val gate = readGate(in, RunBound)
      gate.close()
      var lost = ""
      val failure = intercept[SparkException] {
        during(ExactRows.of(reading(spark, in, RunBound))) { _ =>
          lost = cluster.hostOf(arrived(gate).head)
          cluster.killWorker(lost)
          gate.open()
        }
      }
      assert(failure.getMessage.contains(s"was on host $lost"))
      assert(failure.getMessage.contains("Run the query again: the partition is then computed."))
      assert(counts(spark) == (Units(RunBound), 0))
      assert(ExactRows.of(reading(spark, in, RunBound)) == expected(RunBound), "run again")
      assert(counts(spark)._2 == Units(RunBound))
      cluster.startWorker(lost)
    }
    onCluster() { spark =>
      val gate = readGate(in, RowLocal)
      gate.close()
      val found = during(ExactRows.of(reading(spark, in, RowLocal))) { _ =>
        val lost = cluster.hostOf(arrived(gate).head)
        cluster.killWorker(lost)
        gate.open()
        cluster.startWorker(lost)
      }
      assert(found == expected(RowLocal))
      assert(stats(spark).hits == Units(RowLocal))
    }
  }

  test("with the remote tier a host is lost in the middle of reading, and then all are", always = false) {
    val in = input("remote")
    val remote = "spark.diskcache.remote.dir" -> directory("remote").toUri.toString
    fill(in, Seq(RunBound), remote)
    def objects(kind: String): Int = {
      val files = Files.walk(directory("remote"))
      try files.iterator().asScala.count(_.toString.endsWith(kind))
      finally files.close()
    }
    assert(objects(".arrow") == Units(RunBound) && objects(".set") == 1)
    onCluster(remote) { spark =>
      val gate = readGate(in, RunBound)
      gate.close()
      val found = during(ExactRows.of(reading(spark, in, RunBound))) { _ =>
        val lost = cluster.hostOf(arrived(gate).head)
        cluster.killWorker(lost)
        gate.open()
        cluster.startWorker(lost)
      }
      assert(found == expected(RunBound))
      assert(counts(spark) == (Units(RunBound), 0))
    }
    cluster.awaitExecutorsGone()
    caches.values.foreach(empty)
    Seq("fetched", "found").foreach { how =>
      onCluster((if (how == "fetched") Seq(remote) else Nil): _*) { spark =>
        val (found, reading) = StageFigures.of(spark.sparkContext)(rows(spark, in, RunBound))
        assert(found == expected(RunBound), how)
        assert(reading.mapTasks == 0, how)
        assert(counts(spark) == (Units(RunBound), 0), how)
      }
    }
    caches.values.foreach(cache => assert(Files.exists(cache.resolve("index.db"))))
  }

  /** The host has lost what it had. */
  private def empty(cache: Path): Unit = {
    val files = Files.walk(cache)
    try
      files.sorted(java.util.Comparator.reverseOrder[Path]()).filter(_ != cache).forEach(Files.delete(_))
    finally files.close()
  }

  test("the driver is killed in the middle of computing", always = false) {
    val in = input("driver")
    fill(input("driver-first"), Seq(RowLocal)) // so that both hosts have an index
    val before = entries
    All.foreach(name => fillGate(in, name).close())
    val driver = started("killed", in, cores = 4, All: _*)
    try {
      val executors = All.flatMap(name => arrived(fillGate(in, name))).toSet
      val finished = All.map(name => Units(name) - 1).sum
      Gate.await("the other partitions are stored")(entries == before + finished)
      driver.destroyForcibly().waitFor()
      executors.foreach(pid => ProcessHandle.of(pid).ifPresent(process => process.onExit().get()))
    } finally driver.destroyForcibly()
    All.foreach(name => fillGate(in, name).open())
    onCluster() { spark =>
      Seq(RowLocal, PartitionLocal).foreach { name =>
        val (hits, computed) = counts(spark)
        assert(rows(spark, in, name) == expected(name))
        assert(counts(spark) == (hits + Units(name) - 1, computed + 1), name)
      }
      val (hits, computed) = counts(spark)
      assert(rows(spark, in, RunBound) == expected(RunBound))
      assert(counts(spark) == (hits, computed + Units(RunBound)), "of another run")
    }
  }

  test("two applications compute the same at the same time", always = false) {
    val in = input("two")
    All.foreach(name => fillGate(in, name).close())
    val names = Seq("one", "two")
    val drivers = names.map(name => started(name, in, cores = 2, RunBound))
    val outcomes =
      try {
        arrived(fillGate(in, RunBound), processes = 2) // one of each application, and neither is done
        fillGate(in, RunBound).open()
        names.zip(drivers).map { case (name, driver) =>
          val finished = NewJvm.await(driver, name, directory("logs").resolve(s"$name.log"))
          assert(finished.exit == 0, finished.output.takeRight(4000))
          new ObjectMapper().readTree(Files.readString(result(name)))
        }
      } finally drivers.foreach(_.destroyForcibly())
    outcomes.foreach { outcome =>
      assert(outcome.get(RunBound).elements().asScala.map(_.asText).toSeq == expected(RunBound))
      assert(outcome.get("computed").asInt == Units(RunBound))
    }
    Seq(RowLocal, PartitionLocal).foreach(name => fillGate(in, name).open())
    onCluster() { spark =>
      assert(rows(spark, in, RunBound) == expected(RunBound))
      assert(counts(spark) == (Units(RunBound), 0))
    }
  }

  test("what another application adds to the hosts meanwhile is found", always = false) {
    val in = input("meanwhile")
    val names = Seq(RowLocal, RunBound)
    onCluster("spark.cores.max" -> "2") { spark =>
      def isThere(name: String) = status(spark, relation(spark, in, name)) == Status.HIT
      names.foreach(name => assert(!isThere(name)))
      val other = started("other", in, cores = 2, names: _*)
      try {
        val finished = NewJvm.await(other, "other", directory("logs").resolve("other.log"))
        assert(finished.exit == 0, finished.output.takeRight(4000))
      } finally other.destroyForcibly()
      names.foreach { name =>
        Gate.await(s"$name is not known to this application")(isThere(name))
        assert(rows(spark, in, name) == expected(name))
      }
      assert(counts(spark) == (names.map(Units).sum, 0))
      val before = entries
      assert(DiskCache.of(spark).evict(s"source=*/${in.getParent.getFileName}/*/$RowLocal/*") > 0)
      assert(entries == before - Units(RowLocal), "on both hosts")
      Gate.await("the driver still takes it for stored")(!isThere(RowLocal))
      assert(isThere(RunBound))
      assert(DiskCache.of(spark).clear() > 0)
      assert(entries == 0)
    }
  }

  /** As if the clock of a host had been wrong by so much when it stored what it has. */
  private def shiftClock(cache: Path, millis: Long): Unit = onIndex(cache) { index =>
    Seq("entries", "sets").foreach { table =>
      assert(index.createStatement().executeUpdate(s"UPDATE $table SET created_millis = created_millis + $millis") > 0)
    }
  }

  test("clocks of hosts differ", always = false) {
    val in = input("clocks")
    fill(in, Seq(RowLocal, RunBound))
    cluster.awaitExecutorsGone()
    val Seq(early, late) = StandaloneCluster.Hosts
    val day = 86400000L
    shiftClock(caches(early), -day)
    shiftClock(caches(late), day)
    val names = Seq(RowLocal, RunBound)
    onCluster() { spark =>
      names.foreach(name => assert(rows(spark, in, name) == expected(name)))
      assert(counts(spark) == (names.map(Units).sum, 0), "nobody asks how old it is")
    }
    val options = CacheOptions.defaults().withTtl(java.time.Duration.ofHours(1))
    def persisted(spark: SparkSession): Unit = names.foreach { name =>
      assert(ExactRows.of(DiskCache.of(spark).persist(relation(spark, in, name), options)) == expected(name))
    }
    onCluster() { spark =>
      persisted(spark)
      val (_, computed) = counts(spark)
      assert(computed > Units(RunBound) && computed < names.map(Units).sum, "what seems old")
    }
    onCluster() { spark =>
      persisted(spark)
      // An entry that seemed old on its host and was computed on the other one may be looked for there again.
      val (hits, computed) = counts(spark)
      assert(hits == names.map(Units).sum && computed < Units(RowLocal), "what seemed old was replaced")
    }
  }
}
