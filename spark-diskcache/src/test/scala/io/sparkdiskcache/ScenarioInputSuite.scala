// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.fingerprint.Refusal.Code
import io.sparkdiskcache.harness.{DrawnTests, ExactRows, FactsFileSystem, OpaqueSource, Sample, Scenarios}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.apache.spark.storage.StorageLevel

/**
 * Scenarios of wrong hits, by their number in the list: those in which the input changes. Number 24,
 * Python, is in python/tests. A build draws two of the five formats, or
 * `-Ddiskcache.formats=all`.
 */
class ScenarioInputSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.scenarios"
  override protected def drawn: Int = 13

  private def ids(spark: SparkSession, from: Long, to: Long, files: Int): DataFrame =
    spark.range(from, to, 1, files).selectExpr("id", "concat('t', id) as t")

  // ---- 1: a file is appended

  private val formats =
    Sample.of("diskcache.formats", 2, Seq("parquet", "orc", "csv", "json", "text"))(identity)

  formats.foreach { format =>
    test(s"1: files appended to $format: old chunks hit, new ones are computed") {
      val cache = directory(s"1-$format")
      val path = directory(s"1-$format-input").resolve("t").toString
      def rows(s: SparkSession, from: Long, to: Long, n: Int) =
        if (format == "text") ids(s, from, to, n).select("t") else ids(s, from, to, n)
      val schema = if (format == "text") "t string" else "id long, t string"
      def query(s: SparkSession) =
        s.read.schema(schema).format(format).load(path).filter("t <> 't3'")
      prepare(rows(_, 0, 10, 2).write.format(format).save(path))
      assert(run(cache)(query).miss)
      prepare(rows(_, 10, 15, 1).write.format(format).mode("append").save(path))
      val after = run(cache)(query)
      assert(after.rows.size == 14)
      assert(after.hits == 2 && after.computed == 1, after)
      assert(run(cache)(query).hit)
    }
  }

  formats.foreach { format =>
    test(s"1: a $format file of several chunks has the rows that Spark reads") {
      val cache = directory(s"1-chunks-$format")
      val path = directory(s"1-chunks-$format-input").resolve("t").toString
      def rows(s: SparkSession) =
        s.range(0, 30000, 1, 1).selectExpr("concat(id, '-', sha2(cast(id as string), 512)) as t")
      val chunked = Seq("spark.diskcache.inputs.chunkBytes" -> "1m")
      prepare(rows(_).write.option("header", "true").option("compression", "uncompressed")
        .option("parquet.block.size", "1000000").option("orc.stripe.size", "1000000")
        .format(format).save(path))
      val reader: Query = _.read.schema("t string").option("header", "true").format(format).load(path)
      val first = run(cache, chunked: _*)(reader)
      assert(first.miss && first.computed > 2 && first.rows.size == 30000, first.computed)
      assert(run(cache, chunked: _*)(reader).hit)
    }
  }

  test("1: a partitioned table: new files in old and new partitions") {
    val cache = directory("1-partitioned")
    val path = directory("1-partitioned-input").resolve("t").toString
    def append(from: Long, to: Long): Unit = prepare { spark =>
      val rows = ids(spark, from, to, 1).withColumn("p", expr("id % 3"))
      rows.write.mode("append").partitionBy("p").parquet(path)
    }
    def table(s: SparkSession): DataFrame = {
      s.sql(s"drop table if exists t")
      s.sql(s"create table t (id long, t string, p long) using parquet partitioned by (p) location '$path'")
      s.sql("msck repair table t")
      s.table("t").filter("p <> 2")
    }
    append(0, 3)
    assert(run(cache)(table).computed == 2)
    append(3, 6)
    val after = run(cache)(table)
    assert(after.hits == 2 && after.computed == 2 && after.rows.size == 4, after)
    assert(run(cache)(_.read.parquet(path).filter("p = 1")).rows.size == 2)
  }

  test("1: grouped rows over appended files are computed anew") {
    val cache = directory("1-grouped")
    val path = directory("1-grouped-input").resolve("t").toString
    def query(s: SparkSession) = s.read.parquet(path).groupBy("t").agg(sum("id"))
    prepare(ids(_, 0, 5, 1).write.parquet(path))
    assert(run(cache)(query).miss)
    assert(run(cache)(query).hit)
    prepare(ids(_, 5, 8, 1).write.mode("append").parquet(path))
    assert(run(cache)(query).miss)
  }

  test("1: the same file read twice gives its rows twice") {
    val cache = directory("1-twice")
    val path = directory("1-twice-input").resolve("t").toString
    prepare(ids(_, 0, 5, 1).write.parquet(path))
    def query(s: SparkSession) = s.read.parquet(path, path).union(s.read.parquet(path))
    assert(run(cache)(query).miss)
    assert(run(cache)(query).hit)
    assert(run(cache)(_.read.parquet(path, path)).rows.size == 10)
    assert(run(cache)(_.read.parquet(path, path)).hit)
  }

  // ---- 2: the same length and time, other content

  test("2: a local file overwritten under its old time is a miss") {
    val cache = directory("2")
    val file = write(directory("2-input").resolve("a.txt"), "1\n2\n")
    def query(s: SparkSession) = s.read.text(file.getParent.toString).filter("value <> ''")
    val time = Files.getLastModifiedTime(file)
    assert(run(cache)(query).miss)
    assert(run(cache)(query).hit)
    write(file, "7\n8\n")
    Files.setLastModifiedTime(file, time)
    val after = run(cache)(query)
    assert(after.miss && after.rows == Seq("{String:7}", "{String:8}"))
    // Another file under the same name: the first content once more, another inode.
    val other = write(directory("2-other").resolve("a.txt"), "1\n2\n")
    Files.setLastModifiedTime(other, time)
    Files.move(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING)
    assert(run(cache)(query).miss)
  }

  test("2: an eTag tells contents apart where the time does not") {
    val cache = directory("2-etag")
    val file = write(directory("2-etag-input").resolve("a.txt"), "1\n2\n")
    def query(s: SparkSession) = s.read.text(s"etag://$file").filter("value <> ''")
    def again() = run(cache, FactsFileSystem.settings :+ ("spark.diskcache.inputs.settle" -> "1h"): _*)(query)
    val time = Files.getLastModifiedTime(file)
    assert(again().miss)
    assert(again().hit)
    write(file, "7\n8\n")
    Files.setLastModifiedTime(file, time)
    assert(again().miss)
    assert(again().hit)
  }

  test("2: without eTag nothing is kept inside the settle window") {
    val cache = directory("2-nofacts")
    val file = write(directory("2-nofacts-input").resolve("a.txt"), "1\n2\n")
    def query(s: SparkSession) = s.read.text(s"nofacts://$file").filter("value <> ''")
    def within(settle: String) =
      run(cache, FactsFileSystem.settings :+ ("spark.diskcache.inputs.settle" -> settle): _*)(query)
    val time = Files.getLastModifiedTime(file)
    assert(within("1h").computed == 1)
    assert(entries(cache) == 0)
    write(file, "7\n8\n")
    Files.setLastModifiedTime(file, time)
    val after = within("1h")
    assert(after.hits == 0 && after.rows == Seq("{String:7}", "{String:8}"))
    assert(entries(cache) == 0)
    Files.setLastModifiedTime(file, FileTime.fromMillis(time.toMillis - 7200000))
    assert(within("1h").miss)
    assert(within("1h").hit)
  }

  test("2: a young file beside old ones: the old chunks are stored and hit, its own are not") {
    val dir = directory("2-young-input")
    val hour = 3600000L
    val old = System.currentTimeMillis() - 2 * hour
    Seq("a", "b").foreach { name =>
      val file = write(dir.resolve(s"$name.txt"), s"$name\n")
      Files.setLastModifiedTime(file, FileTime.fromMillis(old))
    }
    val settings = FactsFileSystem.settings :+ ("spark.diskcache.inputs.settle" -> "1h")
    def read(s: SparkSession): DataFrame = s.read.text(s"nofacts://$dir")
    Seq[(String, Boolean, Query)](
      ("filter", true, read(_).filter("value <> ''")),
      // A partition's place is in its key, and one more file may move it.
      ("sort", false, read(_).filter("value <> 'x'").sortWithinPartitions("value"))).foreach {
      case (name, rowLocal, query) =>
        withClue(s"$name: ") {
          val cache = directory(s"2-young-$name")
          Files.deleteIfExists(dir.resolve("c.txt"))
          // One file in each partition, whatever the number of files.
          val each = settings :+ ("spark.sql.files.maxPartitionBytes" -> "2")
          def again() = run(cache, each: _*)(query)
          assert(again().computed == 2)
          Seq("c", "d").foreach { text =>
            write(dir.resolve("c.txt"), s"$text\n")
            val young = again()
            assert(young.hits + young.computed == 3 && young.rows.size == 3, young)
            assert(young.hits == 2 || (!rowLocal && young.hits == 1), young)
          }
          assert(!rowLocal || entries(cache) == 2)
          Files.setLastModifiedTime(dir.resolve("c.txt"), FileTime.fromMillis(old))
          val settled = again()
          assert(settled.computed == 1 && settled.hits == 2, settled)
          assert(again().hit)
        }
    }
    // Where files meet in a row, none can be told from the other.
    val cache = directory("2-young-grouped")
    write(dir.resolve("c.txt"), "e\n")
    val grouped = run(cache, settings: _*)(read(_).groupBy("value").count())
    assert(grouped.refusedBy(Code.INPUT_UNSETTLED, "c.txt"), grouped)
  }

  test("2: a relation over one that reads a young file is not kept either") {
    val cache = directory("2-young-nested")
    val dir = directory("2-young-nested-input")
    write(dir.resolve("a.txt"), "a\n")
    val settings = FactsFileSystem.settings :+ ("spark.diskcache.inputs.settle" -> "1h")
    def query(s: SparkSession) = {
      val lower = s.read.text(s"nofacts://$dir").filter("value <> ''").cache()
      (lower, lower.groupBy("value").count().cache())
    }
    Seq("a", "b").foreach { text =>
      write(dir.resolve("a.txt"), s"$text\n")
      application(cache, settings: _*) { spark =>
        val (lower, upper) = query(spark)
        assert(ExactRows.of(upper) == Seq(s"{String:$text,Long:1}"))
        assert(ExactRows.of(lower) == Seq(s"{String:$text}"))
        assert(DiskCache.of(spark).entries().isEmpty)
        assert(stats(spark).hits == 0)
      }
    }
  }

  // ---- 3: a file is replaced between listing and reading

  private val readings = Seq[(String, DataFrame => DataFrame)](
    "row-local" -> (_.filter("id >= 0")),
    "partition-local" -> (_.sortWithinPartitions("t")),
    "run-bound" -> (_.groupBy("id").count()))

  readings.foreach { case (name, reading) =>
    test(s"3: a file replaced after planning is read, and nothing is stored, $name") {
      val cache = directory(s"3-$name")
      val dir = directory(s"3-$name-input")
      prepare { spark =>
        ids(spark, 100, 110, 1).write.parquet(s"$dir/t")
        ids(spark, 200, 210, 1).write.parquet(s"$dir/other")
      }
      val target = files(dir.resolve("t"), ".parquet").head
      def query(s: SparkSession) = reading(s.read.parquet(s"$dir/t"))
      application(cache) { spark =>
        val plain = query(uncached(spark))
        val df = query(spark).cache()
        df.queryExecution.executedPlan
        plain.queryExecution.executedPlan
        replace(target, files(dir.resolve("other"), ".parquet").head)
        assert(df.count() == 10)
        val rows = ExactRows.of(df)
        assert(rows == ExactRows.of(plain) && rows.forall(_.contains("Long:20")), rows)
        assert(stats(spark).privateRelations == 1)
        assert(DiskCache.of(spark).entries().isEmpty)
      }
      assert(run(cache)(query).miss)
      assert(run(cache)(query).hit)
    }

    test(s"3: a file replaced while it is opened is not stored, $name") {
      val cache = directory(s"3-open-$name")
      val dir = directory(s"3-open-$name-input")
      val other = write(dir.resolve("other"), "2,b\n2,b\n")
      val target = write(dir.resolve("t/a.csv"), "1,a\n1,a\n")
      // A schema, so that the first open is the task's and not that of its inference.
      def query(s: SparkSession) = reading(s.read.schema("id long, t string").csv(s"etag://$dir/t"))
      application(cache, FactsFileSystem.settings: _*) { spark =>
        val df = query(spark).cache()
        FactsFileSystem.beforeOpen.set(() => replace(target, other))
        val rows = ExactRows.of(df)
        assert(rows.nonEmpty && rows.forall(_.startsWith("{Long:2")), rows)
        assert(stats(spark).computed > 0)
        assert(status(spark, df) != relation.RelationInspector.Status.HIT)
      }
      // The first content comes back: its eTag is the one that was listed.
      write(target, "1,a\n1,a\n")
      val after = run(cache, FactsFileSystem.settings: _*)(query)
      assert(after.miss && after.rows.forall(_.startsWith("{Long:1")), after)
      assert(run(cache, FactsFileSystem.settings: _*)(query).hit)
    }
  }

  test("3: the dimension of a broadcast join is replaced while it is read") {
    val cache = directory("3-broadcast")
    val dir = directory("3-broadcast-input")
    write(dir.resolve("fact/a.csv"), "1,a\n2,b\n")
    val target = write(dir.resolve("dim/a.csv"), "1,x\n2,x\n")
    val other = write(dir.resolve("other"), "1,y\n2,y\n")
    val settings = FactsFileSystem.settings :+ ("spark.sql.adaptive.enabled" -> "false")
    def query(s: SparkSession) = {
      val dim = s.read.schema("id long, d string").csv(s"etag://$dir/dim")
      s.read.schema("id long, t string").csv(s"$dir/fact").join(broadcast(dim), "id")
    }
    application(cache, settings: _*) { spark =>
      val df = query(spark).cache()
      FactsFileSystem.beforeOpen.set(() => replace(target, other))
      val rows = ExactRows.of(df)
      assert(rows.size == 2 && rows.forall(_.endsWith("String:y}")), rows)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
    write(target, "1,x\n2,x\n")
    val after = run(cache, settings: _*)(query)
    assert(after.miss && after.rows.forall(_.endsWith("String:x}")), after)
    assert(run(cache, settings: _*)(query).hit)
  }

  test("3: touched, truncated and deleted files") {
    val cache = directory("3-more")
    val dir = directory("3-more-input")
    val file = write(dir.resolve("a.txt"), "1\n2\n3\n")
    def query(s: SparkSession) = s.read.text(dir.toString).filter("value <> ''")
    assert(run(cache)(query).miss)
    Files.setLastModifiedTime(file, FileTime.fromMillis(System.currentTimeMillis() + 5000))
    assert(run(cache)(query).hits == 0, "a touched file may be another one")
    write(file, "1\n2\n")
    assert(run(cache)(query).rows.size == 2)
    write(dir.resolve("b.txt"), "4\n")
    assert(run(cache)(query).rows.size == 3)
    Files.delete(file)
    val less = run(cache)(query)
    assert(less.hit && less.rows == Seq("{String:4}"))
    // Deleted after planning: the error is Spark's own.
    application(cache) { spark =>
      val df = query(spark).cache()
      df.queryExecution.executedPlan
      Files.delete(dir.resolve("b.txt"))
      val error = intercept[Exception](df.collect())
      val messages = Iterator.iterate[Throwable](error)(_.getCause).takeWhile(_ != null)
      assert(messages.exists(_.toString.contains("b.txt")))
    }
  }

  // ---- 15: a query that stops early

  test("15: a limit above a cached relation stores whole partitions only") {
    val cache = directory("15")
    def query(s: SparkSession): DataFrame = {
      import s.implicits._
      s.range(0, 100000, 1, 4).as[Long].map((x: Long) => x * 3 + 1).toDF("v")
    }
    application(cache) { spark =>
      assert(query(spark).cache().limit(3).collect().length == 3)
      assert(DiskCache.of(spark).entries().asScala.forall(_.rows == 25000))
    }
    val after = run(cache)(query)
    assert(after.rows.size == 100000 && after.refused.isEmpty)
    assert(run(cache)(query).hit)
    val limited = run(cache)(query(_).limit(3))
    assert(limited.rows.size == 3)
    assert(run(cache)(query(_).limit(4)).rows.size == 4)
  }

  // ---- 20: over a cached relation that is older than its source

  test("20: what is read through Spark's own cache is not kept") {
    val cache = directory("20")
    val path = directory("20-input").resolve("t").toString
    prepare(ids(_, 0, 3, 1).write.parquet(path))
    def query(s: SparkSession) = s.read.parquet(path).filter("id >= 0")
    application(cache) { spark =>
      val lower = spark.read.parquet(path).persist(StorageLevel.MEMORY_ONLY)
      assert(lower.count() == 3)
      externalAppend(path)
      val stale = query(spark).cache()
      assert(stale.count() == 3, "as plain Spark: the lower relation is three rows")
      assert(DiskCache.of(spark).entries().isEmpty)
      assert(stats(spark).refused.asScala.keySet == Set("SOURCE"))
    }
    val after = run(cache)(query)
    assert(after.miss && after.rows.size == 5)
  }

  test("20: what is read through our cache is kept as of the rows it was computed from") {
    val cache = directory("20-ours")
    val path = directory("20-ours-input").resolve("t").toString
    prepare(ids(_, 0, 3, 1).write.parquet(path))
    def query(s: SparkSession) = {
      val lower = s.read.parquet(path).cache()
      (lower, s.read.parquet(path).filter("id >= 0").cache())
    }
    application(cache) { spark =>
      val lower = spark.read.parquet(path).cache()
      assert(lower.count() == 3)
      externalAppend(path)
      assert(spark.read.parquet(path).filter("id >= 0").cache().count() == 3)
    }
    Seq(false, true).foreach { found =>
      application(cache) { spark =>
        val (lower, upper) = query(spark)
        assert(upper.count() == 5 && lower.count() == 5)
        assert((stats(spark).computed == 0) == found)
      }
    }
  }

  private def externalAppend(path: String): Unit = {
    val source = files(Path.of(path), ".parquet").head
    // The file with rows 0 to 2, less one: copied by hand, as another system would.
    val session = SparkSession.active.newSession()
    session.conf.set("spark.diskcache.enabled", "false")
    ids(session, 10, 12, 1).write.parquet(s"$path-more")
    files(Path.of(s"$path-more"), ".parquet").foreach { file =>
      Files.move(file, source.resolveSibling(s"more-${file.getFileName}"))
    }
  }

  // ---- 21: files left out in silence

  test("21: with ignoreMissingFiles nothing is ever kept") {
    val cache = directory("21")
    val dir = directory("21-input")
    prepare(ids(_, 0, 4, 2).write.parquet(s"$dir/t"))
    val Seq(first, _) = files(dir.resolve("t"), ".parquet")
    val aside = dir.resolve("aside")
    def byOption(s: SparkSession) =
      s.read.option("ignoreMissingFiles", "true").parquet(s"$dir/t").filter("id >= 0")
    def bySetting(s: SparkSession) = s.read.parquet(s"$dir/t").filter("id >= 0")
    Seq[(Query, Seq[(String, String)])](
      (byOption, Nil),
      (bySetting, Seq("spark.sql.files.ignoreMissingFiles" -> "true")),
      (bySetting, Seq("spark.sql.files.ignoreCorruptFiles" -> "true"))).foreach {
      case (query, settings) =>
        application(cache, settings: _*) { spark =>
          val df = query(spark).cache()
          df.queryExecution.executedPlan
          Files.move(first, aside)
          val rows = scala.util.Try(df.count())
          assert(rows.getOrElse(2L) == 2)
          Files.move(aside, first)
          assert(DiskCache.of(spark).entries().isEmpty)
        }
        val after = run(cache, settings: _*)(query)
        assert(after.rows.size == 4 && after.refusedBy(Code.CONF))
    }
    // The table without the option must not have been poisoned.
    assert(run(cache)(bySetting).miss)
    assert(run(cache)(bySetting).hit)
  }

  // ---- 22: tables of other libraries (Delta's deletion vectors: DeltaTableSuite)

  test("22: a table of an unknown library is refused") {
    val cache = directory("22")
    Seq("a", "b").foreach { word =>
      OpaqueSource.rows = Seq(word)
      val seen = run(cache)(_.read.format(classOf[OpaqueSource].getName).load().filter("word <> ''"))
      assert(seen.rows == Seq(s"{String:$word}"))
      assert(seen.refusedBy(Code.SOURCE))
    }
    assert(entries(cache) == 0)
  }

  // ---- 23: a query in a filter

  private val ways = Seq(
    "dynamic pruning" -> Seq("spark.sql.optimizer.dynamicPartitionPruning.reuseBroadcastOnly" -> "false"),
    "bloom filter" -> Seq(
      "spark.sql.optimizer.dynamicPartitionPruning.enabled" -> "false",
      "spark.sql.optimizer.runtime.bloomFilter.enabled" -> "true",
      "spark.sql.optimizer.runtime.bloomFilter.applicationSideScanSizeThreshold" -> "0",
      "spark.sql.autoBroadcastJoinThreshold" -> "-1"))

  for ((way, settings) <- ways; adaptive <- Seq(true, false)) {
    test(s"23: only the dimension changes, $way, adaptive $adaptive") {
      val cache = directory(s"23-$way-$adaptive")
      val dir = directory(s"23-$way-$adaptive-input")
      prepare { spark =>
        spark.range(0, 30, 1, 1).selectExpr("id", "id % 5 as k").write.partitionBy("k").parquet(s"$dir/fact")
        spark.range(0, 5).selectExpr("id as k", "id = 1 as chosen").coalesce(1).write.parquet(s"$dir/dim")
      }
      val all = settings :+ ("spark.sql.adaptive.enabled" -> adaptive.toString)
      def query(s: SparkSession) =
        s.read.parquet(s"$dir/fact").join(s.read.parquet(s"$dir/dim").filter("chosen"), "k")
      assert(run(cache, all: _*)(query).miss)
      assert(run(cache, all: _*)(query).hit)
      prepare(_.range(0, 5).selectExpr("id as k", "id = 2 as chosen").coalesce(1)
        .write.mode("overwrite").parquet(s"$dir/dim"))
      val after = run(cache, all: _*)(query)
      assert(after.miss && after.rows.size == 6 && after.rows.forall(_.startsWith("{Integer:2,")), after)
    }
  }

  test("23: the value of a scalar subquery") {
    val cache = directory("23-scalar")
    val dir = directory("23-scalar-input")
    prepare(_.range(0, 30, 1, 2).write.parquet(s"$dir/fact"))
    def query(s: SparkSession): DataFrame = {
      s.read.parquet(s"$dir/fact").createOrReplaceTempView("fact")
      s.read.schema("value string").text(s"$dir/dim").createOrReplaceTempView("dim")
      s.sql("select id, (select max(value) from dim) m from fact where id > (select max(cast(value as int)) from dim)")
    }
    write(dir.resolve("dim/a.txt"), "10\n")
    assert(run(cache)(query).miss)
    assert(run(cache)(query).hit)
    write(dir.resolve("dim/a.txt"), "20\n")
    val after = run(cache)(query)
    assert(after.miss && after.rows.size == 9)
  }

  test("23: a moving window of partitions reads what is there") {
    val cache = directory("23-window")
    val path = directory("23-window-input").resolve("t").toString
    prepare(_.range(0, 50, 1, 1).selectExpr("id", "id % 5 as day").write.partitionBy("day").parquet(path))
    def from(day: Int): Query = _.read.parquet(path).filter(s"day >= $day and day < ${day + 3}")
    assert(run(cache)(from(0)).computed == 3)
    val next = run(cache)(from(1))
    assert(next.hits == 2 && next.computed == 1 && next.rows.size == 30, next)
  }

  private def entries(cache: Path): Int =
    application(cache)(spark => DiskCache.of(spark).entries().size)
}
