// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.util.Base64

import io.sparkdiskcache.arrow.MappedEntry
import io.sparkdiskcache.harness.{Applications, ExactRows, StageFigures}
import org.apache.spark.SparkEnv
import org.apache.spark.scheduler.{SparkListener, SparkListenerTaskEnd}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** Memory that tasks hold for the cache is counted among Spark's memory, and given back where it is short. */
class TaskMemorySuite extends AnyFunSuite with Applications {
  private val Strict = Seq(
    "spark.unsafe.exceptionOnMemoryLeak" -> "true",
    "spark.buffer.pageSize" -> "256k",
    "spark.sql.adaptive.enabled" -> "false")

  /** So that tasks share 6 MB, where a full batch would take three times as much. */
  private val Short =
    Seq("spark.testing.memory" -> "11000000", "spark.testing.reservedMemory" -> "1000000")

  private lazy val input: Path = {
    val dir = directory("input").resolve("table")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 60000, 1, 2)
        .selectExpr(
          "id",
          "cast(pmod(xxhash64(id), 1000000) as int) as k",
          "concat(repeat('a text that is not short, ', 8), id) as text",
          "array(id, null, id + 1) as list",
          "named_struct('x', id / 7, 'y', cast(id as string)) as s")
        .write
        .parquet(dir.toString)
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input))
  }

  /** The highest of `peakExecutionMemory` of all tasks of `body`. */
  private def peak[T](spark: SparkSession)(body: => T): (T, Long) = {
    var highest = 0L
    val listener = new SparkListener {
      override def onTaskEnd(task: SparkListenerTaskEnd): Unit =
        highest = math.max(highest, task.taskMetrics.peakExecutionMemory)
    }
    spark.sparkContext.addSparkListener(listener)
    val result = body
    StageFigures.drain(spark.sparkContext)
    spark.sparkContext.removeSparkListener(listener)
    assert(SparkEnv.get.memoryManager.executionMemoryUsed == 0, "memory that was not given back")
    (result, highest)
  }

  private def batches(cache: Path): Int =
    dataFiles(cache).map { file =>
      val entry = MappedEntry.open(file)
      entry.batchCount()
    }.sum

  private val Plans = Seq[(String, SparkSession => DataFrame)](
    "rows" -> (_.read.parquet(input.toString).filter("id >= 0")),
    "columns" -> (_.read.parquet(input.toString).select("id", "k", "text")),
    "rows that are sorted meanwhile" -> (
      _.read.parquet(input.toString).sortWithinPartitions("k")))

  for ((name, plan) <- Plans) {
    test(s"$name: a batch is counted while it is written, and ended early where memory is short") {
      val expected =
        application(directory("unused"), "spark.diskcache.enabled" -> "false")(spark =>
          truth(plan(spark)))
      val ample = directory(s"ample-$name".replace(' ', '-'))
      application(ample, Strict: _*) { spark =>
        val (rows, held) = peak(spark)(ExactRows.of(plan(spark).cache()))
        assert(rows == expected && stats(spark).computed > 0)
        assert(held > (4 << 20), "the memory of a batch")
      }
      val short = directory(s"short-$name".replace(' ', '-'))
      application(short, Strict ++ Short: _*) { spark =>
        val (rows, _) = peak(spark)(ExactRows.of(plan(spark).cache()))
        assert(rows == expected)
        assert(stats(spark).computed > 0 && stats(spark).privateRelations == 0)
      }
      assert(batches(short) > 2 * batches(ample), "batches that were ended early")
      application(short, Strict ++ Short: _*) { spark =>
        assert(ExactRows.of(plan(spark).cache()) == expected)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
      }
    }
  }

  test("what is decrypted is counted until the task ends") {
    val key = directory("keys").resolve("key")
    Files.writeString(key, Base64.getEncoder.encodeToString(new Array[Byte](32)))
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"))
    val encrypted = Strict :+ ("spark.diskcache.encryption.keyFile" -> key.toString)
    val plan = Plans.head._2
    Seq("ample" -> Nil, "short" -> Short).foreach { case (name, memory) =>
      val cache = directory(s"encrypted-$name")
      val settings = encrypted ++ memory
      val expected = application(cache, settings: _*)(spark => ExactRows.of(plan(spark).cache()))
      val smallest = dataFiles(cache).map(Files.size(_)).min
      application(cache, settings: _*) { spark =>
        val (rows, held) = peak(spark)(ExactRows.of(plan(spark).cache()))
        assert(rows == expected)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
        assert(held > smallest * 9 / 10, "memory of what was decrypted")
      }
    }
    val plain = directory("plain")
    application(plain, Strict: _*) { spark =>
      plan(spark).cache().count()
    }
    application(plain, Strict: _*) { spark =>
      val (_, held) = peak(spark)(plan(spark).cache().agg(max("id")).collect())
      assert(stats(spark).hits > 0 && held < (1 << 20), "what is mapped takes none")
    }
  }
}
