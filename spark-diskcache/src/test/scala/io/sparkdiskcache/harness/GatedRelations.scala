// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions.{col, sum}

/** A relation of each class over files that can be held up, see [[GateFileSystem]]. */
object GatedRelations {
  /** One entry for each file. */
  val RowLocal = "files"

  /** An entry for each of four partitions of a range and for each file. */
  val PartitionLocal = "partitions"

  /** Four partitions behind a shuffle, and one for each file. */
  val RunBound = "run"

  val All: Seq[String] = Seq(RowLocal, PartitionLocal, RunBound)
  val Units: Map[String, Int] = Map(RowLocal -> 8, PartitionLocal -> 12, RunBound -> 12)

  /** In the seventh file. */
  val Held = 603L

  val settings: Seq[(String, String)] = Seq(
    GateFileSystem.setting,
    "spark.sql.adaptive.enabled" -> "false",
    "spark.sql.shuffle.partitions" -> "4",
    "spark.sql.files.maxPartitionBytes" -> "1k",
    "spark.sql.leafNodeDefaultParallelism" -> "4")

  def write(dir: Path): Unit = {
    Files.createDirectories(dir)
    (All :+ "grouped").foreach { name =>
      val files = Files.createDirectory(dir.resolve(name))
      (0 until 8).foreach { i =>
        Files.write(
          files.resolve(s"f-$i.csv"),
          (0 until 20).map(n => s"${i * 100 + n},${n % 5}").asJava)
      }
    }
  }

  /** Where the task stops that computes the entry of the seventh file. */
  def fillGate(dir: Path, name: String): Gate = new Gate(dir.resolve(s"$name.gates"), "f-6.csv")

  /** Where the task stops that reads [[Held]] from the cache, if the column is [[reading]]. */
  def readGate(dir: Path, name: String): Gate =
    new Gate(dir.resolve(s"$name.reads"), Held.toString)

  private def files(spark: SparkSession, dir: Path, name: String): DataFrame =
    spark.read.schema("id long, k long").csv(s"gate://${dir.resolve(name)}")

  def relation(spark: SparkSession, dir: Path, name: String): DataFrame = name match {
    case RowLocal => files(spark, dir, name).where("id >= 0")
    case PartitionLocal =>
      spark.range(5000, 5040, 1, 4).selectExpr("id", "id % 5 as k").union(files(spark, dir, name))
    case RunBound =>
      files(spark, dir, "grouped")
        .groupBy("k")
        .agg(sum("id").as("id"))
        .select("id", "k")
        .union(files(spark, dir, name))
  }

  /** A query over the cached relation whose task stops in the middle of reading. */
  def reading(spark: SparkSession, dir: Path, name: String): DataFrame =
    relation(spark, dir, name).cache()
      .select(Gate.at(dir.resolve(s"$name.reads"))(col("id")).as("id"), col("k"))
}
