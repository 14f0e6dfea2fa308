// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.time.Duration
import java.util.{Locale, TimeZone}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.{CacheStats, DiskCache}
import io.sparkdiskcache.cluster.ProcessStores
import io.sparkdiskcache.harness._
import io.sparkdiskcache.relation.Objection.Reason
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.SparkEnv
import org.apache.spark.sql.{DataFrame, SparkSession, classic}
import org.apache.spark.sql.columnar.CachedBatch
import org.apache.spark.sql.execution.SQLExecution
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanHelper
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.scalatest.funsuite.AnyFunSuite

/**
 * Every way in which what was computed is not kept: the rows of plain Spark, and the reason in the
 * counters, in what explain says afterwards, and once in the log.
 */
class WithheldSuite extends AnyFunSuite with Applications {
  private lazy val input: Path = {
    val path = directory("input").resolve("t")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 60000, 1, 2)
        .selectExpr("id", "id % 5 as k", "sha2(cast(id as string), 512) as s").write.parquet(path.toString)
    }
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input))
  }

  private val static = Seq(
    "spark.sql.adaptive.enabled" -> "false",
    PrivateFileSystem.setting) ++ FactsFileSystem.settings

  /** Two chunks. */
  private def rows(spark: SparkSession): DataFrame = spark.read.parquet(input.toString).filter("k < 4")

  /** A run of four partitions. */
  private def counts(spark: SparkSession): DataFrame = spark.read.parquet(input.toString).groupBy("k").count()

  private def lines(name: String, scheme: String)(spark: SparkSession): DataFrame =
    spark.read.text(s"$scheme://${directory(name)}").filter("value <> ''")

  private def write(name: String): Path =
    Files.writeString(directory(name).resolve("a.txt"), "1\n2\n")

  /**
   * @param units
   *   that are computed, all of them for the application only
   * @param before
   *   done when the relation is planned
   */
  private def withheld(cache: Path, reason: Reason, units: Int, settings: (String, String)*)(
      query: SparkSession => DataFrame)(before: (SparkSession, DataFrame) => Unit): Unit =
    application(cache, static ++ settings: _*) { spark =>
      val df = query(spark).cache()
      var found = Seq.empty[String]
      val said = Logged.by(classOf[Outcome]) {
        df.queryExecution.executedPlan
        before(spark, df)
        found = ExactRows.of(df)
      }
      told(spark, df, stats(spark), said, reason, units)
      assert(ExactRows.of(df) == found, "they stay")
      df.unpersist(true)
      spark.conf.set("spark.diskcache.enabled", "false")
      assert(found == truth(query(spark)), "the rows of plain Spark")
    }

  private def told(
      spark: SparkSession, df: DataFrame, stats: CacheStats, said: Seq[String], reason: Reason, units: Int): Unit = {
    assert(stats.withheld().asScala.toMap == Map(reason.name -> units), stats.withheld())
    val report = DiskCache.of(spark).explain(df)
    val relation = report.relations().get(0)
    assert(relation.outcome() == s"computed $units partitions; not kept: $units $reason", report)
    assert(relation.withheld().asScala.map(_.reason()) == Seq(reason), report)
    assert(report.toString.contains(relation.outcome()) && report.toString.contains(reason.cure()), report)
    assert(said.size == 1, said)
    assert(said.head.contains("is kept for this application only") && said.head.contains(reason.cure()), said)
  }

  private val nothing: (SparkSession, DataFrame) => Unit = (_, _) => ()

  /** Lays the relation out, as planning does that looks whether it is loaded. */
  private def layOut(df: DataFrame): DiskCachedRDD = {
    object Plans extends AdaptiveSparkPlanHelper
    val scan = Plans.collectFirst(df.queryExecution.executedPlan) { case scan: InMemoryTableScanExec => scan }
    scan.get.relation.cacheBuilder.cachedColumnBuffers.asInstanceOf[DiskCachedRDD]
  }

  test("files that changed a moment ago") {
    withheld(directory("settling"), Reason.SETTLING, 2, "spark.diskcache.inputs.settle" -> "1d")(rows)(nothing)
  }

  test("an input that changes while it is read") {
    val file = write("changing")
    withheld(directory("input-changes"), Reason.INPUT, 1)(lines("changing", "nofacts")) { (_, _) =>
      FactsFileSystem.beforeOpen.set { () =>
        Files.setLastModifiedTime(file, FileTime.fromMillis(1700000000000L))
        ()
      }
    }
  }

  test("a setting that changes after the plan was made") {
    withheld(directory("settings"), Reason.SETTINGS, 2)(rows) { (spark, _) =>
      spark.conf.set("spark.sql.ansi.enabled", "false")
    }
  }

  for ((name, set, back) <- Seq[(String, () => Unit, () => Unit)](
      ("time zone", () => TimeZone.setDefault(TimeZone.getTimeZone("Asia/Tokyo")), {
        val zone = TimeZone.getDefault
        () => TimeZone.setDefault(zone)
      }),
      ("locale", () => Locale.setDefault(Locale.forLanguageTag("tr-TR")), {
        val locale = Locale.getDefault
        () => Locale.setDefault(locale)
      }))) {
    test(s"a task in another $name than the key was made in") {
      try withheld(directory(s"environment-$name"), Reason.ENVIRONMENT, 2)(rows) { (_, df) =>
        layOut(df)
        set()
      }
      finally back()
    }
  }

  test("a directory that cannot be written") {
    val cache = directory("store")
    withheld(cache, Reason.STORE, 2)(rows) { (_, _) =>
      Files.move(cache.resolve("tmp"), cache.resolve("gone"))
      ()
    }
  }

  test("what does not fit, of chunks and of a run") {
    val small = "spark.diskcache.maxBytes" -> "1m"
    withheld(directory("room"), Reason.ROOM, 2, small)(rows)(nothing)
    withheld(directory("room-run"), Reason.ROOM, 4, small)(rows(_).repartition(4))(nothing)
  }

  test("what does not pay") {
    withheld(directory("admission"), Reason.ADMISSION, 2, "spark.diskcache.admission" -> "measured")(rows) { (spark, df) =>
      val relation = DiskCache.of(spark).explain(df).relations().get(0).fingerprint()
      val paid = AdmissionLedger.process().computed(relation, Duration.ZERO, Duration.ofMinutes(1), 1)
      assert(!paid)
    }
  }

  test("a function that an audit finds wrong meanwhile") {
    withheld(directory("audit"), Reason.AUDIT, 2)(rows) { (spark, df) =>
      layOut(df)
      val relation = DiskCache.of(spark).explain(df).relations().get(0).fingerprint()
      ProcessStores.open().forEach { store =>
        store.functions.distrust(relation, "for the test")
        ()
      }
    }
  }

  test("a user who may not read the input, and an error of the cache") {
    write("private")
    val cache = directory("access")
    val user = UserGroupInformation.getCurrentUser.getShortUserName
    application(cache, static: _*)(spark => assert(lines("private", "private")(spark).cache().count() == 2))
    PrivateFileSystem.barred.add(user)
    try withheld(cache, Reason.ACCESS, 1)(lines("private", "private"))(nothing)
    finally PrivateFileSystem.barred.remove(user)
    PrivateFileSystem.broken = true
    try withheld(cache, Reason.ERROR, 1)(lines("private", "private"))(nothing)
    finally PrivateFileSystem.broken = false
  }

  test("a relation over one that is kept for the application only") {
    application(directory("nested"), static: _*) { spark =>
      val inner = rows(spark).cache()
      inner.queryExecution.executedPlan
      val outer = inner.selectExpr("k + 1 as k").cache()
      outer.queryExecution.executedPlan
      spark.conf.set("spark.sql.ansi.enabled", "false")
      inner.count()
      spark.conf.set("spark.sql.ansi.enabled", "true")
      val said = Logged.by(classOf[Outcome])(assert(outer.count() == 48000))
      assert(stats(spark).withheld().asScala.toMap == Map("SETTINGS" -> 2, "REFUSED" -> 2))
      assert(said.size == 1, said)
      val report = DiskCache.of(spark).explain(outer).toString
      assert(report.contains("computed 2 partitions; not kept: 2 REFUSED"), report)
    }
  }

  test("a stage that runs twice, and a run of which only a part is computed") {
    application(directory("run"), static: _*) { spark =>
      val df = counts(spark).cache()
      val said = Logged.by(classOf[Outcome]) {
        compute(spark, df, 0, 1)
        SparkEnv.get.blockManager.diskBlockManager.getAllFiles().filter(_.getName.startsWith("shuffle_"))
          .foreach(file => assert(file.delete(), file))
        assert(df.count() == 5)
      }
      told(spark, df, stats(spark), said, Reason.RUN, 4)
    }
    application(directory("part"), static: _*) { spark =>
      val df = counts(spark).cache()
      compute(spark, df, 0, 1)
      assert(DiskCache.of(spark).explain(df).relations().get(0).outcome() == "computed 2 of 4 partitions; kept once all are computed")
      df.count()
      assert(DiskCache.of(spark).explain(df).relations().get(0).outcome() == "computed 4 partitions; all kept")
      assert(stats(spark).withheld().isEmpty)
    }
  }

  private def compute(spark: SparkSession, df: DataFrame, partitions: Int*): Unit =
    SQLExecution.withSQLConfPropagated(spark.asInstanceOf[classic.SparkSession]) {
      spark.sparkContext.runJob(layOut(df), (batches: Iterator[CachedBatch]) => batches.size, partitions)
      ()
    }

  test("what is kept is not withheld, and what is found is not computed") {
    for (outcome <- Seq("computed 2 partitions; all kept", "")) application(directory("kept"), static: _*) { spark =>
      val df = rows(spark).cache()
      assert(Logged.by(classOf[Outcome])(df.count()).isEmpty)
      assert(stats(spark).withheld().isEmpty)
      assert(DiskCache.of(spark).explain(df).relations().get(0).outcome() == outcome)
    }
  }
}
