// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.time.{Clock, Duration}
import java.util.HexFormat

import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.classic
import org.apache.spark.sql.execution.columnar.InMemoryRelation
import org.apache.spark.sql.functions._
import org.apache.spark.sql.internal.SQLConf
import org.scalatest.funsuite.AnyFunSuite

/** Its sessions are its own: one after the other, as two applications would. */
class SessionIndependenceSuite extends AnyFunSuite {
  private val dir = PlanFixture.directory("sessions")

  private def inSession[T](master: String, settings: (String, String)*)(body: SparkSession => T): T = {
    SparkSession.clearActiveSession()
    SparkSession.clearDefaultSession()
    val spark = PlanFixture.session(master, settings.toMap)
    try body(spark)
    finally spark.stop()
  }

  private def results(spark: SparkSession): Seq[Any] = {
    val fixture = new SessionIndependenceSuite.Fixture(spark)
    spark.read.parquet(dir.resolve("t").toString).createOrReplaceTempView("t")
    val queries = Seq("select id + 1 from t where k = 2", "select k, sum(id) from t group by k",
      "select * from t a join t b on a.id = b.k", "select /*+ broadcast(b) */ * from t a join t b on a.id = b.k")
    hexConf(spark) +: queries.map(query => PlanFixture.keys(fixture.result(spark.sql(query))))
  }

  private def settings(spark: SparkSession): String =
    ConfDigest.settings(spark.asInstanceOf[classic.SparkSession].sessionState.conf).toString

  private def hexConf(spark: SparkSession): String =
    HexFormat.of().formatHex(ConfDigest.of(spark.asInstanceOf[classic.SparkSession].sessionState.conf))

  test("name, ports, cores and directories of an application do not matter") {
    inSession("local[2]") { spark =>
      spark.range(100).selectExpr("id", "id % 7 as k").write.parquet(dir.resolve("t").toString)
    }
    val one = inSession("local[1]", "spark.app.name" -> "one")(results)
    val other = inSession(
      "local[4]",
      "spark.app.name" -> "other",
      "spark.driver.memory" -> "3g",
      "spark.executor.extraJavaOptions" -> "-Dx=1",
      "spark.local.dir" -> dir.toString,
      "spark.hadoop.fs.s3a.session.token" -> "changes")(results)
    assert(one == other)
    val zoned = inSession("local[1]", "spark.sql.session.timeZone" -> "Asia/Tokyo")(results)
    assert(zoned.zip(one).forall { case (a, b) => a != b })
  }

  test("the digest of the settings in a task is the driver's, in a cached relation too") {
    inSession("local[2]", "spark.sql.mapKeyDedupPolicy" -> "LAST_WIN") { spark =>
      spark.sparkContext.setJobDescription("described")
      val seen = udf(() => ConfDigest.settings(SQLConf.get).toString).asNondeterministic()
      val cached = spark.range(4).repartition(2).select(seen().as("d")).cache()
      assert(cached.collect().map(_.getString(0)).toSet == Set(settings(spark)))
      val plan = cached.asInstanceOf[classic.Dataset[_]].queryExecution.withCachedData
        .collectLeaves().collectFirst {
          case relation: InMemoryRelation => relation.cachedPlan
        }.get
      assert(HexFormat.of().formatHex(ConfDigest.of(plan.conf)) == hexConf(spark))
      spark.conf.set("spark.sql.mapKeyDedupPolicy", "EXCEPTION")
      val other = spark.range(5).repartition(2).select(seen()).collect().map(_.getString(0)).toSet
      assert(other == Set(settings(spark)))
      assert(other != cached.collect().map(_.getString(0)).toSet)
    }
  }
}

object SessionIndependenceSuite {
  private class Fixture(spark: SparkSession) {
    def result(query: DataFrame): FingerprintResult.Accepted = {
      val state = spark.asInstanceOf[classic.SparkSession].sessionState
      val options = FingerprintOptions.of("test").withClock(Clock.offset(Clock.systemUTC(), Duration.ofHours(1)))
      val executed = query.asInstanceOf[classic.Dataset[_]].queryExecution.executedPlan
      new PlanFingerprinter(FakeFunctions, new InputStats(options.settle, options.clock), options)
        .fingerprint(executed, state.conf, state.newHadoopConf()) match {
        case a: FingerprintResult.Accepted => a
        case r: FingerprintResult.Refused => throw new AssertionError(r.refusal.toString)
      }
    }
  }
}
