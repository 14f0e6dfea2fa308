// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.net.{InetAddress, ServerSocket}
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._

/**
 * A standalone Spark cluster on 127.0.0.1: a master and one worker a host, each a JVM of its own with
 * nothing but Spark on its class path. To the scheduler `127.0.0.1` and `localhost` are two hosts.
 * Ends with `close`.
 *
 * @param dir for logs and the executors' working directories
 * @param caches directories of the hosts' caches, where each has its own
 * @param settings of Spark, for master and workers
 * @param variables of the environment of each host's worker
 */
final class StandaloneCluster(
    dir: Path,
    cores: Int = 1,
    caches: Map[String, Path] = Map.empty,
    settings: Map[String, String] = Map.empty,
    variables: Map[String, Map[String, String]] = Map.empty)
    extends AutoCloseable {
  import StandaloneCluster._

  private val home: Path = sparkHome(dir.resolve("home"))
  private val environment = Map(
    "SPARK_HOME" -> home.toString,
    "SPARK_SCALA_VERSION" -> "2.13",
    "SPARK_LOCAL_IP" -> "127.0.0.1")
  private val port = freePort()
  private var processes = Map[String, Process]()

  /** For `spark.master`. */
  val url = s"spark://127.0.0.1:$port"

  try {
    launch("master", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", s"$port")
    await("master", "I have been elected leader")
    Hosts.foreach(startWorker)
  } catch {
    case e: Throwable =>
      close()
      throw e
  }

  def startWorker(host: String): Unit = {
    val work = dir.resolve(s"work-$host").toString
    launch(
      host,
      "org.apache.spark.deploy.worker.Worker",
      Seq("--host", host, "--cores", s"$cores", "--memory", "1g", "--work-dir", work, url): _*)
    await(host, "Successfully registered with master")
  }

  private def launch(name: String, mainClass: String, args: String*): Unit = {
    processes += name -> NewJvm.start(
      mainClass,
      Seq("--webui-port", "0") ++ args,
      withCache = false,
      logOf(name),
      // Their own words at INFO say when they are ready.
      properties =
        settings + ("log4j2.configurationFile" -> "org/apache/spark/log4j2-defaults.properties"),
      environment = environment ++ caches.get(name).map("SPARK_DISKCACHE_DIR" -> _.toString) ++
        variables.getOrElse(name, Map.empty))
  }

  private def logOf(name: String): Path = dir.resolve(s"$name.log")

  private def await(name: String, text: String): Unit = {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(StartSeconds)
    while (!Files.exists(logOf(name)) || !Files.readString(logOf(name)).contains(text)) {
      if (System.nanoTime() > deadline || !processes(name).isAlive) {
        throw new AssertionError(s"$name did not start:\n${Files.readString(logOf(name))}")
      }
      Thread.sleep(100)
    }
  }

  /** The host of an executor's process. */
  def hostOf(pid: Long): String =
    Hosts.find(host => processes(host).descendants().anyMatch(_.pid() == pid)).get

  /** Waits until the executors of applications that have ended are gone. */
  def awaitExecutorsGone(): Unit =
    Gate.await("executors end")(
      Hosts.forall(host => processes(host).descendants().iterator().asScala.isEmpty))

  /** Ends a worker, and with it its executors, as a lost machine would. */
  def killWorker(host: String): Unit = {
    val worker = processes(host)
    val executors = worker.descendants().iterator().asScala.toSeq
    worker.destroyForcibly().waitFor() // first: it would start others
    executors.foreach { executor =>
      executor.destroyForcibly()
      executor.onExit().get()
    }
    processes -= host
  }

  /** The warnings of executors, and why they did not publish. */
  def executorLog: String = {
    val files = Files.walk(dir)
    try
      files.iterator().asScala
        .filter(_.getFileName.toString == "stderr")
        .flatMap(log => Files.readString(log).linesIterator.filter(l => l.contains(" WARN ") || l.contains("for this application only")))
        .mkString("\n")
    finally files.close()
  }

  override def close(): Unit = {
    processes.values.foreach { process =>
      process.descendants().forEach(child => child.destroyForcibly())
      process.destroyForcibly().waitFor()
    }
    processes = Map.empty
  }
}

object StandaloneCluster {
  val Hosts: Seq[String] = Seq("127.0.0.1", "localhost")
  private val StartSeconds = 90L

  /** A Spark home as workers want it: a directory `jars`. */
  private def sparkHome(home: Path): Path = {
    val jars = Files.createDirectories(home.resolve("jars"))
    NewJvm.stockClassPath.foreach { jar =>
      val link = jars.resolve(Path.of(jar).getFileName)
      if (!Files.exists(link)) Files.createSymbolicLink(link, Path.of(jar))
    }
    home
  }

  private def freePort(): Int = {
    val socket = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))
    try socket.getLocalPort
    finally socket.close()
  }
}
