// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.time.Duration
import java.util.concurrent.{CountDownLatch, ExecutionException, Future, FutureTask, TimeUnit}
import java.util.concurrent.atomic.AtomicInteger

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.fingerprint.Refusal
import io.sparkdiskcache.harness.{Applications, Gate}
import io.sparkdiskcache.store.MemoUse
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.api.java.{UDF1, UDF2}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types.{DataType, DataTypes}
import org.scalatest.funsuite.AnyFunSuite

/** Memoised functions in a Spark application: what reaches the user's function, and what does not. */
class MemoSuite extends AnyFunSuite with Applications {
  private val options = MemoOptions.defaults().withName("ask")

  private def withServer(test: (SparkSession, DiskCache, CountingServer) => Unit)(
      settings: (String, String)*): Unit = {
    val cache = directory(s"cache-${MemoSuite.next.incrementAndGet()}")
    val server = new CountingServer
    try application(cache, settings: _*)(spark => test(spark, DiskCache.of(spark), server))
    finally server.close()
  }

  private def rows(spark: SparkSession, rows: Int = 40, distinct: Int = 10) =
    spark.range(0, rows.toLong, 1, 4).select(concat(lit("k"), col("id") % distinct).as("k"))

  private def ledger(cache: DiskCache)(figure: MemoUse => Long): Long =
    cache.memoStats().asScala.map(figure).sum

