// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime

import scala.jdk.CollectionConverters._
import scala.util.Using

import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, DrawnTests, ExactRows, FactsFileSystem}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._

/**
 * Hits that are computed all the same. The stored entries are made wrong by a file that changes
 * behind a file system's back: other content, same length, same time.
 */
class AuditSuite extends DrawnTests with Applications {
  override protected def property: String = "diskcache.audit"
  override protected def drawn: Int = 6
  private val fileSystem = FactsFileSystem.settings.head
  private val audited = "spark.diskcache.audit.fraction" -> "1"

  private final class Table(name: String) {
    val dir: Path = directory(name)
    private val time = FileTime.fromMillis(1700000000000L)
    (0 until 3).foreach(i => write(i, (0 until 10).map(j => s"${i * 10 + j},${j % 4}")))

    private def write(file: Int, lines: Seq[String], at: FileTime = time): Unit = {
      val path = dir.resolve(s"part-$file.csv")
      Files.write(path, lines.asJava)
      Files.setLastModifiedTime(path, at)
    }

    /** Another row in the second file, of the same length. */
    def change(at: FileTime = time): Unit = {
      val lines = Files.readAllLines(dir.resolve("part-1.csv")).asScala.toSeq
      write(1, lines.updated(5, "99,3"), at)
    }

    def read(spark: SparkSession): DataFrame =
      spark.read.schema("id long, k int").csv(s"nofacts://$dir")
  }

  private val shapes: Seq[(String, (SparkSession, Table) => DataFrame)] = Seq(
    "file chunks" -> ((s, table) => table.read(s).filter("k >= 0")),
    "file chunks under a broadcast" -> { (s, table) =>
      table.read(s).join(broadcast(s.range(4).selectExpr("cast(id as int) k", "id * 2 as d")), "k")
    },
    "partitions" -> ((s, table) => table.read(s).union(table.read(s).selectExpr("-id", "k"))),
    "a run" -> ((s, table) => table.read(s).groupBy("k").agg(sum("id").as("s"), avg("id"))))

