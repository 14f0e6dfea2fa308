// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import io.sparkdiskcache.fingerprint.PlanClass._
import org.apache.spark.sql.{DataFrame, Dataset}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** Which piece of input determines which piece of output, query by query. */
class PlanClassSuite extends AnyFunSuite with PlanFixture {
  private lazy val fact: String = path("fact")
  private lazy val dim: String = path("dim")

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark
      .range(0, 100, 1, 4)
      .selectExpr("id", "id % 10 as k", "array(id) as arr", "id % 3 as p")
      .write
      .partitionBy("p")
      .parquet(fact)
    spark.range(0, 10).selectExpr("id as k", "concat('n', id) as n").write.parquet(dim)
    rf.createOrReplaceTempView("fact")
    rd.createOrReplaceTempView("dim")
    rd.write.bucketBy(2, "k").sortBy("k").saveAsTable("bucketed")
  }

  private def rf: DataFrame = spark.read.parquet(fact)
  private def rd: DataFrame = spark.read.parquet(dim)

  private val cases: Seq[(String, PlanClass, () => Dataset[_])] = Seq(
    ("scan", ROW_LOCAL, () => rf),
    ("filter and project", ROW_LOCAL, () => rf.filter("k > 3").selectExpr("id + 1")),
    ("partition filter", ROW_LOCAL, () => rf.filter("p = 1")),
    ("generate", ROW_LOCAL, () => rf.select(explode(col("arr")))),
    ("expand without aggregate", ROW_LOCAL, () => rf.selectExpr("stack(2, id, k)")),
    ("split positions in rows", PARTITION_LOCAL, () => rf.selectExpr("_metadata.file_block_start")),
    ("inner broadcast join", ROW_LOCAL, () => rf.join(broadcast(rd), "k")),
    ("left broadcast join", ROW_LOCAL, () => rf.join(broadcast(rd), Seq("k"), "left")),
    ("semi broadcast join", ROW_LOCAL, () => rf.join(broadcast(rd), Seq("k"), "left_semi")),
    ("anti broadcast join", ROW_LOCAL, () => rf.join(broadcast(rd), Seq("k"), "left_anti")),
    ("right join, build left", ROW_LOCAL, () => broadcast(rd).join(rf, Seq("k"), "right")),
    ("existence join", ROW_LOCAL, () => sql("select * from fact where k in (select k from dim) or id = 3")),
    ("nested loop join", ROW_LOCAL, () => rf.as("f").join(broadcast(rd).as("d"), expr("f.k < d.k"))),
    ("join with local rows", ROW_LOCAL, () => rf.join(broadcast(spark.range(3)), "id")),
    ("join with a union", ROW_LOCAL, () => rf.join(broadcast(rd.union(rd)), "k")),
    ("range", PARTITION_LOCAL, () => spark.range(100)),
    ("local rows", PARTITION_LOCAL, () => sql("select * from values (1), (2)")),
    ("one row", PARTITION_LOCAL, () => sql("select uuid from (select 'a' as uuid)")),
    ("local sort", PARTITION_LOCAL, () => rf.sortWithinPartitions("id")),
    ("union of scans", PARTITION_LOCAL, () => rf.select("k").union(rd.select("k"))),
    ("bucketed scan", PARTITION_LOCAL, () => spark.table("bucketed")),
    ("aggregate of buckets", PARTITION_LOCAL, () => spark.table("bucketed").groupBy("k").count()),
    ("join of buckets", PARTITION_LOCAL, () => sql("select /*+ merge(a) */ * from bucketed a join bucketed b on a.k = b.k")),
    ("aggregate", RUN_BOUND, () => rf.groupBy("k").count()),
    ("repartition", RUN_BOUND, () => rf.repartition(3)),
    ("sort", RUN_BOUND, () => rf.orderBy("id")),
    ("limit", RUN_BOUND, () => rf.limit(3)),
    ("limit of a range", RUN_BOUND, () => spark.range(10).limit(3)),
    ("top", RUN_BOUND, () => rf.orderBy("id").limit(3)),
    ("distinct", RUN_BOUND, () => rf.select("k").distinct()),
    ("coalesce", RUN_BOUND, () => rf.coalesce(1)),
    ("shuffled join", RUN_BOUND, () => sql("select /*+ merge(fact) */ * from fact join dim on fact.k = dim.k")),
    ("full join", RUN_BOUND, () => rf.join(rd, Seq("k"), "full")),
    ("left join, build left", RUN_BOUND, () => broadcast(rd).as("d").join(rf.as("f"), expr("d.k < f.k"), "left")),
    ("broadcast of an aggregate", RUN_BOUND, () => rf.join(broadcast(rd.groupBy("k").agg(first("n"))), "k")),
    ("broadcast of a limit", RUN_BOUND, () => rf.join(broadcast(rd.limit(3)), "k")),
    ("broadcast of a coalesce", RUN_BOUND, () => rf.join(broadcast(rd.coalesce(1)), "k")),
    ("cross product", RUN_BOUND, () => sql("select /*+ shuffle_replicate_nl(dim) */ * from fact cross join dim")),
    ("scalar subquery", RUN_BOUND, () => rf.filter("id > (select max(k) from dim)")),
    ("in subquery as a join", ROW_LOCAL, () => sql("select * from fact where k in (select k from dim)")),
    ("dynamic pruning", RUN_BOUND, () => sql("select f.id from fact f join dim d on f.p = d.k where d.n = 'n1'")),
    ("window", RUN_BOUND, () => sql("select rank() over (partition by k order by id) from fact")))

  Seq("true", "false").foreach { adaptive =>
    cases.foreach { case (name, expected, query) =>
      test(s"$name, adaptive $adaptive") {
        withConf(
          "spark.sql.adaptive.enabled" -> adaptive,
          "spark.sql.sources.bucketing.autoBucketedScan.enabled" -> "false") {
          val result = accepted(query())
          val isAdaptive = plan(query()).nodeName == "AdaptiveSparkPlan"
          // An adaptive plan may change while it runs: nothing in it is a unit of its own.
          assert(result.planClass == (if (isAdaptive) RUN_BOUND else expected))
          assert(adaptive == "true" || !isAdaptive)
          if (result.planClass == ROW_LOCAL) assert(!result.chunks.isEmpty)
          if (result.planClass == RUN_BOUND) assert(result.chunks.isEmpty)
        }
      }
    }
  }
}
