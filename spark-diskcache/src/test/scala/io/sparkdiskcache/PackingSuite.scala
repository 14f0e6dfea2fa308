// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Path

import scala.util.Random

import io.sparkdiskcache.harness.{Applications, ExactRows, Sample}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/**
 * Rows that show how the input was cut into partitions: under other settings, or on another number
 * of cores, they are those of plain Spark under these.
 */
class PackingSuite extends AnyFunSuite with Applications {
  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 120, 1, 6).selectExpr("id", "id % 7 as k", "id * 3 as v").write.parquet(s"$dir/t")
      spark.range(0, 7, 1, 1).selectExpr("id as k", "id * 10 as w").write.parquet(s"$dir/d")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(input.toFile.isDirectory && large.toFile.isDirectory)
  }

  private def table(spark: SparkSession): DataFrame = spark.read.parquet(s"$input/t")

  private def perPartition(df: DataFrame): DataFrame = {
    import df.sparkSession.implicits._
    df.select("id").as[Long].mapPartitions(rows => Iterator.single(rows.length)).toDF("n")
  }

  private def joined(spark: SparkSession, left: DataFrame): DataFrame =
    left.join(broadcast(spark.read.parquet(s"$input/d")), "k")

  private val queries: Seq[(String, SparkSession => DataFrame)] = Seq(
    "partitions of a scan under a broadcast join" -> (s => perPartition(joined(s, table(s)))),
    "partitions of a range under a broadcast join" ->
      (s => perPartition(joined(s, s.range(100).selectExpr("id", "id % 7 as k")))),
    "partitions of a range" -> (s => perPartition(s.range(100).toDF())),
    "partitions of local rows under a broadcast join" -> { s =>
      import s.implicits._
      perPartition(joined(s, (1L to 40L).map(i => (i, i % 7)).toDF("id", "k")))
    },
    "coalesced files" -> (s => perPartition(table(s).coalesce(2))),
    "coalesced rows of files" -> (s => perPartition(table(s).filter("id % 3 = 0").coalesce(2))),
    "a union of files and a range, coalesced" ->
      (s => perPartition(table(s).select("id").union(s.range(500, 530).toDF()).coalesce(3))),
    "a product" -> { s =>
      perPartition(table(s).hint("shuffle_replicate_nl").crossJoin(s.range(3).selectExpr("id as x")))
    },
    "rows that were shuffled" -> (s => perPartition(table(s).repartition(col("k")))),
    "groups" -> (s => perPartition(table(s).groupBy("k").agg(max("id").as("id")))),
    "the first rows" -> (s => table(s).select("id").limit(5)),
    "the first of a group" -> (s => table(s).coalesce(1).groupBy().agg(first("id"), last("v"))),
    "one row of each" -> (s => table(s).coalesce(1).dropDuplicates("k")),
    "sorted partitions" -> { s =>
      import s.implicits._
      table(s).sortWithinPartitions(desc("v")).select("v").as[Long].coalesce(2)
        .mapPartitions(rows => rows.take(1)).toDF("top")
    },
    "a subquery that counts partitions" -> { s =>
      perPartition(table(s)).createOrReplaceTempView("cuts")
      table(s).filter("id < (select count(*) from cuts)").select("id")
    })

  /** Files that are cut, between cuts of the cache too, and one that cannot be. */
  private lazy val large: Path = {
    val dir = directory("large")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      def lines(from: Int, to: Int) = spark.range(from, to, 1, 1).selectExpr("sha2(cast(id as string), 512)")
      lines(0, 45000).write.text(s"$dir/t/one")
      lines(45000, 52000).write.text(s"$dir/t/two")
      lines(52000, 60000).write.option("compression", "gzip").text(s"$dir/t/three")
    }
    dir
  }

  /** Of rows that come from a relation: what shows its partitions and their order. */
  private val above: Seq[(String, DataFrame => DataFrame)] = Seq(
    "sizes of partitions" -> { df =>
      import df.sparkSession.implicits._
      df.as[String].mapPartitions(rows => Iterator.single(rows.length)).toDF("n")
    },
    "sizes of partitions of the RDD" -> { df =>
      import df.sparkSession.implicits._
      df.rdd.mapPartitionsWithIndex((i, rows) => Iterator.single((i, rows.map(_.getString(0).hashCode).sum))).toDF()
    },
    "numbers of partitions" -> (_.groupBy(spark_partition_id().as("p")).agg(count("*"), max("value"))),
    "increasing numbers" -> (_.select(monotonically_increasing_id().as("i"), col("value")).filter("i % 1000 = 3")),
    "a sample" -> (_.sample(0.01, 7)),
    "random numbers" -> (_.select(col("value"), rand(5).as("r")).filter("r < 0.01")),
    "the first rows" -> (_.limit(3)),
    "the first of each partition" -> (_.coalesce(3).groupBy().agg(first("value"), last("value"))))

  /** Largest partition, and the least number of partitions. */
  private val cuts: Seq[(String, String)] =
    Seq("100m" -> "1", "2m" -> "1", "1500k" -> "1", "700k" -> "1", "128m" -> "7", "3m" -> "2")

  /** Rows above a relation under each of the cuts, and what was computed and found for them. */
  private def aboveRelation(cache: Path, enabled: Boolean): Seq[(Map[String, Seq[String]], Long, Long)] =
    application(
      cache,
      "spark.diskcache.enabled" -> enabled.toString,
      "spark.diskcache.inputs.chunkBytes" -> "1m",
      "spark.sql.files.openCostInBytes" -> "1") { spark =>
      cuts.map { case (most, least) =>
        spark.conf.set("spark.sql.files.maxPartitionBytes", most)
        spark.conf.set("spark.sql.files.minPartitionNum", least)
        val before = if (enabled) stats(spark) else null
        val relation = spark.read.option("recursiveFileLookup", "true").text(s"$large/t").filter("value > '1'").cache()
        val rows = above.map { case (name, query) => name -> ExactRows.of(query(relation)) }.toMap
        val (computed, hits) =
          if (enabled) (stats(spark).computed - before.computed, stats(spark).hits - before.hits) else (0L, 0L)
        relation.unpersist()
        (rows, computed, hits)
      }
    }

  test("above a relation partitions are Spark's, when it is filled and when it is found") {
    val cache = directory("above")
    val plain = aboveRelation(directory("unused"), enabled = false).map(_._1)
    val filled = aboveRelation(cache, enabled = true)
    val found = aboveRelation(cache, enabled = true)
    for (i <- cuts.indices; (name, _) <- above) withClue(s"$name under ${cuts(i)}: ") {
      assert(filled(i)._1(name) == plain(i)(name), "filled")
      assert(found(i)._1(name) == plain(i)(name), "found")
    }
    assert(filled.head._2 > 0)
    assert(found.forall(_._2 == 0) && found.forall(_._3 > 0), "hits under the same cuts")
    val (whole, cut) = filled.drop(1).partition(_._2 == 0)
    assert(whole.size == 2, "chunks between cuts at multiples of them")
    assert(cut.forall(_._3 > 0), "only chunks that are cut are computed again")
    val differing = above.map(_._1).filter(name => plain.map(_(name)).distinct.size == cuts.size)
    assert(differing.size >= 5, differing)
  }

  private def settings(few: Boolean, adaptive: Boolean = true): Seq[(String, String)] = Seq(
    "spark.sql.adaptive.enabled" -> adaptive.toString,
    "spark.default.parallelism" -> (if (few) "2" else "5"),
    "spark.sql.files.maxPartitionBytes" -> (if (few) "100m" else "700"),
    "spark.sql.files.openCostInBytes" -> (if (few) "1" else "10"),
    "spark.sql.adaptive.coalescePartitions.minPartitionSize" -> "1b",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes" -> (if (few) "10m" else "40"))

  /** Rows of all queries as plain Spark caches them: a plan that is cached is cut in its own way. */
  private def plain(few: Boolean, adaptive: Boolean): Map[String, Seq[String]] =
    application(directory("unused"), (settings(few, adaptive) :+ ("spark.diskcache.enabled" -> "false")): _*) { spark =>
      chosen(adaptive).map { case (name, query) =>
        val rows = ExactRows.of(query(spark).cache())
        spark.catalog.clearCache()
        name -> rows
      }.toMap
    }

  /** Rows with the cache, and how many partitions were computed for them. */
  private def kept(cache: Path, few: Boolean, adaptive: Boolean): Map[String, (Seq[String], Long)] =
    application(cache, settings(few, adaptive): _*) { spark =>
      chosen(adaptive).map { case (name, query) =>
        val before = stats(spark).computed
        val rows = ExactRows.of(query(spark).cache())
        val computed = stats(spark).computed - before
        spark.catalog.clearCache()
        name -> ((rows, computed))
      }.toMap
    }

  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261129L)
  private val all = Sample.whole("diskcache.packing")

  /** Adaptive execution changes how shuffled rows are cut, and plans with a broadcast. */
  private def chosen(adaptive: Boolean): Seq[(String, SparkSession => DataFrame)] = {
    val those =
      if (adaptive) queries.filter(q => Seq("broadcast", "shuffled", "groups", "subquery").exists(q._1.contains))
      else queries
    if (all) those else new Random(seed).shuffle(those).take(if (adaptive) 2 else 4)
  }

  for (adaptive <- Seq(false, true)) {
    test(s"${if (adaptive) "with" else "without"} adaptive execution") {
      val cache = directory(s"cache-$adaptive")
      val Seq(ofFew, ofMany) = Seq(true, false).map(plain(_, adaptive))
      val first = kept(cache, few = true, adaptive)
      val other = kept(cache, few = false, adaptive)
      val again = kept(cache, few = false, adaptive)
      println(s"seed $seed: ${first.size} queries")
      for ((name, _) <- new Random(seed).shuffle(chosen(adaptive))) withClue(s"$name: ") {
        assert(first(name)._1 == ofFew(name))
        assert(other(name)._1 == ofMany(name), "rows of the other packing")
        assert(again(name)._1 == ofMany(name))
        assert(again(name)._2 == 0, "a hit under the same settings")
      }
      val refused = first.collect { case (name, (_, 0)) => name }
      println(s"not kept: ${refused.mkString(", ")}")
      assert(refused.size <= 1)
      val differing = first.keySet.filter(name => ofFew(name) != ofMany(name))
      println(s"rows that show the packing: ${differing.mkString(", ")}")
      val least = if (!all) 1 else if (adaptive) 4 else 10
      assert(differing.size >= least, "the settings change the packing")
    }
  }

  test("rows that show no packing are found whatever the settings") {
    val cache = directory("blind")
    def blind(spark: SparkSession): DataFrame =
      joined(spark, table(spark)).groupBy("k").agg(sum("v").as("v"), count("*").as("n"))
    application(cache, settings(few = true): _*)(spark => blind(spark).cache().count())
    application(cache, settings(few = false): _*) { spark =>
      blind(spark).cache().count()
      assert(stats(spark).computed == 0 && stats(spark).hits > 0)
    }
  }
}