  test("one request per distinct argument, in the API and in SQL, and a ledger of it") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(
        new Remote(server.url()),
        DataTypes.StringType,
        options.withTag("nightly").withVersion("3").withPrice(2))
      val answers = rows(spark).select(col("k"), ask(col("k")).as("a"))
      val expected = (0 until 40).map(i => Row(s"k${i % 10}", s"K${i % 10}"))
      assert(answers.collect().toSeq.sortBy(_.toString) == expected.sortBy(_.toString))
      assert(server.count() == 10)
      spark.udf.register("slow", ask)
      rows(spark).createOrReplaceTempView("t")
      assert(spark.sql("SELECT sum(length(slow(k))) FROM t WHERE slow(k) > 'K4'").head() == Row(40))
      assert(server.count() == 0)
      val line = spark.sql("SELECT * FROM diskcache_memo()").collect()
      assert(line.map(_.getAs[Long]("calls")).sum == 10)
      assert(line.map(_.getAs[Long]("hits")).sum >= 70)
      assert(line.map(_.getAs[Double]("money_spent")).sum == 20)
      assert(line.map(_.getAs[Double]("money_saved")).sum >= 140)
      assert(line.map(_.getAs[Double]("seconds_saved")).sum > 0)
      assert(line.map(r => r.getAs[String]("tag") + r.getAs[String]("version")).toSet == Set("nightly3"))
      assert(ledger(cache)(_.unkept()) == 0)
      val totals = cache.stats().memo()
      assert(totals.calls() == 10 && totals.hits() >= 70 && totals.paid() == 20)
      assert(spark.sql("SELECT value FROM diskcache_stats() WHERE name = 'memo.calls'").head() == Row("10"))
    }()
  }

  test("a function may hold what can change: its content counts, and what it changes is not kept") {
    withServer { (spark, cache, server) =>
      def answers(suffix: String): Set[String] = {
        val function = new Suffixing(server.url(), Array(suffix))
        rows(spark).select(cache.memoize(function, DataTypes.StringType, options).apply(col("k")))
          .collect().map(_.getString(0)).toSet
      }
      assert(answers("a").contains("K1a"))
      assert(server.count() == 10)
      assert(answers("a").contains("K1a"))
      assert(server.count() == 0)
      assert(answers("b").contains("K1b"))
      assert(server.count() == 10)
      val kept = cache.selectMemo("function=ask").size
      val counting = cache.memoize(new Counting(new Array[Long](1)), DataTypes.StringType, options)
      def counted(): Seq[String] =
        rows(spark).coalesce(1).select(counting(col("k"))).collect().map(_.getString(0)).toSeq
      // The first call of a task is the function's own, and from then on it is called for every row.
      assert(counted() == (1 to 40).map(_.toString))
      assert(counted() == (1 to 40).map(_.toString))
      assert(cache.selectMemo("function=ask").size == kept)
    }()
  }

  test("selectors evict results, in SQL with a dry run, and nothing else is asked again") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, options)
      def run(): Unit = rows(spark).select(ask(col("k"))).collect()
      run()
      assert(server.count() == 10)
      def sql(text: String): Long = spark.sql(s"SELECT * FROM diskcache_evict($text)").count()
      assert(sql("'function=ask arg=k3', true") == 1)
      run()
      assert(server.count() == 0)
      assert(sql("'function=ask arg=k3'") == 1)
      run()
      assert(server.asked().asScala == Seq("k3"))
      server.count()
      assert(cache.evict("older=0s") == 0, "what was paid for does not go by age alone")
      assert(cache.clear() == 0)
      run()
      assert(server.count() == 0)
      assert(cache.selectMemo("function=*Remote.call*").size == 10)
      assert(cache.evict("function=ask") > 0)
      run()
      assert(server.count() == 10)
    }()
  }

  test("an edited function asks again under a new key; what the old one was told is kept") {
    withServer { (spark, cache, server) =>
      def run(function: UDF1[String, String], options: MemoOptions): Set[String] =
        rows(spark)
          .select(cache.memoize(function, DataTypes.StringType, options).apply(col("k")))
          .collect()
          .map(_.getString(0))
          .toSet
      assert(run(new Remote(server.url()), options).contains("K1"))
      assert(server.count() == 10)
      assert(run(new Remote.Edited(server.url()), options).contains("K1!"))
      assert(server.count() == 10)
      assert(run(new Remote(server.url()), options).contains("K1"))
      assert(server.count() == 0)
      assert(cache.selectMemo("function=ask").size == 20)
      run(new Remote(server.url()), options.withVersion("2"))
      assert(server.count() == 10)
      run(new Remote(server.url()), options.withParam("model", "a"))
      assert(server.count() == 10)
      run(new Remote(server.url()), options.withParam("model", "b"))
      assert(server.count() == 10)
      run(new Remote(server.url()), options.withName("other").withTag("t").withPrice(1))
      assert(server.count() == 0, "names, tags and prices are no part of the key")
    }()
  }

  test("a row means at most one call, however often Spark evaluates the function") {
    Seq(true, false).foreach { codegen =>
      withServer { (spark, cache, server) =>
        val url = server.url()
        val plain = udf((k: String) => Remote.ask(url, k))
        val kept = cache.memoize(new Remote(url), DataTypes.StringType, options)
        // Not even where nothing is kept: the answers are null, and nulls are not results.
        val unkept = cache.memoize(
          new NullAnswers(url),
          DataTypes.StringType,
          options.withCacheNulls(false))
        def queries(f: org.apache.spark.sql.expressions.UserDefinedFunction) = {
          val once = rows(spark, 20, 20).select(col("k"), f(col("k")).as("a"))
          Seq(
            once.where(col("a").isNull || col("a") > "A").select(col("k"), col("a"), length(col("a"))),
            once.where(col("a").isNull || length(col("a")) < 9).where(coalesce(col("a"), lit("B")) > "A"),
            // Whatever Spark does about its own duplicates, these are two expressions.
            rows(spark, 20, 20).where(f(col("k")).isNull || f(col("k")) > "A").select(f(col("k"))))
        }
        val duplicated = queries(plain).map { query =>
          assert(query.collect().length == 20)
          server.count()
        }
        assert(duplicated.exists(_ > 20), s"Spark evaluates plain functions once now: $duplicated")
        queries(kept).foreach(query => assert(query.collect().length == 20))
        assert(server.count() == 20)
        queries(unkept).foreach { query =>
          assert(query.collect().length == 20)
          assert(server.count() == 20)
        }
      }("spark.sql.codegen.wholeStage" -> codegen.toString,
        "spark.sql.codegen.factoryMode" -> (if (codegen) "CODEGEN_ONLY" else "NO_CODEGEN"))
    }
  }

  test("errors are never kept: fail, or null and counted; retries come before either") {
    withServer { (spark, cache, server) =>
      def run(options: MemoOptions): Array[Row] = {
        val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, options)
        spark.range(1).select(ask(concat(lit("fail"), col("id")))).collect()
      }
      val error = intercept[Exception](run(options))
      val causes = Iterator.iterate[Throwable](error)(_.getCause).takeWhile(_ != null).toList
      assert(causes.exists(_.getMessage.contains("500")), causes)
      assert(server.count() == 1)
      assert(run(options.withOnError(MemoOptions.OnError.NULL)).toSeq == Seq(Row(null)))
      assert(server.count() == 1)
      assert(run(
        options
          .withOnError(MemoOptions.OnError.NULL)
          .withRetries(2, Duration.ZERO)).toSeq == Seq(Row(null)))
      assert(server.count() == 3)
      assert(cache.selectMemo("function=ask").isEmpty)
      assert(ledger(cache)(_.errors()) == 5, "every attempt counts")
      assert(ledger(cache)(_.calls()) == 0)
    }()
  }

  test("a task that is to report goes on, keeps what it was told, and fails at its end") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(
        new Remote(server.url()),
        DataTypes.StringType,
        options.withOnError(MemoOptions.OnError.REPORT))
      val mixed = spark.range(0, 6, 1, 1).select(
        concat(when(col("id") % 3 === 1, "fail").otherwise("k"), col("id")).as("k"))
      val error = intercept[Exception](mixed.select(ask(col("k"))).collect())
      val causes = Iterator.iterate[Throwable](error)(_.getCause).takeWhile(_ != null).toList
      assert(causes.exists(_.getMessage.contains("2 calls of ask failed")), causes)
      assert(causes.exists(_.getMessage.contains("500")), causes)
      assert(server.asked().asScala == Seq("k0", "fail1", "k2", "k3", "fail4", "k5"))
      server.count()
      val answered = mixed.where(col("k").startsWith("k")).select(ask(col("k"))).collect()
      assert(answered.map(_.getString(0)).toSeq == Seq("K0", "K2", "K3", "K5"))
      assert(server.count() == 0)
      assert(ledger(cache)(_.errors()) == 2)
    }()
  }

  test("rows at home are the rows there were, and their answers") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, options)
      val df = rows(spark).withColumn("i", monotonically_increasing_id())
      val answered = cache.memoApply(df, "a", ask, col("k"))
      assert(answered.columns.toSeq == Seq("k", "i", "a"))
      val expected = df.collect().map(r => Row(r.getString(0), r.getLong(1), r.getString(0).toUpperCase))
      assert(answered.collect().toSeq.sortBy(_.toString) == expected.toSeq.sortBy(_.toString))
      assert(server.count() == 10)
    }()
  }

  test("a host that joins or leaves moves no partitions but its own") {
    val hosts = Seq("a", "b", "c")
    def homes(of: Seq[String]) = (0 until 300).map(p => HomedRows.home(p, of.asJava).asScala.toSeq)
    val before = homes(hosts)
    assert(before.groupBy(identity).values.forall(_.size > 50))
    assert(homes(hosts.reverse) == before)
    before.zip(homes(hosts :+ "d")).foreach { case (old, now) => assert(now == old || now == Seq("d")) }
    before.zip(homes(Seq("a", "c"))).foreach { case (old, now) => assert(now == old || old == Seq("b")) }
    assert(homes(Nil).forall(_.isEmpty))
  }

  test("keyOf, time to live, and results that say themselves how long they last") {
    withServer { (spark, cache, server) =>
      val url = server.url()
      val both = new UDF2[String, java.lang.Long, String] {
        override def call(k: String, i: java.lang.Long): String = Remote.ask(url, k)
      }
      val byFirst = cache.memoize(both, DataTypes.StringType, options.withKeyOf(0))
      def run(f: org.apache.spark.sql.Column): Unit =
        spark.range(0, 8, 1, 1).withColumn("k", lit("k")).select(f).collect()
      run(byFirst(col("k"), col("id")))
      assert(server.count() == 1)
      run(cache.memoize(both, DataTypes.StringType, options).apply(col("k"), col("id")))
      assert(server.count() == 8)
      intercept[IllegalArgumentException](
        cache.memoize(both, DataTypes.StringType, options.withKeyOf(2)))
      val never = options.withTtlOf(_ => Duration.ZERO)
      val ask = new Remote(url)
      Seq(1, 1).foreach { calls =>
        run(cache.memoize(ask, DataTypes.StringType, never).apply(concat(col("k"), col("id"))))
        assert(server.count() == 8 * calls)
      }
      run(cache.memoize(ask, DataTypes.StringType, options).apply(concat(col("k"), col("id"))))
      assert(server.count() == 8)
      val short = options.withTtl(Duration.ofMillis(1))
      run(cache.memoize(ask, DataTypes.StringType, short).apply(concat(col("k"), col("id"))))
      assert(server.count() == 8, "holds for what is kept already")
    }()
  }

  test("what has no identity or no encoding is refused by name") {
    withServer { (spark, cache, server) =>
      def refused(function: UDF1[_, _], returns: DataType = DataTypes.StringType): String =
        intercept[IllegalArgumentException](cache.memoize(function, returns, options)).getMessage
      val buffer = new java.util.ArrayList[String]
      val mutable: UDF1[String, String] = (k: String) => k + buffer.size
      assert(cache.memoize(mutable, DataTypes.StringType, options) != null)
      val lock = new java.util.concurrent.locks.ReentrantLock
      val stateful: UDF1[String, String] = (k: String) => k + lock.isLocked
      assert(refused(stateful).contains("ReentrantLock"))
      val files: UDF1[String, String] = (k: String) => Files.readString(Path.of(k))
      assert(refused(files).contains("java.nio.file"))
      val map: UDF1[Map[String, String], String] = (m: Map[String, String]) => m.toString
      assert(refused(map).contains("Map"))
      val plain: UDF1[String, String] = (k: String) => k
      assert(refused(plain, DataTypes.CalendarIntervalType).contains("INTERVAL"))
      val function: java.util.function.Function[String, String] = _.trim
      assert(
        intercept[IllegalArgumentException](
          cache.memoize(new Unserializable, DataTypes.StringType, options)).getMessage
          .contains("not serializable"))
      assert(cache.memoize(new Serial, DataTypes.StringType, options) != null)
      assert(function.apply(" a") == "a")
    }()
  }

  test("without a usable directory, or with the cache off, the function is called for every row") {
    val file = Files.createFile(directory("unusable").resolve("file"))
    val key = Files.writeString(
      directory("keys").resolve("key"),
      java.util.Base64.getEncoder.encodeToString(new Array[Byte](32)))
    Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-------"))
    val server = new CountingServer
    try {
      Seq(
        file -> Seq.empty[(String, String)],
        directory("off") -> Seq("spark.diskcache.enabled" -> "false"),
        directory("encrypted") -> Seq("spark.io.encryption.enabled" -> "true"),
        directory("with a key") -> Seq("spark.diskcache.encryption.keyFile" -> key.toString)).foreach {
        case (cache, settings) =>
          application(cache, settings: _*) { spark =>
            val ask =
              DiskCache.of(spark).memoize(new Remote(server.url()), DataTypes.StringType, options)
            assert(rows(spark).select(ask(col("k"))).distinct().count() == 10)
            assert(server.count() == 40)
            val asNull = DiskCache.of(spark).memoize(
              new Remote(server.url()),
              DataTypes.StringType,
              options.withOnError(MemoOptions.OnError.NULL))
            assert(spark.range(1).select(asNull(lit("fail"))).head() == Row(null))
            assert(server.count() == 1)
          }
          assert(!Files.exists(cache.resolve("memo")))
      }
    } finally server.close()
  }

  test("a host without results fetches them from the remote tier; what is evicted is gone there") {
    val remote = directory("remote")
    def objects: Seq[Path] = {
      val files = Files.walk(remote)
      try files.iterator().asScala.filter(_.toString.endsWith(".memo")).toList
      finally files.close()
    }
    val server = new CountingServer
    val expected = (0 until 40).map(i => Row(s"K${i % 10}")).sortBy(_.toString)
    // Each is a host of its own, in an application of its own.
    def host(name: String, more: MemoOptions => MemoOptions = identity)(
        before: DiskCache => Unit = _ => ()): DiskCacheFigures =
      application(
        directory(s"host-$name"),
        "spark.diskcache.remote.dir" -> remote.toUri.toString) { spark =>
        val cache = DiskCache.of(spark)
        before(cache)
        server.count()
        val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, more(options))
        assert(rows(spark).select(ask(col("k"))).collect().toSeq.sortBy(_.toString) == expected)
        DiskCacheFigures(
          cache.selectMemo("function=ask").size,
          ledger(cache)(_.calls()),
          ledger(cache)(_.hits()),
          cache.stats().remote().hits())
      }
    try {
      assert(host("first")() == DiskCacheFigures(10, 10, 30, 0))
      assert(server.asked().size() == 10 && objects.size == 10)

      assert(host("second")() == DiskCacheFigures(10, 0, 40, 10))
      assert(server.asked().isEmpty)
      assert(host("second")() == DiskCacheFigures(10, 0, 80, 0), "it keeps them")
      assert(server.asked().isEmpty)

      // Half of an object, and one of another key.
      val Seq(half, other, whole) = objects.sorted.take(3)
      Files.write(half, Files.readAllBytes(half).take(100))
      Files.write(other, Files.readAllBytes(whole))
      assert(host("third")().calls == 2)
      assert(server.asked().size() == 2)
      assert(host("fourth")() == DiskCacheFigures(10, 0, 40, 10), "they were written anew")

      // By a host that has none of them.
      assert(host("fifth")(cache => cache.evict("function=ask arg=k3")).calls == 1)
      assert(server.asked().asScala == Seq("k3"))
      // By one that has them, in SQL.
      assert(host("fifth")(_ => SparkSession.active.sql(
        "SELECT * FROM diskcache_evict('function=ask arg=k4')").collect()).calls == 1 + 1)
      assert(server.asked().asScala == Seq("k4"))
      assert(host("sixth", _.withTtl(Duration.ofMillis(1)))().calls >= 10, "too old for it")
    } finally server.close()
  }

  test("a remote tier that cannot be used costs no row") {
    val file = Files.createFile(directory("no remote").resolve("file"))
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, options)
      assert(rows(spark).select(ask(col("k"))).distinct().count() == 10)
      assert(server.count() == 10)
      Gate.await("results are written, in the background")(cache.stats().remote().failures() > 0)
      assert(cache.evict("function=ask") > 0)
      assert(cache.selectMemo("function=ask").isEmpty)
    }("spark.diskcache.remote.dir" -> file.resolve("below").toUri.toString)
  }

  test("a result may have several labels, each of which selects it") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(
        new Remote(server.url()),
        DataTypes.StringType,
        options.withTags("paid", "maps", "paid"))
      rows(spark).select(ask(col("k"))).collect()
      assert(cache.selectMemo("tag=maps").size == 10)
      assert(cache.selectMemo("tag=paid").size == 10)
      assert(cache.selectMemo("tag=map").isEmpty)
      assert(cache.memoStats().asScala.map(_.tag()).toSet == Set("maps,paid"))
      assert(cache.evict("tag=paid arg=k1") > 0)
      assert(cache.selectMemo("tag=maps").size == 9)
    }()
  }

  test("what one function makes of an error is not what another is told") {
    val server = new CountingServer
    val cache = directory("flight")
    val (asked, released) = (new CountDownLatch(1), new CountDownLatch(1))
    server.gate { _ => asked.countDown(); released.await() }
    def call(onError: MemoOptions.OnError): Future[Any] = {
      val task = new FutureTask[Any](() =>
        MemoProcess.function(cache.toString, server.url(), options.withOnError(onError)).call("fail"))
      new Thread(task, s"call-$onError").start()
      task
    }
    def state(name: String) =
      Thread.getAllStackTraces.keySet().asScala.find(_.getName == name).map(_.getState)
    try {
      val asNull = call(MemoOptions.OnError.NULL)
      assert(asked.await(60, TimeUnit.SECONDS))
      val asError = call(MemoOptions.OnError.FAIL)
      Gate.await("the other waits for the first") {
        assert(!asError.isDone)
        state("call-FAIL").contains(Thread.State.TIMED_WAITING)
      }
      released.countDown()
      assert(asNull.get(60, TimeUnit.SECONDS) == null)
      val error = intercept[ExecutionException](asError.get(60, TimeUnit.SECONDS))
      assert(error.getCause.getMessage.contains("500"), error)
      assert(server.count() == 2, "an error is no answer, so the other has asked as well")
    } finally {
      server.close()
      MemoRuntime.close(cache.toString)
    }
  }

  test("a frame over a memoised function is left to Spark's cache, and says so") {
    withServer { (spark, cache, server) =>
      val ask = cache.memoize(new Remote(server.url()), DataTypes.StringType, options)
      rows(spark).write.parquet(s"${directory("input")}/t")
      val df = spark.read.parquet(s"${directory("input")}/t").select(ask(col("k")).as("a")).cache()
      assert(df.count() == 40)
      val reason = cache.explain(df).relations().get(0).reason().get()
      assert(reason.code() == Refusal.Code.FUNCTION && reason.sentence().contains("memoised"), reason)
      assert(server.count() == 10)
    }()
  }
}

/** The outcome of a run on one host. */
final case class DiskCacheFigures(kept: Int, calls: Long, hits: Long, fetched: Long)

object MemoSuite {
  private val next = new AtomicInteger
}

/** Asks, and has nothing to say. */
final class NullAnswers(url: String) extends UDF1[String, String] {
  override def call(k: String): String = {
    Remote.ask(url, k)
    null
  }
}

final class Unserializable extends java.util.function.Function[String, String] {
  override def apply(k: String): String = k
}

final class Serial extends java.util.function.Function[String, String] with Serializable {
  override def apply(k: String): String = k
}

/** Asks, and appends what it holds in an array. */
class Suffixing(url: String, suffix: Array[String]) extends UDF1[String, String] {
  private val remote = new Remote(url)
  override def call(key: String): String = remote.call(key) + suffix(0)
}

/** Says how often it was called. */
class Counting(calls: Array[Long]) extends UDF1[String, String] {
  override def call(key: String): String = {
    calls(0) += 1
    calls(0).toString
  }
}
