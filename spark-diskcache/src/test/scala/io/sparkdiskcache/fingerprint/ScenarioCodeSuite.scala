// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.{Files, Path}

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{DrawnTests, ExactRows, NewJvm, Scenarios}
import org.apache.spark.sql.{DataFrame, Observation, SparkSession}
import org.apache.spark.sql.functions._

/** Scenarios of wrong hits, by their number in the list: those in which user code changes. */
class ScenarioCodeSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.scenarios"
  override protected def drawn: Int = 7

  private lazy val table: String = {
    val path = directory("input").resolve("t").toString
    prepare(_.range(0, 20, 1, 2).write.parquet(path))
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(table.nonEmpty)
  }

  private def applied(spark: SparkSession, f: Long => Long): DataFrame =
    spark.read.parquet(table).select(udf(f).apply(col("id")).as("f"))

  private def loadedBy[T](loader: ClassLoader)(body: => T): T = {
    val thread = Thread.currentThread()
    val before = thread.getContextClassLoader
    thread.setContextClassLoader(loader)
    try body
    finally thread.setContextClassLoader(before)
  }

  /** A run of the function that `user.App.make` of a freshly compiled program returns. */
  private def program(cache: Path, source: String): Run = {
    val loader = ScalaSnippets.load(directory("classes"), source)
    loadedBy(loader)(run(cache) { spark =>
      applied(spark, ScalaSnippets.make(loader, "user.App").asInstanceOf[Long => Long])
    })
  }

  private def app(body: String, more: String = ""): String =
    s"package user\n$more\nobject App { def make: Long => Long = { $body } }\n"

  /** Before and after an edit: each a miss, then each a hit. */
  private def edited(cache: Path)(before: => Run, after: => Run): Unit = {
    val first = before
    assert(first.miss, first)
    assert(before.hit)
    val second = after
    assert(second.miss, second)
    assert(second.rows != first.rows)
    assert(after.hit && before.hit)
  }

  // ---- 8, 9: edits

  private def helper(inner: String) = app(
    "(x: Long) => Helper.twice(x)",
    s"object Helper { def twice(x: Long): Long = inner(x) * 2; def inner(x: Long): Long = $inner }")

  test("8: a helper's helper is edited") {
    val cache = directory("8")
    edited(cache)(program(cache, helper("x + 1")), program(cache, helper("x + 3")))
    assert(program(cache, "// moved\n\n" + helper("x + 1")).hit, "a comment is no edit")
  }

  test("8: a helper's helper is edited between two runs of the packaged job") {
    val cache = directory("8-jvm")
    def job(inner: String): (Seq[String], Long, Long) = {
      val source =
        s"""package user
           |import org.apache.spark.sql.SparkSession
           |import org.apache.spark.sql.functions._
           |object Helper { def twice(x: Long): Long = inner(x) * 2; def inner(x: Long): Long = $inner }
           |object Functions { def twice: Long => Long = (x: Long) => Helper.twice(x) }
           |object Job {
           |  def main(args: Array[String]): Unit = {
           |    val spark = SparkSession.builder().master("local[2]").config("spark.ui.enabled", "false")
           |      .config("spark.driver.host", "127.0.0.1").config("spark.diskcache.dir", args(1))
           |      .config("spark.diskcache.inputs.settle", "0s").getOrCreate()
           |    val f = udf(Functions.twice)
           |    val df = spark.read.parquet(args(0)).select(f(col("id"))).cache()
           |    val rows = df.collect().map(_.getLong(0)).sorted.mkString(",")
           |    val stats = io.sparkdiskcache.DiskCache.of(spark).stats()
           |    spark.stop()
           |    java.nio.file.Files.writeString(java.nio.file.Path.of(args(2)), rows + ";" + stats.hits + ";" + stats.computed)
           |  }
           |}
           |""".stripMargin
      val loader = ScalaSnippets.load(directory("classes"), source)
      val classes = Path.of(loader.getURLs.head.toURI).toString
      val result = directory("8-jvm-out").resolve("result")
      Files.deleteIfExists(result)
      val finished = NewJvm.run(
        "user.Job",
        Seq(table, cache.toString, result.toString),
        withCache = true,
        directory("8-jvm-out").resolve("log"),
        classPath = Seq(classes))
      assert(finished.exit == 0, finished.output.takeRight(4000))
      val Array(rows, hits, computed) = Files.readString(result).split(";")
      (rows.split(",").toSeq, hits.toLong, computed.toLong)
    }
    assert(job("x + 1") == ((expected(_ + 1), 0L, 2L)))
    assert(job("x + 1") == ((expected(_ + 1), 2L, 0L)))
    assert(job("x + 3") == ((expected(_ + 3), 0L, 2L)))
  }

  private def expected(inner: Long => Long): Seq[String] =
    (0L until 20L).map(x => (inner(x) * 2).toString)

  test("9: the body of a lambda is edited, on the same line") {
    val cache = directory("9")
    edited(cache)(program(cache, app("(x: Long) => x + 7")), program(cache, app("(x: Long) => x - 7")))
  }

  test("9: a value that a lambda captures") {
    val cache = directory("9-captured")
    def capturing(k: Long): Run = run(cache)(applied(_, (x: Long) => x * k))
    edited(cache)(capturing(2), capturing(3))
  }

  test("9: a notebook's cell is edited and run again; the next kernel finds both") {
    val cache = directory("9-notebook")
    def value(notebook: ScalaSnippets.Notebook): Long => Long =
      notebook.value("f").asInstanceOf[Long => Long]
    // Not a val of a lambda: it would be a field of the very object that the lambda captures.
    val f = Seq("def make: Long => Long = (x: Long) => twice(x) + 1", "val f = make")
    val notebook = new ScalaSnippets.Notebook().run("def twice(x: Long): Long = x * 2" +: f: _*)
    val rows = loadedBy(notebook.loader)(application(cache) { spark =>
      val first = runIn(spark)(applied(_, value(notebook)))
      assert(first.miss, first)
      notebook.run("def twice(x: Long): Long = x * 5" +: f: _*)
      val second = runIn(spark)(applied(_, value(notebook)))
      assert(second.miss && second.rows != first.rows)
      Seq(first.rows, second.rows)
    })
    Seq(2, 5).zip(rows).foreach { case (factor, expected) =>
      val kernel = new ScalaSnippets.Notebook()
        .run("val other = 1", "println(other)", s"def twice(x: Long): Long = x * $factor", "1 + 1")
        .run(f: _*)
      val again = loadedBy(kernel.loader)(run(cache)(applied(_, value(kernel))))
      assert(again.hit && again.rows == expected, again)
    }
  }

  // ---- 10 to 14: what a function must not use

  test("10: a broadcast value counts by its content") {
    val cache = directory("10")
    def broadcasting(v: Long): Run = run(cache) { spark =>
      val b = spark.sparkContext.broadcast(Map(1L -> v))
      applied(spark, (x: Long) => b.value.getOrElse(x, 0L))
    }
    edited(cache)(broadcasting(5), broadcasting(6))
  }

  test("11: a function over an array that changes") {
    val cache = directory("11")
    val array = Array(1L)
    def holding(v: Long): Run = {
      array(0) = v
      run(cache)(applied(_, (x: Long) => x + array(0)))
    }
    edited(cache)(holding(1), holding(100))
  }

  test("12: collections and arrays of an object count by their content") {
    Seq("val reg = new java.util.HashMap[Long, Long](); reg.put(1L, %s)", "val reg = Map(1L -> %s)", "val reg = scala.collection.mutable.Map(1L -> %s)")
      .zip(Seq("Cfg.reg.getOrDefault(x, 0L)", "Cfg.reg.getOrElse(x, 0L)", "Cfg.reg.getOrElse(x, 0L)"))
      .foreach { case (field, body) =>
        val cache = directory("12-content")
        def over(v: String): Run = program(cache, app(s"(x: Long) => $body", s"object Cfg { ${field.format(v)} }"))
        edited(cache)(over("2L"), over("3L"))
      }
  }

  // The words that the refusal says, the function, and the object that it uses.
  private val ofObjects = Seq(
    ("a var of an object", "u", "x + Cfg.u", "var u = 1L"))
    .map { case (name, word, body, field) => (12, name, Seq("user.Cfg", word), body, s"object Cfg { $field }") }

  private val ofTheWorld = Seq(
    ("the environment", "getenv", "if (System.getenv(\"NONE\") == null) x else 0"),
    ("a system property", "getProperty", "if (System.getProperty(\"NONE\") == null) x else 0"),
    ("today", "LocalDate.now", "x + java.time.LocalDate.now.getYear"),
    ("a random number", "java.util.Random", "x + new java.util.Random().nextInt(1)"),
    ("a file", "java.nio.file", "if (java.nio.file.Files.exists(java.nio.file.Path.of(\"/none\"))) 0 else x"))
    .map { case (name, word, body) =>
      (13, name, Seq(word, "user.Helper"), "Helper.h(x)", s"object Helper { def h(x: Long): Long = $body }")
    }

  (ofObjects ++ ofTheWorld).foreach { case (number, name, words, body, used) =>
    test(s"$number: $name is refused, saying what and where") {
      val seen = program(directory(s"$number"), app(s"(x: Long) => $body", used))
      assert(seen.refused.exists(r => Set(Refusal.Code.FUNCTION, Refusal.Code.FUNCTION_STATE)(r.code)), seen)
      words.foreach(word => assert(seen.refused.get.toString.contains(word), seen.refused))
      assert(seen.refused.get.place.contains("Project"))
    }
  }

  test("12: rows of a function that counts in an object are kept by nobody") {
    val counting = app(
      "(x: Long) => Cfg.n.incrementAndGet()",
      "object Cfg { val n = new java.util.concurrent.atomic.AtomicLong() }")
    val cache = directory("12 counter")
    Seq(1, 2).foreach { _ =>
      val loader = ScalaSnippets.load(directory("classes"), counting)
      loadedBy(loader)(application(cache) { spark =>
        val f = ScalaSnippets.make(loader, "user.App").asInstanceOf[Long => Long]
        assert(applied(spark, f).cache().collect().map(_.getLong(0)).sorted.toSeq == (1L to 20L))
        assert(stats(spark).hits == 0 && DiskCache.of(spark).entries().isEmpty)
      })
    }
  }

  test("14: an accumulator counts in every run") {
    val cache = directory("14")
    Seq(1, 2).foreach { _ =>
      application(cache) { spark =>
        val seen = spark.sparkContext.longAccumulator
        val df = applied(spark, (x: Long) => { seen.add(1); x }).cache()
        assert(df.count() == 20 && df.filter("f > -1").count() == 20)
        assert(seen.value == 20L)
        assert(stats(spark).hits == 0 && DiskCache.of(spark).entries().isEmpty)
      }
    }
  }

  test("14: observed metrics are there in every run") {
    val cache = directory("14-observe")
    Seq(1, 2).foreach { _ =>
      application(cache) { spark =>
        val observation = Observation("o")
        val df = spark.read.parquet(table).observe(observation, count(lit(1)).as("n")).cache()
        assert(ExactRows.of(df).size == 20)
        assert(observation.get("n") == 20L)
        val reason = DiskCache.of(spark).explain(df).relations().get(0).reason().get()
        assert(reason.code == Refusal.Code.SIDE_EFFECT)
      }
    }
  }
}
