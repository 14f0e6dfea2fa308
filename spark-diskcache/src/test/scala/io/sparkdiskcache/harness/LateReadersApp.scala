// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.util.concurrent.{CompletableFuture, ConcurrentHashMap, Executors, Future}
import java.util.concurrent.atomic.AtomicLong

import scala.util.Try

import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.functions.{broadcast, col, udf}

/**
 * One application whose consumers read on in other threads, or read while they are cancelled: when
 * their tasks have ended, and when the application has. They stop at a gate in the middle of a
 * partition, which opens after the memory that nobody can reach has been freed, and after the
 * application has been stopped; what they read then has to be the rows.
 *
 * Arguments: Parquet input of one file with columns `a`, `b` and `c`, a working directory, rounds,
 * then `key=value` settings. The last line of the output is `late readers are right`.
 */
object LateReadersApp {
  private val GateAt = 3000L
  private val Junk = Array.fill[Byte](1 << 20)(0x5a)
  private val sums = new ConcurrentHashMap[String, AtomicLong]
  private val ends = new ConcurrentHashMap[String, CompletableFuture[Long]]

  def main(args: Array[String]): Unit = {
    val input = args(0)
    val work = Path.of(args(1))
    val rounds = args(2).toInt
    val builder = SparkSession
      .builder()
      .master("local[4]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.task.reaper.enabled", "false")
    args.drop(3).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val spark = builder.getOrCreate()
    val cached = spark.conf.getOption("spark.diskcache.dir").isDefined
    val truth = spark.read.parquet(input).collect()
    val expected = truth.map(row => hash(row)).sum
    val last = truth.map(_.getLong(0)).max
    spark.read.parquet(input).filter("a >= 0").cache().createOrReplaceTempView("t")
    require(spark.table("t").count() == truth.length)
    var pending = Seq.empty[(Gate, Seq[String])]
    (0 until rounds).foreach { round =>
      val gate = new Gate(work, s"gate-$round")
      val atEnd = Seq(transform(spark, work, round, last), pipe(spark, work, round, last))
      val running = reading(spark, work, round, last)
      Gate.await("a task at the gate")(gate.arrived.nonEmpty)
      plain(spark, truth)
      cancelled(spark, work, round)
      churn()
      if (round < rounds - 1) {
        gate.open()
        (atEnd :+ running).foreach(name => check(name, expected))
      } else {
        pending = Seq(gate -> (atEnd :+ running))
      }
    }
    if (cached) {
      // No variable of a type of ours: the control runs without the jar, and loads this class.
      require(DiskCache.of(spark).stats().hits + DiskCache.of(spark).stats().computed > 0, "kept")
      require(DiskCache.of(spark).stats().privateRelations == 0, "private")
    }
    spark.stop()
    churn()
    pending.foreach { case (gate, names) =>
      gate.open()
      names.foreach(name => check(name, expected))
    }
    println("late readers are right")
  }

  private def hash(row: Row): Long =
    row.getLong(0) * 31 + row.getString(1).hashCode * 17 + row.getDouble(2).hashCode

  private def check(name: String, expected: Long): Unit = {
    val sum = ends.get(name).get()
    require(sum == expected, s"$name has read $sum and not $expected")
  }

  /** Adds up what a reader reads, who stops at the gate on his way. */
  private def read(work: String, name: String, gate: String, last: Long)(row: Row): Row = {
    val a = row.getLong(0)
    if (a == GateAt) stop(work, gate)
    val sum = sums.get(name).addAndGet(hash(row))
    if (a == last) ends.get(name).complete(sum)
    row
  }

  /** At a gate that an interrupt does not open, as code of others that swallows it. */
  private def stop(work: String, gate: String): Unit = {
    var through = false
    while (!through) {
      through = try {
        Gate.pass(work, gate)
        true
      } catch { case _: InterruptedException => false }
    }
  }

  private def reader(name: String, gate: Gate): Unit = {
    sums.put(name, new AtomicLong)
    ends.put(name, new CompletableFuture[Long])
    if (!gate.isClosed) gate.close()
  }

