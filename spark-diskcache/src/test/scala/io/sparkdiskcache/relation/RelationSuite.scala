// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.{Files, Path}
import java.util.concurrent.{Callable, Executors, TimeUnit}
import java.util.concurrent.atomic.AtomicInteger

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.{CacheOptions, DiskCache}
import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, ArrowMemory, ExactRows, Gate, StageFigures}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.execution.{ColumnarToRowExec, SparkPlan}
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.apache.spark.sql.functions._
import org.apache.spark.storage.StorageLevel
import org.scalatest.funsuite.AnyFunSuite

/** The promises of a cached relation inside an application and across applications. */
class RelationSuite extends AnyFunSuite with Applications {

  /** Four files of 250 rows. */
  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 1000, 1, 4)
        .selectExpr("id", "id % 10 as k", "cast(id as decimal(12,2)) / 4 as price")
        .write
        .parquet(s"$dir/t")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(input.resolve("t")))
  }

  private def table(spark: SparkSession): DataFrame = spark.read.parquet(s"$input/t")
  private def rowLocal(spark: SparkSession): DataFrame = table(spark).filter("k < 7")
  private def runBound(spark: SparkSession): DataFrame =
    table(spark).groupBy("k").agg(sum("price").as("total"))

  private def fill(cache: Path)(relation: SparkSession => DataFrame): Seq[String] =
    application(cache) { spark =>
      val expected = truth(relation(spark))
      val df = relation(spark).cache()
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed > 0)
      assert(status(spark, df) == Status.HIT, DiskCache.of(spark).explain(df))
      expected
    }

  test("explain says miss, hit, partial and refused, with reason and place") {
    val cache = directory("explain")
    val files = directory("explain-input")
    application(cache) { spark =>
      spark.range(0, 10).write.parquet(s"$files/a")
      def df = spark.read.parquet(files.resolve("a").toString).filter("id > 2")
      assert(status(spark, df) == Status.MISS)
      val cached = df.cache()
      assert(status(spark, cached) == Status.MISS)
      cached.count()
      assert(status(spark, cached) == Status.HIT)
      val report = DiskCache.of(spark).explain(cached)
      assert(report.toString.startsWith("hit"))
      assert(report.toString.contains(cache.toString))
      assert(report.relations().get(0).fingerprint().matches("[0-9a-f]{64}"))
      assert(report.relations().get(0).bytes() > 0)
    }
    application(cache) { spark =>
      spark.range(10, 20).write.mode("append").parquet(s"$files/a")
      val df = spark.read.parquet(files.resolve("a").toString).filter("id > 2").cache()
      val report = DiskCache.of(spark).explain(df)
      assert(report.relations().get(0).status() == Status.PARTIAL, report)
      assert(report.toString.matches("(?s)partial \\d+ of \\d+.*"))
      val random = spark.range(5).withColumn("r", rand()).cache()
      val refused = DiskCache.of(spark).explain(random)
      assert(refused.relations().get(0).status() == Status.REFUSED)
      assert(refused.relations().get(0).reason().get().code() == Refusal.Code.NON_DETERMINISTIC)
      assert(refused.toString.contains("Project"), refused)
    }
  }

  test("generated code reads the columns of a kept relation, with and without AQE") {
    val cache = directory("columnar-reads")
    val expected = fill(cache)(rowLocal)
    for (adaptive <- Seq("true", "false")) {
      application(cache, "spark.sql.adaptive.enabled" -> adaptive) { spark =>
        val cached = rowLocal(spark).cache()
        val grouped = cached.groupBy("k").agg(sum("price").as("total"))
        val total = grouped.collect().map(_.getDecimal(1)).reduce(_ add _)
        assert(total == cached.selectExpr("sum(price)").first().getDecimal(0))
        val reads = find(grouped.queryExecution.executedPlan) { case r: ColumnarToRowExec => r }
        assert(reads.size == 1, grouped.queryExecution.executedPlan)
        assert(scans(reads.head).size == 1, reads.head)
        assert(ExactRows.of(cached) == expected)
        assert(stats(spark).computed == 0)
      }
    }
  }

  private object Plans extends AdaptiveSparkPlanHelper
  private def find[T](plan: SparkPlan)(found: PartialFunction[SparkPlan, T]): Seq[T] =
    Plans.collect(plan)(found)
  private def scans(plan: SparkPlan): Seq[SparkPlan] =
    find(plan) { case scan: InMemoryTableScanExec => scan }

  test("a file that arrives costs only its own chunks") {
    val cache = directory("arrival")
    val files = directory("arrival-input").resolve("t")
    application(cache) { spark =>
      spark.range(0, 100, 1, 4).write.parquet(files.toString)
      spark.read.parquet(files.toString).filter("id % 2 = 0").cache().count()
      assert(stats(spark).computed == 4)
    }
    application(cache) { spark =>
      spark.range(100, 120, 1, 1).write.mode("append").parquet(files.toString)
      def df = spark.read.parquet(files.toString).filter("id % 2 = 0")
      val expected = truth(df)
      val cached = df.cache()
      assert(ExactRows.of(cached) == expected)
      assert(expected.size == 60)
      assert(stats(spark).hits == 4)
      assert(stats(spark).computed == 1)
    }
  }

  test("a file deleted from the cache between announcement and read: computed, attached") {
    val cache = directory("deleted-attached")
    val expected = fill(cache)(rowLocal)
    application(cache) { spark =>
      val df = rowLocal(spark).cache()
      // The scan's RDD is built, and its partitions announced, when the plan is executed.
      val plan = df.queryExecution.executedPlan
      plan.execute()
      assert(stats(spark).hits == 4)
      dataFiles(cache).take(2).foreach(file => Files.delete(file))
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed == 2)
    }
    application(cache) { spark =>
      assert(ExactRows.of(rowLocal(spark).cache()) == expected)
      assert(stats(spark).hits == 4, "what was lost has been stored again")
    }
  }

  test("a file deleted before the relation is resolved: a miss, detached") {
    val cache = directory("deleted-detached")
    val expected = fill(cache)(runBound)
    application(cache) { spark =>
      val df = runBound(spark).cache()
      assert(status(spark, df) == Status.HIT)
      Files.delete(dataFiles(cache).head)
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).hits == 0)
      assert(stats(spark).computed > 0)
    }
  }

  test("files deleted after a detached relation was resolved: still read") {
    val cache = directory("deleted-late")
    val expected = fill(cache)(runBound)
    application(cache) { spark =>
      val df = runBound(spark).cache()
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed == 0)
      dataFiles(cache).foreach(file => Files.delete(file))
      assert(ExactRows.of(df) == expected)
    }
  }

  test("a truncated or altered file is never served") {
    Seq("truncated", "altered").foreach { damage =>
      Seq(("row-local", rowLocal _), ("run-bound", runBound _)).foreach { case (name, relation) =>
        withClue(s"$damage, $name: ") {
          val cache = directory(s"$damage-$name")
          val expected = fill(cache)(relation)
          val file = dataFiles(cache).head
          val bytes = Files.readAllBytes(file)
          if (damage == "truncated") {
            Files.write(file, bytes.take(bytes.length / 2))
          } else {
            bytes(bytes.length / 2) = (bytes(bytes.length / 2) ^ 1).toByte
            Files.write(file, bytes)
          }
          application(cache) { spark =>
            assert(ExactRows.of(relation(spark).cache()) == expected)
            assert(stats(spark).computed > 0)
            assert(stats(spark).store.quarantined == 1)
          }
          application(cache) { spark =>
            assert(ExactRows.of(relation(spark).cache()) == expected)
            assert(stats(spark).computed == 0, "the damaged entry was replaced")
          }
        }
      }
    }
  }

  test("a query that stops early publishes whole partitions only") {
    val cache = directory("limit")
    val expected = application(cache) { spark =>
      val df = rowLocal(spark).cache()
      assert(df.limit(3).collect().length == 3)
      DiskCache.of(spark).entries().asScala.foreach { entry =>
        // 250 rows of a file, 7 of 10 pass the filter
        assert(entry.rows == 175, "a partition was published that was not read to its end")
      }
      val grouped = runBound(spark).cache()
      grouped.limit(1).collect()
      truth(rowLocal(spark).toDF())
    }
    application(cache) { spark =>
      assert(ExactRows.of(rowLocal(spark).cache()) == expected)
      val total = truth(runBound(spark))
      assert(ExactRows.of(runBound(spark).cache()) == total)
    }
  }

  test("a failed task publishes nothing of its partition") {
    val cache = directory("failing")
    application(cache) { spark =>
      // Row 500 is in the third of four files.
      val df = table(spark).selectExpr("id", "1000 div (id - 500) as q").cache()
      intercept[Exception](df.collect())
      assert(DiskCache.of(spark).entries().asScala.forall(_.rows == 250))
      assert(dataFiles(cache).size <= 3)
      Gate.await("files of tasks that were cancelled")(leftovers(cache).isEmpty) // they end later
      assert(status(spark, df) != Status.HIT)
    }
  }

  test("a killed task publishes nothing, its retry publishes once") {
    val cache = directory("killed")
    application(cache, "spark.master" -> "local[2,4]") { spark =>
      val slow = udf((id: Long) => Slow.down(id))
      def relation = table(spark).select(slow(col("id")).as("id"))
      val expected = truth(relation)
      val killer = new KillFirstAttempts(spark.sparkContext)
      spark.sparkContext.addSparkListener(killer)
      assert(ExactRows.of(relation.cache()) == expected)
      StageFigures.drain(spark.sparkContext)
      assert(killer.killed > 0, "no task was killed: the test shows nothing")
      assert(dataFiles(cache).size == 4)
      assert(leftovers(cache).isEmpty)
    }
  }

  test("unpersist, CLEAR CACHE and caching again") {
    val cache = directory("unpersist")
    val expected = fill(cache)(runBound)
    application(cache) { spark =>
      val df = runBound(spark).cache()
      assert(ExactRows.of(df) == expected)
      assert(OpenEntries.process().heldCount() > 0)
      df.unpersist(true)
      StageFigures.drain(spark.sparkContext)
      assert(OpenEntries.process().heldCount() == 0, "entries are held after unpersist")
      assert(ExactRows.of(runBound(spark)) == expected)
      assert(ExactRows.of(runBound(spark).cache()) == expected)
      spark.catalog.clearCache()
      StageFigures.drain(spark.sparkContext)
      assert(OpenEntries.process().heldCount() == 0)
      // The old frame still has the relation in its plan; it is served, as by Spark's own cache.
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed == 0)
    }
  }

  test("REFRESH TABLE and writing into a table that a cached plan reads") {
    val cache = directory("tables")
    application(cache) { spark =>
      spark.sql("create table numbers (id bigint) using parquet")
      spark.sql("insert into numbers select id from range(10)")
      spark.sql("cache table twice as select id * 2 as d from numbers")
      assert(spark.table("twice").count() == 10)
      spark.sql("insert into numbers select id from range(10, 15)")
      assert(spark.table("twice").count() == 15, "Spark recaches what reads the written table")
      spark.sql("refresh table numbers")
      assert(spark.table("twice").agg(sum("d")).head().getLong(0) == 2 * (0 until 15).sum)
      spark.sql("uncache table twice")
      spark.sql("drop table numbers")
    }
  }

  test("CACHE TABLE is served in the next application") {
    val cache = directory("cache-table")
    def view(spark: SparkSession): Unit = {
      runBound(spark).createOrReplaceTempView("totals")
      spark.sql("cache table totals")
    }
    val expected = application(cache) { spark =>
      view(spark)
      truth(spark.table("totals"))
    }
    application(cache) { spark =>
      val (_, figures) = StageFigures.of(spark.sparkContext)(view(spark))
      assert(ExactRows.of(spark.table("totals")) == expected)
      assert(stats(spark).computed == 0)
      assert(stats(spark).hits > 0)
      assert(figures.stagesRun > 0, "the eager count ran")
    }
  }

  test("what is cached stays what it was when files change outside of Spark, as in Spark") {
    val files = directory("outside-input")
    def scenario(settings: (String, String)*): Seq[Long] = {
      val path = files.resolve("t").toString
      application(directory("outside"), settings: _*) { spark =>
        spark.range(0, 10).write.mode("overwrite").parquet(path)
        val df = spark.read.parquet(path).filter("id >= 0").cache()
        val first = df.count()
        spark.range(10, 15).write.mode("append").parquet(path + "/more")
        Files.walk(Path.of(path, "more")).iterator().asScala.toSeq
          .filter(_.toString.endsWith(".parquet"))
          .foreach(f => Files.move(f, Path.of(path).resolve(f.getFileName)))
        val second = df.count()
        val third = df.filter("id > 3").count()
        Seq(first, second, third)
      }
    }
    val plain = scenario("spark.diskcache.enabled" -> "false")
    assert(scenario() == plain)
    assert(plain == Seq(10L, 10L, 6L))
  }

  test("a file replaced between planning and reading is read, and nothing is published") {
    val cache = directory("replaced")
    val files = directory("replaced-input")
    application(cache) { spark =>
      def write(from: Long, to: String): Path = {
        spark.range(from, from + 10, 1, 1).write.parquet(files.resolve(to).toString)
        val written = Files.list(files.resolve(to)).iterator().asScala.toSeq
        written.find(_.toString.endsWith(".parquet")).get
      }
      val original = write(0, "t")
      val replacement = write(100, "other")
      val df = spark.read.parquet(files.resolve("t").toString).filter("id >= 0").cache()
      df.queryExecution.executedPlan
      Files.delete(original.resolveSibling("." + original.getFileName + ".crc"))
      Files.move(replacement, original, java.nio.file.StandardCopyOption.REPLACE_EXISTING)
      assert(df.agg(min("id")).head().getLong(0) == 100)
      assert(df.count() == 10, "the relation stays usable in this application")
      assert(stats(spark).privateRelations == 1)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
  }

  test("a setting changed between planning and execution: nothing is published or read") {
    val cache = directory("settings")
    application(cache) { spark =>
      val df = table(spark).selectExpr("cast(cast(id as string) as int) as i").cache()
      df.queryExecution.executedPlan
      spark.conf.set("spark.sql.ansi.enabled", "false")
      assert(df.count() == 1000)
      assert(stats(spark).privateRelations == 1)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
  }

  test("planned under one parser policy, first collected under another: never the first one's entry") {
    val cache = directory("scenario-6")
    def query(spark: SparkSession) =
      table(spark).selectExpr("try_to_timestamp(concat('2020-1-', 1 + k), 'yyyy-MM-dd') as ts").cache()
    val corrected = application(cache, "spark.sql.legacy.timeParserPolicy" -> "CORRECTED") { spark =>
      val rows = ExactRows.of(query(spark))
      assert(stats(spark).computed == 4)
      rows
    }
    application(cache, "spark.sql.legacy.timeParserPolicy" -> "CORRECTED") { spark =>
      val df = query(spark)
      df.queryExecution.executedPlan
      assert(status(spark, df) == Status.HIT)
      spark.conf.set("spark.sql.legacy.timeParserPolicy", "LEGACY")
      val legacy = ExactRows.of(df)
      assert(legacy != corrected, "the policy changes rows")
      assert(stats(spark).hits == 0)
      assert(stats(spark).privateRelations == 1)
    }
  }

  test("two sessions and concurrent queries compute a relation once") {
    val cache = directory("concurrent")
    application(cache) { spark =>
      val expected = truth(runBound(spark))
      val other = spark.newSession()
      runBound(spark).cache()
      rowLocal(spark).cache()
      val pool = Executors.newFixedThreadPool(4)
      try {
        val queries = (0 until 8).map { i =>
          val session = if (i % 2 == 0) spark else other
          val query: Callable[Seq[String]] = () => {
            rowLocal(session).count()
            ExactRows.of(runBound(session))
          }
          pool.submit(query)
        }
        queries.foreach(query => assert(query.get(2, TimeUnit.MINUTES) == expected))
      } finally pool.shutdownNow()
      val partitions = DiskCache.of(spark).entries().asScala
      assert(partitions.map(_.key).distinct.size == partitions.size)
      assert(stats(spark).computed == partitions.size, "each partition was computed once")
      assert(stats(spark).store.duplicatesDiscarded == 0)
    }
  }

  test("a relation over a cached relation is found, and follows what it was computed from") {
    val cache = directory("nested")
    def chain(spark: SparkSession): (DataFrame, DataFrame) = {
      val lower = runBound(spark).cache()
      (lower, lower.filter("total > 0").select(max("total").as("m")).cache())
    }
    val (lowerRows, upperRows) = application(cache) { spark =>
      val (lower, upper) = chain(spark)
      (ExactRows.of(lower), ExactRows.of(upper))
    }
    application(cache) { spark =>
      val (_, upper) = chain(spark)
      val (rows, figures) = StageFigures.of(spark.sparkContext)(ExactRows.of(upper))
      assert(rows == upperRows)
      assert(figures.mapTasks == 0)
      assert(stats(spark).computed == 0)
    }
    application(cache) { spark =>
      val (lower, upper) = chain(spark)
      // Without the lower relation there is no telling which run of it the upper one came from.
      DiskCache.of(spark).evict(entry => entry.description.contains("total") &&
        !entry.description.contains("m#"))
      assert(ExactRows.of(upper) == upperRows)
      assert(ExactRows.of(lower) == lowerRows)
    }
  }

  test("MEMORY_ONLY and OFF_HEAP are left to Spark") {
    val cache = directory("levels")
    application(
      cache,
      "spark.memory.offHeap.enabled" -> "true",
      "spark.memory.offHeap.size" -> "64m") { spark =>
      Seq(StorageLevel.MEMORY_ONLY, StorageLevel.MEMORY_ONLY_SER, StorageLevel.OFF_HEAP).foreach {
        level =>
          val df = rowLocal(spark).persist(level)
          assert(df.count() == 700)
          assert(!df.queryExecution.optimizedPlan.toString.contains("DiskCached"))
          assert(DiskCache.of(spark).explain(df).relations().get(0).status() == Status.REFUSED)
          df.unpersist(true)
      }
      assert(DiskCache.of(spark).entries().isEmpty)
      assert(stats(spark).refused.isEmpty, "no decision was even asked for")
      Seq(StorageLevel.DISK_ONLY, StorageLevel.MEMORY_AND_DISK, StorageLevel.MEMORY_AND_DISK_SER)
        .foreach { level =>
          val df = rowLocal(spark).persist(level)
          assert(df.count() == 700)
          assert(status(spark, df) == Status.HIT)
          df.unpersist(true)
        }
    }
  }

  test("a refused relation is Spark's own, with its own storage level and blocks") {
    val cache = directory("refused")
    application(cache) { spark =>
      val df = spark.range(100).withColumn("r", rand()).cache()
      val first = ExactRows.of(df)
      assert(ExactRows.of(df) == first, "Spark's cache holds the random numbers still")
      assert(spark.sparkContext.getPersistentRDDs.size == 1)
      assert(stats(spark).refused.asScala == Map("NON_DETERMINISTIC" -> 1L))
    }
  }

  test("tags, eviction and clearing") {
    val cache = directory("tags")
    application(cache, "spark.diskcache.tag" -> "nightly") { spark =>
      val disk = DiskCache.of(spark)
      disk.persist(rowLocal(spark), CacheOptions.defaults().withTag("special")).count()
      runBound(spark).cache().count()
      val tags = disk.entries().asScala.groupBy(_.tag).view.mapValues(_.size).toMap
      assert(tags.keySet == Set("special", "nightly"))
      assert(disk.evict(_.tag == "special") > 0)
      assert(disk.entries().asScala.forall(_.tag == "nightly"))
      assert(disk.clear() > 0)
      assert(disk.entries().isEmpty)
      assert(rowLocal(spark).count() == 700)
    }
  }

  test("what was evicted is computed again, though it is still mapped") {
    application(directory("evicted")) { spark =>
      val df = rowLocal(spark).cache()
      val expected = ExactRows.of(df)
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed == 4)
      assert(DiskCache.of(spark).clear() > 0)
      assert(ExactRows.of(df) == expected)
      assert(stats(spark).computed == 8)
    }
  }

  test("SQL table functions list entries and counters") {
    val cache = directory("functions")
    application(cache) { spark =>
      rowLocal(spark).cache().count()
      val entries = spark.sql("select * from diskcache_entries()")
      assert(entries.count() == 4)
      assert(entries.agg(sum("rows")).head().getLong(0) == 700)
      val computed = spark.sql("select value from diskcache_stats() where name = 'computed'")
      assert(computed.head().getString(0) == "4")
      intercept[Exception](spark.sql("select * from diskcache_entries(1)").count())
    }
  }

  test("nothing is left open when the application ends") {
    val cache = directory("leaks")
    val before = openFiles(cache)
    fill(cache)(runBound)
    application(cache) { spark =>
      runBound(spark).cache().count()
      rowLocal(spark).cache().count()
      assert(mappings(cache) > 0, "entries are mapped while they are read")
    }
    assert(openFiles(cache) == before)
    assert(OpenEntries.process().size() == 0)
    Gate.await("mappings that nobody can reach") {
      System.gc()
      mappings(cache) == 0
    }
    assert(ArrowMemory.leaks() == "")
    val threads = Thread.getAllStackTraces.keySet.asScala.map(_.getName)
    assert(!threads.exists(_.contains("diskcache")), threads)
  }

  private def leftovers(cache: Path): Seq[Path] =
    Files.list(cache.resolve("tmp")).iterator().asScala.filter(_.toString.endsWith(".arrow")).toSeq

  private def openFiles(cache: Path): Int =
    Files
      .list(Path.of("/proc/self/fd"))
      .iterator()
      .asScala
      .flatMap(fd => scala.util.Try(Files.readSymbolicLink(fd).toString).toOption)
      .count(_.startsWith(cache.toString))

  private def mappings(cache: Path): Int =
    Files.readAllLines(Path.of("/proc/self/maps")).asScala.count(_.contains(cache.toString))
}

/** A function that takes its time and reads nothing but its argument. */
object Slow extends Serializable {
  def down(id: Long): Long = {
    var x = id
    var i = 0
    while (i < 400000) {
      x = x * 6364136223846793005L + 1442695040888963407L
      i += 1
    }
    if (x == 42) x else id
  }
}

/** Kills the first attempt of every task it sees start, for as long as the stage has no retries. */
final class KillFirstAttempts(context: org.apache.spark.SparkContext)
    extends org.apache.spark.scheduler.SparkListener {
  private val kills = new AtomicInteger

  def killed: Int = kills.get

  override def onTaskStart(event: org.apache.spark.scheduler.SparkListenerTaskStart): Unit =
    if (event.taskInfo.attemptNumber == 0 && event.taskInfo.index < 2) {
      if (context.killTaskAttempt(event.taskInfo.taskId, interruptThread = false, "test")) {
        kills.incrementAndGet()
      }
    }
}
