// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Path
import java.time.Duration

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{Applications, ExactRows}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.scalatest.funsuite.AnyFunSuite

/** `CacheOptions.ttl`: what is older is computed anew and takes the place of the old. */
class TimeToLiveSuite extends AnyFunSuite with Applications {
  private val Hour = CacheOptions.defaults().withTtl(Duration.ofHours(1))

  /** The entries that an earlier application, or an earlier call, has stored are older than this. */
  private val Old = CacheOptions.defaults().withTtl(Duration.ofMillis(1))

  private lazy val input: String = {
    val path = directory("input").resolve("table").toString
    application(directory("none"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 1000, 1, 4).selectExpr("id", "id % 7 as k").write.parquet(path)
    }
    path
  }

  private val relations = Seq[(String, SparkSession => DataFrame)](
    "row-local" -> (_.read.parquet(input).filter("id > 10")),
    "partition-local" -> (_.read.parquet(input).sortWithinPartitions("k", "id")),
    "run-bound" -> (_.read.parquet(input).groupBy("k").count()))

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(input.nonEmpty, "made by an application of its own")
  }

  private def keys(cache: Path): Set[String] = dataFiles(cache).map(_.getFileName.toString).toSet

  relations.foreach { case (name, relation) =>
    test(s"$name: younger results are used, older ones are computed anew") {
      val cache = directory(name)
      val rows = application(cache) { spark =>
        val df = DiskCache.of(spark).persist(relation(spark), Hour)
        val rows = ExactRows.of(df)
        assert(stats(spark).computed > 0)
        rows
      }
      val written = keys(cache)

      application(cache) { spark =>
        val df = DiskCache.of(spark).persist(relation(spark), Hour)
        assert(status(spark, df) == Status.HIT)
        assert(ExactRows.of(df) == rows)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
      }
      assert(keys(cache) == written)

      application(cache) { spark =>
        val df = DiskCache.of(spark).persist(relation(spark), Old)
        val before = DiskCache.of(spark).explain(df).relations().asScala.head
        assert(before.status() == Status.MISS, before)
        assert(before.differences().asScala.exists(_.contains("older than the time to live")))
        assert(keys(cache) == written, "looking removes nothing")
        assert(ExactRows.of(df) == rows)
        assert(stats(spark).computed == written.size && stats(spark).hits == 0)
        assert(status(spark, df) == Status.HIT, "as it was looked up")
        assert(ExactRows.of(df) == rows)
        assert(stats(spark).computed == written.size, "once")
        assert(stats(spark).store.evictedExpired + stats(spark).store.evictedReplaced == written.size)
      }
      val newer = keys(cache)
      assert(newer.size == written.size && (newer & written).isEmpty)

      application(cache) { spark =>
        assert(ExactRows.of(relation(spark).cache()) == rows)
        assert(stats(spark).computed == 0 && stats(spark).hits > 0, "without a limit all are used")
      }
    }

    test(s"$name: what the application holds is dropped by the next persist when it is older") {
      application(directory(s"$name-held")) { spark =>
        val cache = DiskCache.of(spark)
        val rows = ExactRows.of(cache.persist(relation(spark), Hour))
        val computed = stats(spark).computed
        assert(ExactRows.of(cache.persist(relation(spark), Hour)) == rows)
        assert(stats(spark).computed == computed)
        val held = cache.persist(relation(spark), Old)
        assert(ExactRows.of(held) == rows)
        assert(stats(spark).computed == 2 * computed)
        // Without a word about age nothing is dropped; another DataFrame of the same plan reads on.
        assert(ExactRows.of(cache.persist(relation(spark))) == rows)
        assert(ExactRows.of(held) == rows)
        assert(stats(spark).computed == 2 * computed)
      }
    }
  }

  test("a DataFrame over what was dropped goes on reading the rows it had, or the same computed anew") {
    application(directory("dependent")) { spark =>
      val cache = DiskCache.of(spark)
      val below = cache.persist(spark.read.parquet(input).groupBy("k").count(), Hour)
      val above = below.filter("k > 2").cache()
      val rows = ExactRows.of(above)
      assert(ExactRows.of(cache.persist(spark.read.parquet(input).groupBy("k").count(), Old)).size == 7)
      assert(ExactRows.of(above) == rows)
    }
  }

  test("no time to live is too long or too short") {
    application(directory("range")) { spark =>
      val cache = DiskCache.of(spark)
      val ttl = Duration.ofSeconds(Long.MaxValue)
      val df = cache.persist(spark.read.parquet(input), CacheOptions.defaults().withTtl(ttl))
      assert(df.count() == 1000 && stats(spark).computed > 0)
      assert(cache.persist(spark.read.parquet(input), CacheOptions.defaults().withTtl(ttl)).count() == 1000)
      val none = intercept[IllegalArgumentException](Hour.withTtl(Duration.ofSeconds(-1)))
      assert(none.getMessage == "Cannot use a time to live of PT-1S: it must be more than zero, or zero for none.")
    }
  }
}
