// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.{Files, Path}
import java.time.{Clock, Duration}
import java.util.HexFormat

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.fingerprint.FingerprintResult.{Accepted, Refused}
import org.apache.spark.sql.{DataFrame, Dataset, SparkSession}
import org.apache.spark.sql.classic
import org.apache.spark.sql.execution.SparkPlan
import org.scalatest.{BeforeAndAfterAll, Suite}

/** A session, a directory, and fingerprints of queries; the clock is ahead, so files are settled. */
trait PlanFixture extends BeforeAndAfterAll { self: Suite =>
  protected val dir: Path = PlanFixture.directory("fingerprint")
  protected lazy val spark: SparkSession = PlanFixture.session("local[2]", Map.empty)

  private val settled = Clock.offset(Clock.systemUTC(), Duration.ofHours(1))

  protected val options: FingerprintOptions = FingerprintOptions.of("test").withClock(settled)

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark.sparkContext.setLogLevel("ERROR")
  }

  override protected def afterAll(): Unit =
    try spark.stop()
    finally {
      PlanFixture.delete(dir)
      super.afterAll()
    }

  protected def fingerprint(
      plan: SparkPlan,
      options: FingerprintOptions = options,
      functions: FunctionIdentity = FakeFunctions): FingerprintResult = {
    val state = spark.asInstanceOf[classic.SparkSession].sessionState
    new PlanFingerprinter(functions, new InputStats(options.settle, options.clock), options)
      .fingerprint(plan, state.conf, state.newHadoopConf())
  }

  protected def plan(query: Dataset[_]): SparkPlan =
    query.asInstanceOf[classic.Dataset[_]].queryExecution.executedPlan

  protected def fingerprint(query: Dataset[_]): FingerprintResult = fingerprint(plan(query))

  protected def accepted(query: Dataset[_]): Accepted = accepted(fingerprint(query))

  protected def accepted(result: FingerprintResult): Accepted = result match {
    case a: Accepted => a
    case r: Refused => fail("expected a fingerprint, was refused: " + r.refusal)
  }

  protected def refused(query: Dataset[_]): Refusal = fingerprint(query) match {
    case r: Refused => r.refusal
    case a: Accepted => fail("expected a refusal, got " + a.components)
  }

  protected def function(query: Dataset[_]): String = hex(accepted(query).function)

  /** Function and the keys of all units: what a hit needs. */
  protected def keys(query: Dataset[_]): Seq[String] = PlanFixture.keys(accepted(query))

  protected def hex(bytes: Array[Byte]): String = HexFormat.of().formatHex(bytes)

  protected def withConf[T](settings: (String, String)*)(body: => T): T = {
    // Not RuntimeConfig.getOption: that gives defaults too, and a default that is set is a setting.
    val set = spark.asInstanceOf[classic.SparkSession].sessionState.conf.getAllConfs
    val before = settings.map { case (key, _) => key -> set.get(key) }
    settings.foreach { case (key, value) => spark.conf.set(key, value) }
    try body
    finally
      before.foreach {
        case (key, Some(value)) => spark.conf.set(key, value)
        case (key, None) => spark.conf.unset(key)
      }
  }

  protected def path(name: String): String = dir.resolve(name).toString

  protected def sql(text: String): DataFrame = spark.sql(text)
}

object PlanFixture {
  /** A fresh directory; the build names a parent that need not exist yet. */
  def directory(name: String): Path = {
    Files.createDirectories(Path.of(System.getProperty("java.io.tmpdir")))
    Files.createTempDirectory(name)
  }

  def session(master: String, settings: Map[String, String]): SparkSession = {
    val builder = SparkSession
      .builder()
      .master(master)
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.driver.bindAddress", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "3")
      .config("spark.sql.warehouse.dir", directory("warehouse").toString)
    settings.foreach { case (key, value) => builder.config(key, value) }
    builder.getOrCreate()
  }

  def keys(accepted: Accepted): Seq[String] = {
    val raw = accepted.planClass match {
      case PlanClass.ROW_LOCAL =>
        accepted.chunks.asScala.map(Keys.chunkKey(accepted.function, _)).toSeq
      case PlanClass.PARTITION_LOCAL =>
        accepted.partitions.asScala.zipWithIndex.map { case (chunks, i) =>
          Keys.partitionKey(accepted.function, i, chunks)
        }.toSeq :+ accepted.function
      case PlanClass.RUN_BOUND => Seq(Keys.setKey(accepted.function, accepted.inputs, accepted.packing))
    }
    raw.map(HexFormat.of().formatHex(_))
  }

  def delete(root: Path): Unit =
    if (Files.exists(root)) {
      val walk = Files.walk(root)
      try walk.sorted(java.util.Comparator.reverseOrder[Path]()).forEach(p => Files.delete(p))
      finally walk.close()
    }
}
