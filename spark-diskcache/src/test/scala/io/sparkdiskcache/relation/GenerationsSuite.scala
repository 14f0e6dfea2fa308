// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.{Files, Path}
import java.time.Duration
import java.util.Optional

import scala.collection.mutable.ListBuffer
import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{Gate, TestDirectories}
import io.sparkdiskcache.store._
import org.scalatest.funsuite.AnyFunSuite

/** The fate of the files of a set that is given up, for each way in which that happens. */
class GenerationsSuite extends AnyFunSuite with TestDirectories {
  private val Bytes = 1000
  private val generations = Generations.process()
  private var published = 0

  /** A set of three partitions in a store of its own, of which two are stored. */
  private def filled(name: String)(body: (DiskStore, String, Path) => Unit): Unit = {
    val dir = directory(name)
    val before = generations.count()
    val store = DiskStore.open(new StoreOptions(dir, 1L << 20, VerifyMode.OPEN))
    try {
      val generation = Units.randomKey().hex
      generations.begin(store, generation, 3, () => Findings.NONE, () => { published += 1; true })
      Seq(0, 1).foreach { partition =>
        assert(generations.mayStore(generation, partition, 0))
        put(store, generation, partition)
        generations.stored(generation, partition)
      }
      assert(files(dir) == 2 && bytes(dir) == 2 * Bytes)
      body(store, generation, dir)
      generations.abandon(generation)
      awaitNone(dir)
      assert(store.stats().errors == 0)
    } finally store.close()
    assert(generations.count() == before)
  }

  private def put(store: DiskStore, generation: String, partition: Int): Unit = {
    val key = Units.randomKey()
    val pending = store.begin(key)
    try {
      val content = new Array[Byte](Bytes)
      Files.write(pending.path(), content)
      val crc = new java.util.zip.CRC32C
      crc.update(content)
      pending.publish(
        new EntryMeta("ab" * 32, Optional.of(new Key(generation)), partition, 1, Bytes, crc.getValue,
          Duration.ZERO, Duration.ZERO, "", "app", "", Map("plan" -> "x").asJava))
    } finally pending.close()
  }

  private def data(dir: Path): Seq[Path] = {
    val walk = Files.walk(dir.resolve("data"))
    try walk.iterator().asScala.filter(_.toString.endsWith(".arrow")).toList
    finally walk.close()
  }

  private def files(dir: Path): Int = data(dir).size
  private def bytes(dir: Path): Long = data(dir).map(Files.size).sum
  private def awaitNone(dir: Path): Unit = Gate.await(s"files are left in $dir")(files(dir) == 0)

  /** Spared by eviction no more: by the index nobody waits for them. */
  private def awaitEvictable(dir: Path): Unit = Gate.await("entries have a writer") {
    val connection = java.sql.DriverManager.getConnection(s"jdbc:sqlite:${dir.resolve("index.db")}")
    try {
      val rows = connection.createStatement().executeQuery("SELECT count(*) FROM entries WHERE writer IS NOT NULL")
      rows.next() && rows.getInt(1) == 0
    } finally connection.close()
  }

  test("unpersisted: removed") {
    filled("unpersisted")((_, _, _) => ())
  }

  test("a repeated stage: evictable, and nothing more is stored") {
    filled("repeated") { (_, generation, dir) =>
      assert(!generations.mayStore(generation, 2, 1))
      awaitEvictable(dir)
      assert(!generations.mayStore(generation, 2, 0))
      assert(files(dir) == 2 && published == 0)
    }
  }

  test("a partition that runs twice, as in speculation: evictable, and nothing more is stored") {
    filled("twice") { (_, generation, dir) =>
      assert(!generations.mayStore(generation, 1, 0))
      awaitEvictable(dir)
      assert(!generations.mayStore(generation, 2, 0))
    }
  }

  test("a partition that is kept for the application only: evictable, what comes later as well") {
    filled("private") { (store, generation, dir) =>
      assert(generations.mayStore(generation, 2, 0))
      generations.spoil(generation)
      put(store, generation, 2)
      generations.stored(generation, 2)
      awaitEvictable(dir)
      assert(files(dir) == 3 && published == 0 && !generations.isComplete(generation))
    }
  }

  test("given up while a partition is written: its writer learns of it") {
    filled("late") { (store, generation, dir) =>
      assert(generations.mayStore(generation, 2, 0))
      generations.abandon(generation)
      awaitNone(dir)
      put(store, generation, 2)
      generations.stored(generation, 2)
      assert(generations.isAbandoned(generation) && published == 0)
      store.sets.abandon(new Key(generation))
    }
  }

  test("closing a store removes what only it could have completed") {
    val dir = directory("closed")
    val Seq(first, second) = Seq.fill(2)(DiskStore.open(new StoreOptions(dir, 1L << 20, VerifyMode.OPEN)))
    val Seq(shared, alone, paused) = Seq.fill(3)(Units.randomKey().hex)
    put(first, shared, 0)
    put(second, shared, 1)
    put(first, alone, 0)
    put(first, paused, 0)
    first.sets.relinquish(new Key(paused))
    first.close()
    assert(files(dir) == 2, "the other store may complete what both have begun")
    second.close()
    assert(files(dir) == 0)
  }

  test("jobs decide what becomes of a set") {
    val said = ListBuffer[String]()
    final class Recorded(complete: Boolean) extends UnfinishedSets.Unfinished {
      def active(running: Boolean): Unit = said += s"active $running"
      def relinquish(): Unit = said += "relinquish"
      def abandon(): Unit = said += "abandon"
      def forget(): Unit = said += "forget"
      def isComplete(): Boolean = complete
    }
    def after(complete: Boolean)(events: UnfinishedSets => Unit): Seq[String] = {
      said.clear()
      val sets = new UnfinishedSets
      sets.begin(7, new Recorded(complete))
      events(sets)
      said.toSeq
    }
    def ids(rdds: Int*) = rdds.map(Int.box).toSet.asJava
    val failed = after(complete = false) { sets =>
      sets.jobStarted(1, ids(3, 7))
      sets.jobEnded(1, false)
      sets.unpersisted(7)
    }
    assert(failed == Seq("active true", "active false", "forget", "abandon"))
    val shown = after(complete = false) { sets =>
      sets.jobStarted(1, ids(7))
      sets.jobStarted(2, ids(7))
      sets.jobEnded(2, false)
      sets.jobEnded(1, true)
      sets.jobStarted(3, ids(7))
      sets.jobEnded(3, false)
      sets.unpersisted(7)
    }
    assert(shown == Seq("active true", "active false", "relinquish", "active true", "active false", "relinquish", "abandon"))
    assert(after(complete = true)(sets => { sets.jobStarted(1, ids(7)); sets.jobEnded(1, true); sets.end() }) ==
      Seq("active true", "active false", "abandon"))
    assert(after(complete = false)(sets => { sets.jobStarted(1, ids(8)); sets.jobEnded(1, false) }).isEmpty)
  }
}
