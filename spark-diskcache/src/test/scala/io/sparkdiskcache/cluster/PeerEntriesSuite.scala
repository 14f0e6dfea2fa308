// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster

import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.time.Duration
import java.util.{List => JList, Map => JMap, Optional}
import java.util.concurrent.CountDownLatch

import scala.util.Random

import io.sparkdiskcache.harness.TestDirectories
import io.sparkdiskcache.store._
import org.apache.spark.SparkEnv
import org.apache.spark.network.TransportContext
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.server.NoOpRpcHandler
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/** Two executors in one process, with Spark's authentication and encryption between them. */
class PeerEntriesSuite extends AnyFunSuite with TestDirectories {
  private val size = (9 << 20) + 3 // more than two chunks
  private val key = new Key("ab" * 32)

  private lazy val content: Array[Byte] = {
    val seed = java.lang.Long.getLong("diskcache.seed", System.nanoTime())
    info(s"seed $seed")
    val bytes = new Array[Byte](size)
    new Random(seed).nextBytes(bytes)
    bytes
  }

  private lazy val spark = SparkSession
    .builder()
    .master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.authenticate", "true")
    .config("spark.network.crypto.enabled", "true")
    .config("spark.network.crypto.saslFallback", "false")
    .getOrCreate()

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(spark.sparkContext.isLocal)
  }

  override protected def afterAll(): Unit = {
    spark.stop()
    super.afterAll()
  }

  private def withEntry(body: (DiskStore, Entry) => Unit): Unit = {
    val store = DiskStore.open(new StoreOptions(directory("store"), 1L << 30, VerifyMode.OPEN))
    try {
      val pending = store.begin(key)
      Files.write(pending.path(), content)
      val nothing = Duration.ZERO
      val meta = new EntryMeta("cd" * 32, Optional.empty(), 0, 1, size, 0, nothing, nothing, "", "app", "", JMap.of())
      val entry = pending.publish(meta)
      pending.close()
      body(store, entry)
      store.evict((_: Entry) => true)
    } finally store.close()
  }

  private def withPeers(store: Optional[DiskStore])(body: (PeerEntries, PeerEntries) => Unit): Unit = {
    val server = new PeerEntries(() => store)
    try {
      val reader = new PeerEntries(() => Optional.empty())
      try body(server, reader)
      finally reader.close()
    } finally server.close()
  }

  private def open(reader: PeerEntries, server: PeerEntries, what: Key) =
    reader.open(what, JList.of(server.self()), () => ())

  test("an entry arrives as it is, and one that is not there is not") {
    withEntry { (store, _) =>
      withPeers(Optional.of(store)) { (server, reader) =>
        val stream = open(reader, server, key).get()
        assert(java.util.Arrays.equals(stream.readAllBytes(), content))
        assert(open(reader, server, new Key("ef" * 32)).isEmpty)
        assert(open(server, reader, key).isEmpty, "it has none")
      }
    }
  }

  test("an entry that is removed while it is read fails its reader, which can tell") {
    withEntry { (store, entry) =>
      withPeers(Optional.of(store)) { (server, reader) =>
        val stream = open(reader, server, key).get()
        Files.delete(entry.path())
        val e = intercept[IOException](stream.readAllBytes())
        assert(e.getMessage.contains("was removed"), e)
      }
    }
  }

  test("a peer that is gone has nothing, and another one is asked") {
    withEntry { (store, _) =>
      withPeers(Optional.of(store)) { (server, reader) =>
        val gone = new PeerEntries(() => Optional.empty())
        val address = gone.self()
        gone.close()
        assert(reader.open(key, JList.of(address), () => ()).isEmpty)
        assert(reader.open(key, JList.of(address, server.self()), () => ()).isPresent)
      }
    }
  }

  test("a reader that is killed does not wait for a peer that hangs") {
    val release = new CountDownLatch(1)
    val server = new PeerEntries({ () =>
      release.await()
      Optional.empty()
    })
    try {
      val reader = new PeerEntries(() => Optional.empty())
      try {
        val killed = new Runnable { override def run(): Unit = throw new IllegalStateException("killed") }
        val e = intercept[IllegalStateException](reader.open(key, JList.of(server.self()), killed))
        assert(e.getMessage == "killed")
      } finally {
        release.countDown()
        reader.close()
      }
    } finally server.close()
  }

  test("who does not know the secret gets nothing") {
    withEntry { (store, _) =>
      withPeers(Optional.of(store)) { (server, reader) =>
        val question = ByteBuffer.allocate(12 + 64)
        question.putLong(0).putInt(16).put(key.hex.getBytes(StandardCharsets.US_ASCII)).flip()
        val conf = SparkTransportConf.fromSparkConf(SparkEnv.get.conf, "shuffle", 1)
        val context = new TransportContext(conf, new NoOpRpcHandler)
        try {
          val clients = context.createClientFactory()
          try {
            val client = clients.createClient(server.self().host(), server.self().port())
            intercept[RuntimeException](client.sendRpcSync(question, 30000))
          } finally clients.close()
        } finally context.close()
        assert(open(reader, server, key).isPresent, "who knows it does")
      }
    }
  }
}
