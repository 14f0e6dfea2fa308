// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.file.{Files, Path}
import java.util

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{DrawnTests, ExactRows, Scenarios}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._

/** Functions that hold what can change: a task publishes only if it ran what the driver saw. */
class FunctionProofSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.proof"
  override protected def drawn: Int = 3

  private lazy val table: String = {
    val path = directory("input").resolve("t").toString
    prepare(_.range(0, 20, 1, 2).write.parquet(path))
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(table.nonEmpty)
  }

  private def applied(spark: SparkSession, functions: (Long => Any)*): DataFrame =
    spark.read.parquet(table).select(functions.zipWithIndex.map { case (f, i) =>
      udf((x: Long) => f(x).toString).apply(col("id")).as(s"f$i")
    }: _*)

  /** Ten functions over values of which the n-th holds `v` and the others hold 1. */
  private def holding(n: Int, v: Int): Seq[Long => Any] = {
    def at(i: Int): Int = if (i == n) v else 1
    val map = new util.HashMap[Long, Integer](); map.put(3L, at(0))
    val list = new util.ArrayList[Integer](); list.add(at(1))
    val array = Array("a", at(2).toString)
    val fixed = util.Arrays.asList[Integer](at(3), 5)
    val view = util.Collections.unmodifiableMap(new util.TreeMap[String, Integer](util.Map.of[String, Integer]("k", at(4))))
    val builder = new java.lang.StringBuilder().append(at(5))
    val date = new util.Date(at(6) * 1000L)
    val calendar = util.Calendar.getInstance(); calendar.setTimeInMillis(at(7) * 1000L)
    val buffer = scala.collection.mutable.ArrayBuffer(at(8))
    val atomic = new util.concurrent.atomic.AtomicInteger(at(9))
    Seq(
      (x: Long) => map.getOrDefault(x, 0),
      (x: Long) => x + list.get(0),
      (x: Long) => array(1) + x,
      (x: Long) => fixed.get(0) + x,
      (x: Long) => view.get("k") + x,
      (x: Long) => builder.toString + x,
      (x: Long) => date.getTime + x,
      (x: Long) => calendar.getTimeInMillis + x,
      (x: Long) => buffer(0) + x,
      (x: Long) => atomic.get + x)
  }

  test("mutable values count by their content, each of ten") {
    val cache = directory("content")
    def seen(n: Int, v: Int): Run = run(cache)(applied(_, holding(n, v): _*))
    val first = seen(0, 1)
    assert(first.miss, first)
    assert(seen(0, 1).hit)
    (0 until 10).foreach { n =>
      val other = seen(n, 2)
      assert(other.miss && other.rows != first.rows, s"function $n: $other")
    }
    assert(seen(0, 1).hit)
  }

  test("functions that change what they hold: plain Spark's rows, nothing stored") {
    Seq[() => Long => Any](
      () => { val a = Array(0L); (x: Long) => { a(0) += 1; x + a(0) } },
      () => { val m = new util.HashMap[String, Integer](); (x: Long) => m.merge("n", 1, (a, b) => a + b) },
      () => { val b = new java.lang.StringBuilder; (x: Long) => b.append(x).length },
      () => { val r = new util.Random(1); (x: Long) => r.nextInt() },
      () => { val d = new util.ArrayDeque[Long](); (x: Long) => { d.push(x); d.size } },
      () => { val n = new util.concurrent.atomic.AtomicLong; (x: Long) => n.incrementAndGet() },
      () => { val c = new Counter; (x: Long) => { c.n += 1; x + c.n } }).zipWithIndex.foreach { case (make, i) =>
      val cache = directory(s"changes-$i")
      application(cache) { spark =>
        val expected = ExactRows.of(applied(uncached(spark), make()))
        val df = applied(spark, make()).cache()
        assert(ExactRows.of(df) == expected, s"function $i")
        assert(ExactRows.of(df) == expected, s"function $i again")
        assert(DiskCache.of(spark).entries().isEmpty, s"function $i")
        assert(stats(spark).computed == 2 && stats(spark).privateRelations == 0)
        assert(stats(spark).withheld.get("DIFFERS") >= 2, s"function $i")
      }
    }
  }

  test("an array that the driver changes between two actions") {
    def steps(spark: SparkSession): Seq[String] = {
      val array = Array(1L)
      val df = applied(spark, (x: Long) => x + array(0)).cache()
      val first = df.take(1).map(_.toString).toSeq
      array(0) = 100
      first ++ ExactRows.of(df)
    }
    val cache = directory("between")
    application(cache) { spark =>
      val expected = steps(uncached(spark))
      spark.sharedState.cacheManager.clearCache()
      assert(steps(spark) == expected)
      assert(DiskCache.of(spark).entries().size == 1, "the partition of the first action")
    }
  }

  test("lazy vals of captured objects: kept where a task finds nothing in them that can change") {
    val cache = directory("lazy")
    def rated(n: Int): Seq[Long => Any] = {
      val (early, late) = (new Rates(n), new Rates(n))
      require(early.list.nonEmpty && early.map.nonEmpty)
      Seq(early, late).map(rates => (x: Long) => rates.list.sum + rates.map(1) + x)
    }
    val first = run(cache)(applied(_, rated(1): _*))
    assert(first.miss, first)
    assert(run(cache)(applied(_, rated(1): _*)).hit)
    val other = run(cache)(applied(_, rated(2): _*))
    assert(other.miss && other.rows != first.rows, other)
    application(directory("lazy-mutable")) { spark =>
      def counting: Long => Any = { val rates = new Rates(1); (x: Long) => rates.counts.merge("k", 1, (a, b) => a + b) }
      val expected = ExactRows.of(applied(uncached(spark), counting))
      val df = applied(spark, counting).cache()
      assert(ExactRows.of(df) == expected)
      assert(DiskCache.of(spark).entries().isEmpty && stats(spark).withheld.get("DIFFERS") >= 2, stats(spark))
      assert(DiskCache.of(spark).explain(df).toString.contains("counts is lazy and holds something that can be changed"))
    }
  }

  test("below a shuffle what can change is refused, and named") {
    application(directory("below")) { spark =>
      val array = Array(1L)
      val rates = new Rates(1)
      Seq[(Long => Any, String)](
        ((x: Long) => x + array(0)) -> "array",
        ((x: Long) => rates.list.sum + x) -> "rates").foreach { case (function, name) =>
        val df = applied(spark, function).groupBy("f0").count().cache()
        val reason = DiskCache.of(spark).explain(df).relations().get(0).reason().get.sentence
        assert(reason.matches(s"(?s).*FunctionProofSuite.* reads \\S*$name\\S*, which can change, and runs below a shuffle.*"), reason)
        assert(df.count() == 20)
      }
    }
  }

  test("statics: what a task finds in them counts, and what it leaves there") {
    val cache = directory("statics")
    application(cache) { spark =>
      Registry.rates.put("k", 1)
      assert(runIn(spark)(applied(_, (x: Long) => x + Registry.rates.get("k"))).miss)
      val counting = applied(spark, (x: Long) => Registry.rates.merge("k", 1, (a, b) => a + b)).cache()
      assert(counting.count() == 20)
      assert(DiskCache.of(spark).entries().size == 2)
    }
    Registry.rates.clear()
    Registry.rates.put("k", 7)
    assert(run(cache)(applied(_, (x: Long) => x + Registry.rates.get("k"))).miss)
    Registry.rates.put("k", 1)
    assert(run(cache)(applied(_, (x: Long) => x + Registry.rates.get("k"))).hit)
  }

  test("a file that a function reads: kept while it is the same, computed when it is another") {
    val model = directory("models").resolve("model.txt")
    val path = model.toString
    Files.writeString(model, "aaaa")
    val cache = directory("reads")
    def predicted(spark: SparkSession): DataFrame =
      applied(spark, Models.predict(path), (x: Long) => x + 1)
    val first = run(cache)(predicted)
    assert(first.miss, first)
    val again = run(cache)(predicted)
    assert(again.hit && again.rows == first.rows, again)
    val times = Files.getLastModifiedTime(model)
    Files.writeString(model, "bbbb")
    Files.setLastModifiedTime(model, times)
    val retrained = run(cache)(predicted)
    assert(retrained.miss && retrained.rows != first.rows, retrained)
    assert(run(cache)(predicted).hit)
  }

  test("more than a bound is refused, and soon") {
    val cache = directory("bound")
    Seq[() => Long => Any](
      () => { val r = 1L to 10_000_000_000_000L by 1L; (x: Long) => r.contains(x) },
      () => { val a = new Array[Long](40_000_000); (x: Long) => a(x.toInt) },
      () => { val c = util.Collections.nCopies(Int.MaxValue, "a"); (x: Long) => c.get(0) }).zipWithIndex.foreach { case (make, i) =>
      application(cache) { spark =>
        val df = applied(spark, make()).cache()
        val reason = DiskCache.of(spark).explain(df).relations().get(0).reason()
        // A range is told by its bounds.
        assert(reason.isPresent == (i > 0), s"$i: $reason")
        if (i == 1) assert(reason.get.sentence.contains("MiB"))
      }
    }
  }
}

class Counter extends Serializable {
  var n = 0L
}

class Rates(n: Int) extends Serializable {
  lazy val list: List[Int] = List(n, 2)
  @transient lazy val map: Map[Int, Int] = Map(1 -> n)
  lazy val counts = new util.HashMap[String, Integer]()
}

object Registry {
  val rates = new util.HashMap[String, Integer]()
}

object Models {
  def predict(path: String): Long => Any = (x: Long) => Files.readString(Path.of(path)) + x
}
