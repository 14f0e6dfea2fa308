// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.net.ServerSocket
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._

import org.apache.kafka.clients.admin.{Admin, AdminClientConfig}
import org.apache.kafka.clients.producer.{KafkaProducer, ProducerRecord}
import org.apache.kafka.common.Uuid
import org.apache.kafka.common.serialization.StringSerializer

/** One Kafka broker on 127.0.0.1, in a JVM of its own; `close` ends it. */
final class KafkaBroker private (val address: String, process: Process) extends AutoCloseable {

  /** Appends to a topic of one partition, and waits until the broker has it. */
  def send(topic: String, values: String*): Unit = {
    val settings = Map[String, AnyRef]("bootstrap.servers" -> address).asJava
    val producer = new KafkaProducer[String, String](settings, new StringSerializer, new StringSerializer)
    try values.foreach(v => producer.send(new ProducerRecord[String, String](topic, v)).get())
    finally producer.close()
  }

  override def close(): Unit = {
    process.destroyForcibly()
    process.waitFor(60, TimeUnit.SECONDS)
  }
}

object KafkaBroker {
  private val TimeoutSeconds = 120L

  def start(directory: Path): KafkaBroker = {
    val ports = freePorts(2)
    val address = s"127.0.0.1:${ports.head}"
    val file = directory.resolve("server.properties")
    Files.write(
      file,
      Seq(
        "process.roles=broker,controller",
        "node.id=1",
        s"controller.quorum.voters=1@127.0.0.1:${ports(1)}",
        "controller.listener.names=CONTROLLER",
        s"listeners=PLAINTEXT://$address,CONTROLLER://127.0.0.1:${ports(1)}",
        s"advertised.listeners=PLAINTEXT://$address",
        s"log.dirs=${directory.resolve("log")}",
        "num.partitions=1",
        "offsets.topic.replication.factor=1").asJava)
    val log = directory.resolve("broker.log")
    val format = java(
      log,
      "kafka.tools.StorageTool",
      "format",
      "--cluster-id",
      Uuid.randomUuid().toString,
      "--config",
      file.toString)
    if (!format.waitFor(TimeoutSeconds, TimeUnit.SECONDS) || format.exitValue() != 0) {
      format.destroyForcibly()
      throw new AssertionError(s"the broker's directory was not made, see $log")
    }
    val broker = new KafkaBroker(address, java(log, "kafka.Kafka", file.toString))
    try awaitAnswer(broker.address)
    catch { case e: Throwable => broker.close(); throw e }
    broker
  }

  private def awaitAnswer(address: String): Unit = {
    val settings = Map[String, AnyRef](
      "bootstrap.servers" -> address,
      AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG -> Int.box(TimeoutSeconds.toInt * 1000))
    val admin = Admin.create(settings.asJava)
    try assert(admin.describeCluster().nodes().get(TimeoutSeconds, TimeUnit.SECONDS).size() == 1)
    finally admin.close()
  }

  private def freePorts(count: Int): Seq[Int] = {
    val sockets = Seq.fill(count)(new ServerSocket(0))
    try sockets.map(_.getLocalPort)
    finally sockets.foreach(_.close())
  }

  private def java(log: Path, main: String, args: String*): Process = {
    val command = Seq(
      Path.of(System.getProperty("java.home"), "bin", "java").toString,
      "-Xmx256m",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      System.getProperty("java.class.path"),
      main) ++ args
    new ProcessBuilder(command.asJava)
      .redirectErrorStream(true)
      .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile))
      .start()
  }
}
