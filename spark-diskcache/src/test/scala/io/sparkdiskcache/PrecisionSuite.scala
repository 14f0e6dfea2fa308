// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.arrow.{MappedEntry, Precision}
import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, DrawnTests, ExactRows, NewJvm, PrecisionApp}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.functions._

/** Columns that are kept with fewer bits: what queries see, what is found again, what is said. */
class PrecisionSuite extends DrawnTests with Applications {
  override protected def property: String = "diskcache.precision"
  override protected def drawn: Int = 6
  private val float16 = Map("embedding" -> "float16", "price" -> "float32").asJava

  /** Files of which each has its own range of `x`, and numbers that no half and no float holds. */
  private lazy val input: Path = {
    val dir = directory("input").resolve("table")
    application(directory("no-cache"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 4000, 1, 4)
        .selectExpr(
          "id",
          "1 + (id div 1000) + (id % 1000 + 1) / 10000000.0D as x",
          "CASE WHEN id % 7 = 0 THEN NULL ELSE id / 7.0D END as price",
          """CASE WHEN id % 11 = 0 THEN NULL ELSE transform(sequence(1, cast(id % 5 as int)),
            |  i -> CASE WHEN i = 3 THEN NULL ELSE cast(sin(id + i) as float) END) END as embedding
            |""".stripMargin,
          "cast(id as string) as s")
        .write
        .parquet(dir.toString)
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input), "made by an application of its own")
  }

  private def table(spark: SparkSession): DataFrame =
    spark.read.parquet(input.toString).filter("id >= 0")

  private def inNewJvm(name: String, settings: (String, String)*): JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val args = Seq(input.toString, result.toString) ++ settings.map { case (k, v) => s"$k=$v" }
    val app = PrecisionApp.getClass.getName.stripSuffix("$")
    val log = directory("logs").resolve(s"$name.log")
    val finished = NewJvm.run(app, args, withCache = true, log)
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(4000)}")
    new ObjectMapper().readTree(Files.readString(result))
  }

  test("the next application reads the rounded rows that the first one saw") {
    val settings = Seq(
      "spark.master" -> "local[2]",
      "spark.diskcache.dir" -> directory("two-jvms").toString,
      "spark.diskcache.inputs.settle" -> "0s")
    val first = inNewJvm("first", settings: _*)
    val second = inNewJvm("second", settings :+ "spark.sql.adaptive.enabled" -> "false": _*)
    assert(first.get("computed").asLong > 0 && first.get("hits").asLong == 0)
    assert(second.get("computed").asLong == 0 && second.get("hits").asLong > 0)
    assert(first.get("rows") == second.get("rows"))
    Seq(first, second).foreach { run =>
      val explained = run.get("explain").asText
      assert(explained.startsWith("hit"), explained)
      assert(explained.contains("precision    embedding float16, worst error"), explained)
      assert(explained.contains("precision    price float32, worst error"), explained)
    }
  }

  /** Every lowered value beside the true one. */
  private def assertWithinBounds(kept: Seq[Row], exact: Seq[Row]): Unit = {
    assert(kept.size == exact.size)
    var moved = 0
    kept.sortBy(_.getLong(0)).zip(exact.sortBy(_.getLong(0))).foreach { case (k, e) =>
      assert((k.getLong(0), k.getDouble(1), k.get(4)) == ((e.getLong(0), e.getDouble(1), e.get(4))))
      assert(k.isNullAt(2) == e.isNullAt(2))
      if (!e.isNullAt(2)) {
        assert(k.getDouble(2) == e.getDouble(2).toFloat.toDouble)
      }
      assert(k.isNullAt(3) == e.isNullAt(3))
      if (!e.isNullAt(3)) {
        val (is, was) = (k.getSeq[Any](3), e.getSeq[Any](3))
        assert(is.size == was.size)
        is.zip(was).foreach {
          case (null, null) =>
          case (a: Float, b: Float) =>
            assert(math.abs(a - b) <= math.max(math.abs(b) * math.pow(2, -11), math.pow(2, -25)))
            moved += (if (a == b) 0 else 1)
          case other => fail(other.toString)
        }
      }
    }
    assert(moved > 100, "numbers that were rounded")
  }

  Seq("true", "false").foreach { adaptive =>
    test(s"rows are rounded within their bounds, and queries agree on them, adaptive $adaptive") {
      val cache = directory(s"bounds-$adaptive")
      val conf = "spark.sql.adaptive.enabled" -> adaptive
      val (exact, queries) = application(cache, conf) { spark =>
        val exact = table(spark).collect().toSeq
        val kept = DiskCache.of(spark).persist(table(spark), CacheOptions.precision(float16))
        assertWithinBounds(kept.collect().toSeq, exact)
        assert(stats(spark).computed > 0)
        (exact, answers(spark, kept))
      }
      Seq("true", "false").foreach { codegen =>
        application(cache, conf, "spark.sql.codegen.wholeStage" -> codegen) { spark =>
          val kept = DiskCache.of(spark).persist(table(spark), CacheOptions.precision(float16))
          assertWithinBounds(kept.collect().toSeq, exact)
          assert(answers(spark, kept) == queries)
          assert(stats(spark).computed == 0 && stats(spark).hits > 0)
          // The same plan under another name is the same relation.
          val renamed = table(spark).withColumnRenamed("price", "cost")
          assert(renamed.agg(count("cost"), max("cost")).collect().toSeq ==
            kept.agg(count("price"), max("price")).collect().toSeq)
        }
      }
    }
  }

  private def answers(spark: SparkSession, kept: DataFrame): Seq[Seq[String]] = {
    kept.createOrReplaceTempView("kept")
    Seq(
      "SELECT max(x), min(price), max(price), count(price) FROM kept",
      "SELECT id, get(embedding, 0), price FROM kept WHERE price > 100 AND price < 101",
      "SELECT id % 5, max(get(embedding, 1)) FROM kept GROUP BY 1",
      "SELECT e FROM kept LATERAL VIEW explode(embedding) AS e WHERE e > 0.9999",
      "SELECT a.id FROM kept a JOIN kept b ON a.price = b.price WHERE a.id < 50",
      "SELECT count(*) FROM kept WHERE embedding IS NULL",
      "SELECT price, typeof(price), typeof(embedding) FROM kept WHERE id < 3",
      "SELECT aggregate(embedding, 0D, (s, e) -> s + coalesce(e, 0)) FROM kept WHERE id < 100")
      .map(query => ExactRows.of(spark.sql(query)))
  }

  test("a filter sees the rounded values, and skips no file that has one") {
    val cache = directory("filters")
    val options = CacheOptions.precision(Map("x" -> "float16").asJava)
    application(cache) { spark =>
      DiskCache.of(spark).persist(table(spark), options).count()
    }
    // Every x is rounded down to 1, 2, 3 or 4: below the smallest of its file.
    val filters = Seq("x = 1", "x <= 2", "x < 1.00001", "x in (3, 4)", "x > 3", "x between 2 and 3")
    val found = Seq("true", "false").map { pruning =>
      application(cache, "spark.sql.inMemoryColumnarStorage.partitionPruning" -> pruning) { spark =>
        val kept = DiskCache.of(spark).persist(table(spark), options)
        val counts = filters.map(filter => kept.filter(filter).count())
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
        counts
      }
    }
    assert(found.head == Seq(1000, 2000, 1000, 2000, 1000, 2000))
    assert(found.head == found.last)
  }

  test("another precision is another result") {
    val cache = directory("keys")
    val wanted = Seq(
      CacheOptions.defaults(),
      CacheOptions.precision(float16),
      CacheOptions.precision(Map("embedding" -> "bfloat16").asJava),
      CacheOptions.precision(float16).withMaxRelativeError(0.5),
      CacheOptions.precision(float16).withMaxAbsoluteError(0.5))
    Seq(Status.MISS, Status.HIT).foreach { expected =>
      application(cache) { spark =>
        wanted.foreach { options =>
          val kept = DiskCache.of(spark).persist(table(spark), options)
          assert(status(spark, kept) == expected, options)
          kept.count()
          kept.unpersist()
        }
        assert((stats(spark).hits == 0) == (expected == Status.MISS))
        assert((stats(spark).computed == 0) == (expected == Status.HIT))
      }
    }
    application(cache) { spark =>
      val none = CacheOptions.precision(Map("*" -> "exact", "embed" -> "float16").asJava)
      assert(
        status(spark, DiskCache.of(spark).persist(table(spark), none)) == Status.HIT,
        "what changes nothing is exact")
    }
    application(cache, "spark.diskcache.precision" -> "price=float16") { spark =>
      val kept = table(spark).cache()
      assert(status(spark, kept) == Status.MISS)
      val explained = DiskCache.of(spark).explain(kept).toString
      assert(explained.contains("difference   precision: "), explained)
    }
  }

  test("a relation over a rounded one is another than over the exact one") {
    val cache = directory("nested")
    def upper(spark: SparkSession): DataFrame = table(spark).groupBy("s").agg(max("price")).cache()
    val Seq(exact, rounded) = Seq("exact", "price=float16").map { precision =>
      application(cache, "spark.diskcache.precision" -> precision) { spark =>
        table(spark).cache().count()
        ExactRows.of(upper(spark))
      }
    }
    assert(exact != rounded)
    Seq("exact" -> exact, "price=float16" -> rounded).foreach { case (precision, expected) =>
      application(cache, "spark.diskcache.precision" -> precision) { spark =>
        table(spark).cache()
        assert(ExactRows.of(upper(spark)) == expected)
        assert(stats(spark).hits > 0)
      }
    }
  }

  test("settings bound the errors, and what does not fit is kept wider") {
    val cache = directory("wider")
    val conf = Seq(
      "spark.diskcache.precision" -> "*=float16,x=exact",
      "spark.diskcache.precision.maxRelativeError" -> "1e-5")
    application(cache, conf: _*) { spark =>
      val kept = table(spark).cache()
      val exact = table(spark.newSession()).collect().toSeq
      assert(kept.collect().toSeq.size == exact.size)
      val columns =
        DiskCache.of(spark).explain(kept).relations().get(0).precision().asScala.map(c => c.name -> c)
      val embedding = columns.toMap.apply("embedding")
      val price = columns.toMap.apply("price")
      assert(columns.map(_._1) == Seq("price", "embedding"))
      assert(embedding.stored == Precision.EXACT && embedding.savedBytes == 0)
      assert(price.stored == Precision.FLOAT32 && price.savedBytes == 4000 * 4)
      assert(price.maxRelativeError > 0 && price.maxRelativeError <= 1e-5)
      val explained = DiskCache.of(spark).explain(kept).toString
      assert(explained.contains("price float16, float32 where that did not fit"), explained)
      assert(dataFiles(cache).forall(file => MappedEntry.precision(file, null).size == 2))
    }
  }

  Seq(
    "file chunks" -> ((s: SparkSession) => table(s)),
    "partitions" -> ((s: SparkSession) => table(s).union(table(s))),
    "a run" -> ((s: SparkSession) =>
      table(s).repartition(3, col("s")).select("id", "price", "embedding"))).foreach {
    case (name, shape) =>
      test(s"an audit takes rounded rows for the same: $name") {
        val cache = directory(s"audit-${name.replace(' ', '-')}")
        val conf = "spark.diskcache.precision" -> "*=float16"
        application(cache, conf)(spark => shape(spark).cache().count())
        application(cache, conf, "spark.diskcache.audit.fraction" -> "1") { spark =>
          shape(spark).cache().count()
          assert(stats(spark).audits > 0 && stats(spark).auditMismatches == 0)
        }
      }
  }

  test("the command line shows numbers and what became of them") {
    val cache = directory("shown")
    application(cache, "spark.diskcache.precision" -> "price=float16,embedding=bfloat16") { spark =>
      table(spark).cache().count()
    }
    val key = dataFiles(cache).head.getFileName.toString.takeWhile(_ != '-')
    val log = directory("logs").resolve("show.log")
    val shown = NewJvm.run(
      "io.sparkdiskcache.cli.Main",
      Seq("show", key, "--dir", cache.toString),
      withCache = true,
      log)
    assert(shown.exit == 0, shown.output)
    val out = shown.output
    assert(out.contains("precision of price  float16, stored as float16, worst error"), out)
    assert(out.contains("precision of embedding  bfloat16, stored as bfloat16"), out)
  }

  test("wrong options and settings are named") {
    val wrong = intercept[IllegalArgumentException](
      CacheOptions.precision(Map("a" -> "half").asJava))
    assert(wrong.getMessage.contains("'half'"))
    intercept[IllegalArgumentException](CacheOptions.defaults().withMaxRelativeError(-1))
    application(directory("wrong")) { spark =>
      val disk = DiskCache.of(spark)
      spark.conf.set("spark.diskcache.precision", "x=float8")
      val refused = table(spark).filter("id > 0").cache()
      refused.count()
      val relation = disk.explain(refused).relations().get(0)
      assert(relation.reason().get().code() == Refusal.Code.CONF)
      assert(relation.reason().get().sentence().contains("spark.diskcache.precision"))
      spark.conf.unset("spark.diskcache.precision")
      val alone = CacheOptions.defaults().withMaxRelativeError(0.1)
      intercept[IllegalArgumentException](disk.persist(table(spark), alone))
      val kept = disk.persist(table(spark), CacheOptions.precision(float16))
      kept.count()
      disk.persist(table(spark), CacheOptions.precision(float16))
      val other = CacheOptions.precision(Map("embedding" -> "float32").asJava)
      val error = intercept[IllegalArgumentException](disk.persist(table(spark), other))
      assert(error.getMessage.contains("Unpersist"))
    }
  }
}
