// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.util.Base64

import io.sparkdiskcache.harness.{LateReadersApp, NewJvm, Sample, TestDirectories}
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/**
 * Threads that read on when their task or the application has ended: memory that is freed too early
 * ends the process, so each is one of its own. Plain Spark and one kind of entries by default;
 * `-Ddiskcache.lateReaders=all` runs every kind, `-Ddiskcache.lateReaders.rounds=200` as many rounds.
 */
class LateReadersSuite extends AnyFunSuite with TestDirectories {
  private val Rounds = Integer.getInteger("diskcache.lateReaders.rounds", 2).toInt

  private lazy val input: Path = {
    val dir = directory("input").resolve("t")
    val spark = SparkSession.builder().master("local[2]").config("spark.ui.enabled", "false")
      .config("spark.diskcache.enabled", "false").getOrCreate()
    try
      spark
        .range(0, 60000, 1, 1)
        .selectExpr("id as a", "concat('text ', id % 100, ' of ', id) as b", "id / 7 as c")
        .write
        .parquet(dir.toString)
    finally spark.stop()
    dir
  }

  private lazy val key: String = {
    val file = directory("keys").resolve("key")
    Files.writeString(file, Base64.getEncoder.encodeToString(Array.tabulate[Byte](32)(_.toByte)))
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"))
    file.toString
  }

  private def cache(name: String): Seq[String] = Seq(
    "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
    "spark.diskcache.inputs.settle=0s",
    s"spark.diskcache.dir=${directory(s"cache-$name")}")

  private val control = "plain Spark" -> (() => Seq.empty[String])

  private val kinds: Seq[(String, () => Seq[String])] = Seq(
    "plain entries" -> (() => cache("plain")),
    "compressed entries" -> (() => cache("lz4") :+ "spark.diskcache.compression=lz4"),
    "encrypted entries" -> (() =>
      cache("encrypted") :+ s"spark.diskcache.encryption.keyFile=$key"),
    "encrypted and compressed entries" -> (() =>
      cache("both") ++ Seq(
        s"spark.diskcache.encryption.keyFile=$key",
        "spark.diskcache.compression=zstd"))
  )

  for ((mode, settings) <- control +: Sample.of("diskcache.lateReaders", 1, kinds)(_._1)) {
    test(s"who reads on when the task or the application has ended reads the rows: $mode") {
      val name = mode.replace(' ', '-')
      val modeSettings = settings()
      val work = directory(s"work-$name")
      val finished = NewJvm.run(
        LateReadersApp.getClass.getName.stripSuffix("$"),
        Seq(input.toString, work.toString, Rounds.toString) ++ modeSettings,
        withCache = modeSettings.nonEmpty,
        directory("logs").resolve(s"$name.log"),
        timeoutSeconds = 300L + 30L * Rounds)
      assert(finished.exit == 0, s"the process ended:\n${finished.output.takeRight(4000)}")
      assert(finished.output.contains("late readers are right"), finished.output.takeRight(4000))
      println(s"$mode: $Rounds rounds, exit ${finished.exit}")
    }
  }
}
