// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{ExactRows, Scenarios}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.funsuite.AnyFunSuite

/**
 * A view keeps the settings it was created under and is analyzed under them, whatever the session
 * that reads it has. Two views of the same text that give different rows must not share a key; the
 * same view has the same key in a session that never saw those settings.
 */
class ViewSettingsSuite extends AnyFunSuite with Scenarios {

  /** A setting with two values, and the text whose rows depend on it. */
  private val settings: Seq[(String, Seq[String], String)] = Seq(
    ("spark.sql.ansi.enabled", Seq("false", "true"), "select id, size(ys) as n from base"),
    ("spark.sql.ansi.enabled", Seq("false", "true"), "select id, if(id < 0, 1, '2') as n from base"),
    ("spark.sql.caseSensitive", Seq("false", "true"), "select id % 3 as ID, count(*) as n from base group by ID"),
    ("spark.sql.session.timeZone", Seq("UTC", "Asia/Tokyo"), "select id, cast(day as timestamp) as t from base"),
    ("spark.sql.orderByOrdinal", Seq("true", "false"), "select id from base order by 1 desc limit 3"),
    ("spark.sql.decimalOperations.allowPrecisionLoss", Seq("true", "false"),
      "select cast(id as decimal(38, 18)) * cast(3.3 as decimal(38, 18)) as p from base"),
    ("spark.sql.legacy.sizeOfNull", Seq("true", "false"), "select id, 1 + size(ys) as n from base"),
    ("spark.sql.legacy.followThreeValuedLogicInArrayExists", Seq("true", "false"), "select exists(xs, x -> x > 5) as e from base"))

  /** Compiling costs more than these few rows. */
  private val interpreted =
    Seq("spark.sql.codegen.wholeStage" -> "false", "spark.sql.codegen.factoryMode" -> "NO_CODEGEN")

  private lazy val path: String = {
    val path = directory("input").resolve("base").toString
    prepare(_.range(0, 12, 1, 1)
      .selectExpr("id", "array(id, null) as xs",
        "if(id % 3 = 0, null, array(id)) as ys", "concat('2020-01-', 10 + id) as day")
      .write.parquet(path))
    path
  }

  private def create(spark: SparkSession): Unit = {
    spark.sql("create table base (id bigint, xs array<bigint>, ys array<bigint>, " +
      s"day string) using parquet location '$path'")
    for (((key, values, text), i) <- settings.zipWithIndex; (value, j) <- values.zipWithIndex) {
      val creator = spark.newSession()
      creator.conf.set("spark.sql.ansi.enabled", "false")
      creator.conf.set(key, value)
      creator.sql(s"create view v_${i}_$j as $text")
    }
  }

  private def drop(spark: SparkSession): Unit = {
    for (i <- settings.indices; j <- 0 to 1) spark.sql(s"drop view if exists v_${i}_$j")
    spark.sql("drop table if exists base")
  }

  /** Rows, partitions found and partitions computed of every view, read once through the cache. */
  private def read(spark: SparkSession): Seq[Seq[(Seq[String], Long, Long)]] = {
    val plain = uncached(spark)
    settings.indices.map(i => (0 to 1).map { j =>
      def view(session: SparkSession): DataFrame = session.table(s"v_${i}_$j")
      val expected = ExactRows.of(view(plain))
      val before = stats(spark)
      val df = view(spark).cache()
      try {
        val rows = ExactRows.of(df)
        withClue(s"${settings(i)}, value $j: ")(assert(rows == expected, DiskCache.of(spark).explain(df)))
        (rows, stats(spark).hits - before.hits, stats(spark).computed - before.computed)
      } finally df.unpersist(true)
    })
  }

  test("a view under another setting is another result; another session finds what was stored") {
    assert(path.nonEmpty)
    val cache = directory("cache")
    // Another application may find a catalog of tables that the first one left in its warehouse.
    def in[T](settings: (String, String)*)(body: SparkSession => T): T =
      application(cache, interpreted ++ settings: _*) { spark =>
        create(spark)
        try body(spark)
        finally drop(spark)
      }
    val first = in()(read)
    assert(settings.zip(first).collect { case (setting, Seq(one, other)) if one._1 == other._1 => setting } == Nil,
      "settings that changed no rows")
    settings.zip(first).foreach { case (setting, views) =>
      withClue(s"$setting: ")(assert(views.forall { case (_, hits, computed) => hits == 0 && computed > 0 }, views))
    }
    val second = in("spark.sql.shuffle.partitions" -> "3", "spark.master" -> "local[1]") { spark =>
      val other = spark.newSession()
      other.conf.set("spark.sql.autoBroadcastJoinThreshold", "1")
      read(other)
    }
    settings.zip(first.zip(second)).foreach { case (setting, (before, after)) =>
      withClue(s"$setting: ") {
        assert(before.map(_._1) == after.map(_._1))
        // A group by over another number of partitions is another plan.
        if (!setting._3.contains("group by")) {
          after.foreach { case (_, hits, computed) => assert(hits > 0 && computed == 0) }
        }
      }
    }
  }
}