  /** The feeding thread goes on when the one row has been taken and the task has ended. */
  private def transform(spark: SparkSession, work: Path, round: Int, last: Long): String = {
    val name = s"transform-$round"
    reader(name, new Gate(work, s"gate-$round"))
    val (dir, gate) = (work.toString, s"gate-$round")
    val through = udf { (a: Long, b: String, c: Double) =>
      read(dir, name, gate, last)(Row(a, b, c))
      a
    }.asNondeterministic()
    spark.table("t").select(through(col("a"), col("b"), col("c")).as("a"), col("b"), col("c"))
      .createOrReplaceTempView("fed")
    val script = "sh -c \"echo 1; exec >&-; cat > /dev/null\""
    val one = spark.sql(s"SELECT TRANSFORM(a, b, c) USING '$script' AS (x) FROM fed LIMIT 1").collect()
    require(one.length == 1, one.toSeq)
    name
  }

  private def pipe(spark: SparkSession, work: Path, round: Int, last: Long): String = {
    val name = s"pipe-$round"
    reader(name, new Gate(work, s"gate-$round"))
    val (dir, gate) = (work.toString, s"gate-$round")
    val lines = spark.table("t").rdd.map(row => read(dir, name, gate, last)(row).toString)
    require(lines.pipe("head -n 1").collect().length == 1)
    name
  }

  /** A task that is killed, or whose application is stopped, and does not notice. */
  private def reading(spark: SparkSession, work: Path, round: Int, last: Long): String = {
    val name = s"reading-$round"
    val gate = new Gate(work, s"gate-$round")
    reader(name, gate)
    val (dir, file) = (work.toString, s"gate-$round")
    val rows = spark.table("t").rdd
    val thread = new Thread(
      () => {
        val own = Try(rows.foreachPartition(_.foreach(row => read(dir, name, file, last)(row))))
        own.failed.foreach(e => println(s"$name ended: ${e.getClass.getSimpleName}"))
      },
      name)
    thread.setDaemon(true)
    thread.start()
    name
  }

  /** Consumers with threads of their own that end with what they do. */
  private def plain(spark: SparkSession, truth: Array[Row]): Unit = {
    val t = spark.table("t")
    val rows = t.toLocalIterator()
    var n = 0
    while (rows.hasNext) {
      require(rows.next() == truth(n), s"row $n")
      n += 1
    }
    require(n == truth.length)
    val joined = spark.range(100).toDF("a").join(broadcast(t), "a")
    require(joined.count() == truth.count(_.getLong(0) < 100))
    t.toLocalIterator().next() // and never again
  }

  /** Tasks that are cancelled in the middle of a partition, with an interrupt and without. */
  private def cancelled(spark: SparkSession, work: Path, round: Int): Unit = {
    val threads = Executors.newFixedThreadPool(2)
    val gates = Seq(true, false).map(i => i -> new Gate(work, s"cancelled-$i-$round"))
    gates.foreach(_._2.close())
    val dir = work.toString
    val rows = spark.table("t").rdd
    try {
      val jobs: Seq[Future[_]] = gates.map { case (interrupt, _) =>
        val gate = s"cancelled-$interrupt-$round"
        val job: Runnable = () => {
          spark.sparkContext.setJobGroup(s"cancelled-$interrupt", "", interrupt)
          val ended = Try(rows.foreach(row => if (row.getLong(0) == GateAt) stop(dir, gate)))
          require(ended.isFailure, "it was cancelled")
        }
        threads.submit(job)
      }
      gates.foreach { case (interrupt, gate) =>
        Gate.await("a task at the gate")(gate.arrived.nonEmpty)
        spark.sparkContext.cancelJobGroup(s"cancelled-$interrupt")
      }
      jobs.foreach(_.get())
      churn()
    } finally {
      gates.foreach(_._2.open())
      threads.shutdownNow()
    }
  }

  /** Has freed what nobody refers to, and written over what was freed. */
  private def churn(): Unit =
    (0 until 3).foreach { _ =>
      System.gc()
      val blocks = (0 until 64).map(_ => java.nio.ByteBuffer.allocateDirect(Junk.length))
      blocks.foreach(_.put(Junk))
    }
}
