// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster

import java.nio.file.Files
import java.time.Duration
import java.util.{List => JList, Map => JMap, Optional, TreeMap => JTreeMap}
import java.util.zip.CRC32C

import com.codahale.metrics.MetricRegistry
import io.sparkdiskcache.harness.{Gate, TestDirectories}
import io.sparkdiskcache.store.{DiskStore, EntryMeta, Key, SetMeta, StoreOptions, VerifyMode}
import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.api.plugin.PluginContext
import org.apache.spark.resource.ResourceInformation
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/** The driver's half, with messages as executors send them. */
class ClusterDirectorySuite extends AnyFunSuite with TestDirectories {
  private lazy val context: SparkContext = SparkSession
    .builder()
    .master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .getOrCreate()
    .sparkContext

  private val keys = Seq("1", "2", "3").map(digit => new Key(digit * 64))
  private val Seq(one, two, three) = keys

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(context.isLocal)
  }

  override protected def afterAll(): Unit = {
    context.stop()
    super.afterAll()
  }

  private def withDirectory(name: String)(body: ClusterDirectory => Unit): Unit = {
    val started =
      ClusterDirectory.start(context, Duration.ZERO, Optional.of(directory(name)), () => new JTreeMap[String, String])
    try body(started)
    finally started.stop()
  }

  /** By the bytes that Spark would carry. */
  private def ask[R](to: ClusterDirectory, message: Message[R]): R =
    Wire.decode(to.receive(Wire.encode(message))).asInstanceOf[R]

  private def longs(of: Seq[Key]): Array[Long] = of.map(key => ExecutorInventory.prefix(key)).toArray

  private def report(to: ClusterDirectory, executor: String, dir: String, of: Key*): Unit =
    ask(to, new Message.Keys(executor, dir, longs(of), true))

  /** Whether the executor is to report again. */
  private def change(to: ClusterDirectory, executor: String, dir: String, added: Seq[Key], removed: Seq[Key]): Boolean = {
    ask(to, new Message.Changes(executor, dir, longs(added), longs(removed), 0L, JMap.of())).report
  }

  private def holders(of: ClusterDirectory): Map[Key, Seq[String]] = {
    val found = of.holders("r", JList.of(one, two, three))
    keys.flatMap(key => Option(found.get(key)).map(dirs => key -> dirs.toArray(Array[String]()).toSeq)).toMap
  }

  private def peers(of: ClusterDirectory, key: Key, than: String): Int = {
    ask(of, new Message.Peers(ExecutorInventory.prefix(key), than)).size
  }

  test("additions, evictions, and executors that share a directory") {
    withDirectory("changes") { cluster =>
      report(cluster, "0", "a:/c", one)
      report(cluster, "1", "a:/c", one)
      report(cluster, "2", "b:/c", one, two)
      assert(holders(cluster) == Map(one -> Seq("a:/c", "b:/c"), two -> Seq("b:/c")))
      assert(!change(cluster, "0", "a:/c", added = Seq(three), removed = Seq(one)))
      assert(holders(cluster) == Map(one -> Seq("b:/c"), two -> Seq("b:/c"), three -> Seq("a:/c")))
      cluster.removed("0")
      assert(holders(cluster).contains(three), "the other executor of the host has it too")
      cluster.removed("1")
      assert(!holders(cluster).contains(three))
    }
  }

  test("who serves an entry is told to other hosts only, and not after its end") {
    withDirectory("peers") { cluster =>
      ask(cluster, new Message.PeerAt("0", new PeerEntries.Peer("a", 7000)))
      report(cluster, "0", "a:/c", one)
      report(cluster, "1", "b:/c", two)
      assert(peers(cluster, one, "b:/c") == 1)
      assert(peers(cluster, one, "a:/c") == 0, "itself")
      assert(peers(cluster, two, "a:/c") == 0, "this executor serves nothing")
      cluster.removed("0")
      assert(peers(cluster, one, "b:/c") == 0)
    }
  }

  test("an executor that was taken for lost reports again") {
    withDirectory("again") { cluster =>
      report(cluster, "0", "a:/c", one)
      cluster.removed("0")
      assert(holders(cluster).isEmpty)
      assert(change(cluster, "0", "a:/c", added = Seq(two), removed = Nil), "it is asked to")
      report(cluster, "0", "a:/c", one, two)
      assert(holders(cluster) == Map(one -> Seq("a:/c"), two -> Seq("a:/c")))
      assert(!change(cluster, "0", "a:/c", added = Nil, removed = Nil))
    }
  }

  test("a partition is removed with its set though the task that stored it was killed before it could tell") {
    withDirectory("killed") { cluster =>
      val options = new StoreOptions(directory("killed-store"), 1L << 20, VerifyMode.OPEN)
      val generation = new Key("b" * 64)
      val answers = new Interrupted(cluster.receive, context.getConf)
      val inventory = new ExecutorInventory(_ => options, _ => (), _ => Optional.empty())
      inventory.init(answers, JMap.of())
      try {
        Gate.await("the executor has reported")(!cluster.directories.isEmpty)
        cluster.begin(one, generation, 2, () => new SetMeta("", JMap.of()), () => Array.emptyByteArray, () => true, _ => ())
        assert(inventory.sets.mayStore(generation.hex, 0, 0))
        val store = ProcessStores.get(options)
        publish(store, two, generation)
        answers.interruptNext = true
        assert(inventory.sets.stored(generation.hex, 0), "the task does not know")
        assert(Thread.interrupted(), "and ends, because it is killed")
        cluster.abandon(generation.hex)
        Gate.await("the partition is left")(!store.find(two).isPresent)
        assert(store.stats.errors == 0)
      } finally {
        inventory.shutdown()
        ProcessStores.close(options.path.toString)
      }
    }
  }

  private def publish(store: DiskStore, key: Key, generation: Key): Unit = {
    val pending = store.begin(key)
    try {
      val bytes = Array.fill[Byte](100)(1)
      Files.write(pending.path, bytes)
      val crc = new CRC32C
      crc.update(bytes)
      pending.publish(
        new EntryMeta(
          "ab" * 32,
          Optional.of(generation),
          0,
          1L,
          bytes.length.toLong,
          crc.getValue,
          Duration.ZERO,
          Duration.ZERO,
          "",
          "",
          "",
          JMap.of()))
    } finally pending.close()
  }

  /** An executor's way to the driver, by which one question is lost as when its task is killed. */
  private final class Interrupted(driver: Object => Object, of: SparkConf) extends PluginContext {
    @volatile var interruptNext = false

    override def ask(message: Object): Object = {
      if (interruptNext) {
        interruptNext = false
        throw new InterruptedException("killed")
      }
      driver(message)
    }

    override def conf(): SparkConf = of
    override def executorID(): String = "0"
    override def metricRegistry(): MetricRegistry = new MetricRegistry
    override def hostname(): String = "127.0.0.1"
    override def resources(): JMap[String, ResourceInformation] = JMap.of()
    override def send(message: Object): Unit = driver(message)
  }

  test("the next application knows which hosts held a relation, lost ones included") {
    withDirectory("notes") { cluster =>
      report(cluster, "0", "a:/c", one, two)
      report(cluster, "1", "b:/c", three)
      report(cluster, "2", "c:/c")
      cluster.watch("r", JList.of(one, two, three))
      cluster.removed("1")
    }
    assert(
      new RelationHosts(Optional.of(directory("notes")), true).of("r") == JMap.of("a", 2, "b", 1))
  }
}
