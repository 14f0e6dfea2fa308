// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo

import java.nio.file.{Files, Path}
import java.util.concurrent.{CountDownLatch, TimeUnit}
import java.util.concurrent.atomic.AtomicInteger

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{DrawnTests, Gate, NewJvm, StandaloneCluster, TestDirectories}
import io.sparkdiskcache.store.{MemoStore, Selector}

/**
 * The promise, end to end: one request per distinct argument, however many rows, tasks, processes
 * and applications there are. `-Ddiskcache.memo.full=true` runs the size of the issue, 100,000 rows, and
 * evicts one of the results on the cluster.
 */
class MemoApplicationsSuite extends DrawnTests with TestDirectories {
  override protected def property: String = "diskcache.memo"
  override protected def drawn: Int = 2
  private val full = java.lang.Boolean.getBoolean("diskcache.memo.full")
  private val rows = if (full) 100000 else 2000
  private val distinct = if (full) 5000 else 200
  private val PatienceSeconds = 120L

  private def start(
      name: String,
      cache: Path,
      server: CountingServer,
      selector: String,
      properties: Map[String, String] = Map.empty,
      homed: Boolean = false): Process =
    NewJvm.start(
      MemoApp.getClass.getName.stripSuffix("$"),
      Seq(
        cache.toString,
        result(name).toString,
        server.url(),
        rows.toString,
        distinct.toString,
        selector,
        homed.toString),
      withCache = true,
      log(name),
      properties)

  private def result(name: String): Path = directory("results").resolve(name)

  private def log(name: String): Path = directory("logs").resolve(name)

  private def run(
      name: String,
      cache: Path,
      server: CountingServer,
      selector: String = "",
      properties: Map[String, String] = Map.empty,
      homed: Boolean = false): String = {
    val started = start(name, cache, server, selector, properties, homed)
    val finished = NewJvm.await(started, name, log(name))
    assert(finished.exit == 0, finished.output.takeRight(4000))
    Files.readString(result(name))
  }

  private def expected: String = {
    val lengths = (0 until rows).map(i => 1 + (i % distinct).toString.length)
    s"$rows,${lengths.sum}"
  }

  /** The host of each argument, as an application has printed it. */
  private def homes(name: String): Seq[String] =
    Files.readString(log(name)).linesIterator.filter(_.matches("k[0-9]+ (127.0.0.1|localhost)")).toSeq

  test("two executors ask once for each distinct argument, in the first of the applications") {
    val cache = directory("cache")
    val server = new CountingServer
    val cluster = new StandaloneCluster(directory("cluster"))
    val onCluster = Map(
      "executors" -> "2",
      "spark.master" -> cluster.url,
      "spark.jars" -> NewJvm.jar.toString,
      "spark.executor.extraClassPath" -> NewJvm.testClasses,
      "spark.executor.memory" -> "512m",
      "spark.sql.shuffle.partitions" -> "4",
      "spark.locality.wait" -> "600s")
    try {
      assert(run("first", cache, server, "", onCluster, homed = true) == expected)
      assert(server.asked().asScala.toSet.size == distinct)
      assert(server.count() == distinct)
      assert(homes("first").size == distinct)
      assert(homes("first").map(_.split(' ')(1)).toSet.size == 2, "both hosts are homes")
      assert(run("second", cache, server, "", onCluster, homed = true) == expected)
      assert(server.count() == 0)
      assert(homes("second") == homes("first"))
      val again = if (full) 1 else 0
      if (full) {
        assert(run("third", cache, server, "function=ask arg=k7", onCluster) == expected)
        assert(server.asked().asScala == Seq("k7"))
      }
      val store = MemoStore.open(cache)
      try {
        Gate.await("the executors have written what they counted") {
          store.ledger().asScala.map(_.hits()).sum == (2L + again) * rows - distinct - again
        }
        val ledger = store.ledger().asScala
        assert(ledger.map(_.calls()).sum == distinct + again)
        assert(ledger.map(_.paid()).sum == (distinct + again) * 0.25)
        assert(ledger.map(_.errors()).sum == 0)
      } finally store.close()
    } finally {
      cluster.close()
      server.close()
    }
  }

