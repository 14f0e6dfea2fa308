// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, ExactRows}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** The operations of operators on a cache, seen from Spark: selectors in the API and in SQL, limits, encryption. */
class StoreOperationsSuite extends AnyFunSuite with Applications {
  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 100, 1, 2).selectExpr("id", "id % 5 as k").write.parquet(s"$dir/t")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(input.resolve("t")))
  }

  private def relation(spark: SparkSession): DataFrame =
    spark.read.parquet(s"$input/t").where(col("k") < 4)

  test("evict by selector, in the API and in SQL, with a dry run") {
    val cache = directory("evict")
    application(cache, "spark.diskcache.tag" -> "nightly") { spark =>
      val disk = DiskCache.of(spark)
      assert(ExactRows.of(relation(spark).cache()) == truth(relation(spark)))
      val stored = disk.entries().size
      assert(stored > 0)
      assert(disk.select("tag=nightly source=*/t/*").size == stored)
      assert(disk.select("tag=other").isEmpty)
      def sql(text: String): Long = spark.sql(text).count()
      assert(sql("SELECT * FROM diskcache_evict('tag=nightly', true)") == stored)
      assert(disk.entries().size == stored)
      assert(sql("SELECT * FROM diskcache_evict('tag=other')") == 0)
      assert(sql("SELECT key FROM diskcache_evict('tag=nightly older=0s')") == stored)
      assert(disk.entries().isEmpty)
      assert(disk.evict("tag=nightly") == 0)
      val error = intercept[Exception](spark.sql("SELECT * FROM diskcache_evict('colour=red')"))
      assert(error.getMessage.contains("there is no field 'colour'"))
      intercept[IllegalArgumentException](disk.evict("nonsense"))
    }
  }

  test("entries describe themselves: a lost index is made anew and the next application hits") {
    val cache = directory("lost")
    val expected = application(cache) { spark =>
      relation(spark).cache().count()
      truth(relation(spark))
    }
    Files.delete(cache.resolve("index.db"))
    application(cache) { spark =>
      val disk = DiskCache.of(spark)
      Iterator
        .continually(disk.stats().store())
        .take(200000)
        .takeWhile(stats => stats.unindexedFiles() > 0 || stats.reindexed() == 0)
        .foreach(_ => Thread.onSpinWait())
      val df = relation(spark).cache()
      assert(disk.explain(df).relations().get(0).status() == Status.HIT)
      assert(ExactRows.of(df) == expected)
      assert(disk.stats().computed() == 0)
    }
  }

  test("where Spark is to encrypt what it spills, nothing is stored, and explain says why") {
    val cache = directory("encrypted")
    application(cache, "spark.io.encryption.enabled" -> "true") { spark =>
      val df = relation(spark).cache()
      assert(ExactRows.of(df) == truth(relation(spark)))
      val report = DiskCache.of(spark).explain(df).relations().get(0)
      assert(report.reason().get().code() == Refusal.Code.ENCRYPTION)
      assert(DiskCache.of(spark).entries().isEmpty)
    }
  }

  test("a disk without the free space it should keep stores nothing and computes") {
    val cache = directory("full")
    application(cache, "spark.diskcache.minFreeBytes" -> "900t") { spark =>
      assert(ExactRows.of(relation(spark).cache()) == truth(relation(spark)))
      assert(DiskCache.of(spark).entries().isEmpty)
      assert(DiskCache.of(spark).stats().store().errors() > 0)
    }
  }
}