  // With AQE every plan that exchanges is one run.
  for {
    ((name, shape), number) <- shapes.zipWithIndex
    adaptive <- if (name == "a run") Seq("true", "false") else Seq("false")
  } {
    val conf = Seq(fileSystem, "spark.sql.adaptive.enabled" -> adaptive)
    test(s"what is stored is confirmed: $name, adaptive $adaptive") {
      val table = new Table(s"same-$number-$adaptive")
      val cache = directory(s"same-cache-$number-$adaptive")
      val expected = application(cache, conf: _*) { spark =>
        val expected = truth(shape(spark, table))
        shape(spark, table).cache().count()
        assert(stats(spark).audits == 0)
        expected
      }
      application(cache, conf :+ audited: _*) { spark =>
        val df = shape(spark, table).cache()
        assert(ExactRows.of(df) == expected)
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).audits > 0)
        assert(stats(spark).auditMismatches == 0)
      }
      application(cache, conf: _*) { spark =>
        val df = shape(spark, table).cache()
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).hits > 0)
        assert(stats(spark).computed == 0)
        assert(stats(spark).audits == 0)
      }
    }

    test(s"what is stored is found wrong: $name, adaptive $adaptive") {
      val table = new Table(s"other-$number-$adaptive")
      val cache = directory(s"other-cache-$number-$adaptive")
      val old = application(cache, conf: _*)(s => ExactRows.of(shape(s, table).cache()))
      table.change()
      application(cache, conf: _*) { spark =>
        val now = truth(shape(spark, table))
        assert(now != old)
        assert(ExactRows.of(shape(spark, table).cache()) == old, "nothing to be found")
      }
      application(cache, conf :+ audited: _*) { spark =>
        val now = truth(shape(spark, table))
        val df = shape(spark, table).cache()
        assert(ExactRows.of(df) == now)
        assert(ExactRows.of(df) == now)
        // Two wrong partitions may be found at the same time.
        assert(Set(1L, 2L).contains(stats(spark).auditMismatches))
      }
      application(cache, conf: _*) { spark =>
        val df = shape(spark, table).cache()
        assert(ExactRows.of(df) == truth(shape(spark, table)))
        assert(stats(spark).hits == 0)
        val report = DiskCache.of(spark).explain(df).relations().get(0)
        assert(report.status() == Status.REFUSED)
        assert(report.reason().get().code() == Refusal.Code.AUDIT)
        assert(report.reason().get().sentence().contains(files(cache.resolve("distrusted")).head))
      }
      // Whoever has looked into it trusts the function again.
      files(cache.resolve("distrusted")).foreach(file => Files.delete(Path.of(file)))
      application(cache, conf: _*) { spark =>
        val now = truth(shape(spark, table))
        assert(ExactRows.of(shape(spark, table).cache()) == now)
        assert(stats(spark).refused.isEmpty)
      }
    }
  }

  test("an input that changes while an audit runs is no mismatch") {
    shapes.foreach { case (name, shape) =>
      withClue(s"$name: ") {
        val table = new Table(s"meanwhile-${name.replace(' ', '-')}")
        val cache = directory(s"meanwhile-cache-${name.replace(' ', '-')}")
        application(cache, fileSystem)(s => shape(s, table).cache().count())
        application(cache, fileSystem, audited) { spark =>
          val df = shape(spark, table).cache()
          FactsFileSystem.beforeOpen.set(() => table.change(FileTime.fromMillis(1750000000000L)))
          df.count()
          assert(stats(spark).auditMismatches == 0)
          assert(Files.notExists(cache.resolve("distrusted")))
        }
      }
    }
  }

  test("sums of floating-point numbers are compared with tolerance") {
    val table = new Table("floats")
    val cache = directory("floats-cache")
    def sums(s: SparkSession): DataFrame =
      table
        .read(s)
        .repartition(8)
        .selectExpr("k", "id / 7D as x")
        .groupBy("k")
        .agg(sum("x").as("s"), stddev("x"), max("x"))
        .selectExpr("*", "s * 2 as twice")
    application(cache, fileSystem)(s => sums(s).cache().count())
    application(cache, fileSystem, audited) { spark =>
      sums(spark).cache().count()
      assert(stats(spark).audits > 0)
      assert(stats(spark).auditMismatches == 0)
    }
    table.change()
    application(cache, fileSystem, audited) { spark =>
      val now = sums(spark).selectExpr("count(*)", "round(sum(s), 6)").collect().toSeq
      assert(sums(spark).cache().selectExpr("count(*)", "round(sum(s), 6)").collect().toSeq == now)
      assert(stats(spark).auditMismatches == 1)
    }
  }

  test("rows that may differ from run to run are not audited, and that is counted") {
    val table = new Table("runs")
    val queries = Seq[DataFrame => DataFrame](
      _.repartition(3).limit(5),
      _.groupBy("k").agg(first("id")),
      _.groupBy("k").agg(collect_list("id")),
      _.groupBy("k").agg(sum(col("id") / 3).as("s")).filter("s > 20"),
      _.groupBy("k").agg(sum(col("id") / 3).as("s")).selectExpr("cast(s as string)"),
      _.selectExpr("id", "row_number() over (partition by k order by k)"))
    val cache = directory("runs-cache")
    application(cache, fileSystem)(s => queries.foreach(_(table.read(s)).cache().count()))
    application(cache, fileSystem, audited) { spark =>
      queries.foreach(_(table.read(spark)).cache().count())
      assert(stats(spark).hits > 0)
      assert(stats(spark).computed == 0)
      assert(stats(spark).audits == 0)
      assert(stats(spark).notAudited == queries.size)
    }
  }

  private def files(dir: Path): Seq[String] =
    Using.resource(Files.list(dir))(_.iterator().asScala.map(_.toString).toList)
}