  test("an application killed midway has lost the calls that were under way") {
    val cache = directory("killed")
    val server = new CountingServer
    try {
      val passed = new AtomicInteger
      val never = new CountDownLatch(1)
      server.gate { _ =>
        if (passed.incrementAndGet() > distinct / 2) never.await()
      }
      val process = start("killed", cache, server, "")
      try {
        val store = MemoStore.open(cache)
        try Gate.await("half of the results are on disk")(
          store.entries(Selector.parse("function=ask")).size() == distinct / 2)
        finally store.close()
      } finally process.destroyForcibly()
      assert(process.waitFor(PatienceSeconds, TimeUnit.SECONDS))
      val before = server.asked().asScala.toList
      server.count()
      server.gate(_ => ())
      assert(run("after", cache, server) == expected)
      val after = server.asked().asScala.toList
      assert(after.size == distinct - distinct / 2)
      val repeated = before.toSet.intersect(after.toSet)
      assert(repeated.size <= 2, "one for each task of local[2]")
    } finally server.close()
  }

  private def process(
      name: String,
      cache: Path,
      server: CountingServer,
      lease: Long,
      environment: Map[String, String] = Map.empty): Process =
    NewJvm.start(
      classOf[MemoProcess].getName,
      Seq(cache.toString, server.url(), "one", lease.toString),
      withCache = true,
      log(name),
      environment = environment)

  test("a host that names a directory of its own keeps its results there") {
    val (configured, own) = (directory("configured"), directory("own"))
    val server = new CountingServer
    try {
      val variable = Map("SPARK_DISKCACHE_DIR" -> own.toString)
      val finished =
        NewJvm.await(process("host", configured, server, 600, variable), "host", log("host"))
      assert(finished.output.contains("answer ONE"), finished.output)
      assert(!Files.exists(configured.resolve("memo")))
      val store = MemoStore.open(own)
      try assert(store.entries(Selector.parse("function=ask")).size() == 1)
      finally store.close()
    } finally server.close()
  }

  test("eight processes that want one answer: one request") {
    val cache = directory("eight")
    val server = new CountingServer
    try {
      val released = new CountDownLatch(1)
      server.gate(_ => released.await())
      val processes = (1 to 8).map(i => process(s"one-$i", cache, server, 600))
      try {
        Gate.await("the first request")(server.asked().size() > 0)
        Gate.await("all processes have got as far as the key") {
          processes.indices.forall(i => Files.readString(log(s"one-${i + 1}")).contains("asking"))
        }
        released.countDown()
        processes.zipWithIndex.foreach { case (p, i) =>
          val finished = NewJvm.await(p, s"one-${i + 1}", log(s"one-${i + 1}"))
          assert(finished.output.contains("answer ONE"), finished.output)
        }
      } finally processes.foreach(_.destroyForcibly())
      assert(server.asked().asScala == Seq("one"))
    } finally server.close()
  }

  test("an owner that hangs is waited for until its lease ends, one that died not at all") {
    val server = new CountingServer
    try {
      val never = new CountDownLatch(1)
      val requests = new AtomicInteger
      server.gate(_ => if (requests.incrementAndGet() == 1) never.await())
      Seq("hung" -> 2L, "dead" -> 3600L).foreach { case (name, lease) =>
        val cache = directory(name)
        requests.set(0)
        server.count()
        val owner = process(name, cache, server, lease)
        try {
          Gate.await("the owner asks")(server.asked().size() == 1)
          if (name == "dead") {
            owner.destroyForcibly()
            assert(owner.waitFor(PatienceSeconds, TimeUnit.SECONDS))
          }
          val answer = MemoProcess.ask(cache.toString, server.url(), "one", lease)
          assert(answer == "ONE")
          assert(server.asked().asScala == Seq("one", "one"))
          assert(owner.isAlive == (name == "hung"))
        } finally {
          owner.destroyForcibly()
          MemoRuntime.close(cache.toString)
        }
      }
    } finally server.close()
  }
}
