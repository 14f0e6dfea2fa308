// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.Path
import java.util.concurrent.atomic.AtomicLong

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness._
import org.apache.spark.scheduler.{SparkListener, SparkListenerStageCompleted}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.expressions.UserDefinedFunction
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/**
 * The time that a hit says it saves, for plans whose work is below the partitions that are stored:
 * at least what a slow function below is known to take, at most what all tasks of the fill have
 * taken.
 */
class SavingsSuite extends AnyFunSuite with Applications {
  import SavingsSuite._

  private lazy val input: Path = {
    val path = directory("input").resolve("t")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, Rows, 1, 2).selectExpr("id", "id % 5 as k").write.parquet(path.toString)
    }
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(input.toFile.isDirectory)
  }

  private def table(spark: SparkSession): DataFrame = spark.read.parquet(input.toString)

  /** Takes [[slowMillis]] at least for each row, in the stage that scans. */
  private def slow(spark: SparkSession): DataFrame = table(spark).withColumn("v", SlowWork.slowly(col("id")))

  /**
   * @param passes how often each row of the input passes the slow function below
   */
  private def saves(name: String, passes: Int)(query: SparkSession => DataFrame): Unit =
    for (adaptive <- Seq(true, false)) {
      test(s"$name, ${if (adaptive) "adaptive" else "static"}") {
        val cache = directory(s"${name.filter(_.isLetter)}-$adaptive")
        val settings = Seq("spark.sql.adaptive.enabled" -> s"$adaptive", "spark.sql.shuffle.partitions" -> "3")
        val known = (slowMillis * Rows * passes).toLong
        val (rows, spent) = application(cache, settings: _*) { spark =>
          val df = query(spark).cache()
          val times = new RunTimes
          spark.sparkContext.addSparkListener(times)
          val found = ExactRows.of(df)
          StageFigures.drain(spark.sparkContext)
          assert(stats(spark).computed() > 0 && stats(spark).withheld().isEmpty, DiskCache.of(spark).explain(df))
          (found, times.millis.get)
        }
        application(cache, settings: _*) { spark =>
          val df = query(spark).cache()
          val (found, figures) = StageFigures.of(spark.sparkContext)(ExactRows.of(df))
          assert(found == rows)
          assert(figures.mapTasks == 0, "the stages below are skipped")
          val said = stats(spark)
          assert(said.hits() > 0 && said.computed() == 0, said)
          // A task's own time is rounded to milliseconds, as are those of its stage.
          val slack = 5 * said.hits() + figures.tasks
          assert(said.savedMillis() >= known - slack, s"$said, of $spent ms")
          assert(said.savedMillis() <= spent + slack, s"$said, slow functions $known ms")
          val report = DiskCache.of(spark).explain(df).relations().get(0)
          assert(report.computeTime().toMillis >= known - slack, report)
          spark.conf.set("spark.diskcache.enabled", "false")
          df.unpersist(true)
          assert(found == truth(query(spark)), "the rows of plain Spark")
        }
      }
    }

  saves("an aggregation", 1)(slow(_).groupBy("k").agg(sum("v")))

  saves("a sort by ranges, which reads its input twice", 2)(slow(_).orderBy(col("v").desc))

  saves("a join of two shuffled sides", 2) { spark =>
    slow(spark).as("a").hint("merge").join(slow(spark).withColumn("v", col("v") + 1).as("b"), col("a.v") === col("b.v"))
      .selectExpr("a.id as a", "b.id as b")
  }

  saves("the broadcast side of a row-local relation", 1) { spark =>
    table(spark).join(broadcast(slow(spark).withColumnRenamed("id", "other")), col("id") === col("v"), "left")
  }

  saves("a broadcast side above an aggregation", 1) { spark =>
    table(spark).groupBy("k").count().join(broadcast(slow(spark)), Seq("k"))
  }

  saves("a scalar subquery", 1) { spark =>
    slow(spark).createOrReplaceTempView("slow")
    table(spark).createOrReplaceTempView("t")
    spark.sql("select k, count(*) as n, (select max(v) from slow) as m from t group by k")
  }

  saves("two branches of a union", 2) { spark =>
    slow(spark).groupBy("k").agg(sum("v") as "x").union(slow(spark).groupBy("k").agg(max("v") as "x"))
  }

  saves("stages above stages", 1)(
    slow(_).groupBy("k", "v").count().groupBy("k").agg(sum("v") as "x").orderBy("x"))

  test("a relation that another one reads says what is below it") {
    val cache = directory("nested")
    val settings = Seq("spark.sql.shuffle.partitions" -> "3")
    def below(spark: SparkSession): DataFrame = slow(spark).groupBy("k").agg(sum("v") as "x")
    def above(spark: SparkSession): DataFrame = below(spark).groupBy().agg(sum("x"))
    val known = (slowMillis * Rows).toLong
    application(cache, settings: _*) { spark =>
      below(spark).cache()
      ExactRows.of(above(spark).cache())
      assert(stats(spark).withheld().isEmpty, stats(spark))
    }
    application(cache, settings: _*) { spark =>
      def said(df: DataFrame) = DiskCache.of(spark).explain(df).relations().asScala.map(_.computeTime().toMillis)
      assert(said(below(spark).cache()).head >= known - 20)
      assert(said(above(spark).cache()).max > 0)
    }
  }
}

/** User code: an object of its own, as a job would have it. */
object SlowWork extends Serializable {

  /** Made here: what the suite's own object holds would count as the function's. */
  def slowly: UserDefinedFunction = udf((id: Long) => work(id))

  private final val Steps = 8000000

  /** Takes its time with a number and returns it. */
  def work(id: Long): Long = {
    var x = id
    var step = 0
    while (step < Steps) {
      x = x * 6364136223846793005L + 1442695040888963407L
      step += 1
    }
    if (x == 42) -1 else id
  }
}

object SavingsSuite {
  private val Rows = 40L
  private val Tries = 20
  /** A row takes that at least, here and now: half of the shortest of several tries. */
  private lazy val slowMillis: Double = (1 to Tries).map { n =>
    val start = System.nanoTime()
    assert(SlowWork.work(n) == n)
    (System.nanoTime() - start) / 1e6
  }.min / 2

  private final class RunTimes extends SparkListener {
    val millis = new AtomicLong

    override def onStageCompleted(event: SparkListenerStageCompleted): Unit = {
      val unused = millis.addAndGet(event.stageInfo.taskMetrics.executorRunTime)
    }
  }
}
