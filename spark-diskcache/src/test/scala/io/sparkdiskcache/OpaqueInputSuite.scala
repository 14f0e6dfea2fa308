// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}
import java.sql.DriverManager
import java.util.Properties

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.fingerprint.Refusal.Code
import io.sparkdiskcache.harness.{DrawnTests, ExactRows, ForeignFormat, KafkaBroker, OpaqueSource, Scenarios}
import io.sparkdiskcache.relation.RelationInspector.Status
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.types.StructType

/** Inputs without an identity: refused, unless the user gives a word for their content. */
class OpaqueInputSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.scenarios"
  override protected def drawn: Int = 7

  /** As `run`, persisted with a version; without plain Spark's rows, which may be newer by design. */
  private def under(version: String, cache: Path, settings: (String, String)*)(query: Query): Run =
    application(cache, settings: _*)(underIn(_, version)(query))

  private def underIn(spark: SparkSession, version: String)(query: Query): Run = {
    val before = stats(spark)
    val df = DiskCache.of(spark).persist(query(spark), CacheOptions.inputVersion(version))
    val rows = ExactRows.of(df)
    val now = stats(spark)
    val relation = DiskCache.of(spark).explain(df).relations().asScala.last
    harness.Scenarios.Run(
      rows,
      now.hits - before.hits,
      now.computed - before.computed,
      if (relation.reason().isPresent) Some(relation.reason().get()) else None,
      now.privateRelations > before.privateRelations)
  }

  private lazy val database: String = {
    val url = s"jdbc:sqlite:${directory("database").resolve("shop.db")}"
    sql(
      url,
      "create table orders_eu (id integer, amount integer)",
      "create table orders_us (id integer, amount integer)",
      "insert into orders_eu values (1, 10), (2, 20), (3, 30)",
      "insert into orders_us values (1, 11), (2, 21), (3, 31)")
    url
  }

  private def sql(url: String, statements: String*): Unit = {
    val connection = DriverManager.getConnection(url)
    try statements.foreach { statement =>
      val s = connection.createStatement()
      try s.execute(statement)
      finally s.close()
    }
    finally connection.close()
  }

  private def jdbc(spark: SparkSession, table: String, options: (String, String)*): DataFrame =
    spark.read.format("jdbc").option("url", database).option("dbtable", table)
      .option("driver", "org.sqlite.JDBC").options(options.toMap).load()

  test("JDBC is refused without a version, and explain says what to do") {
    val seen = run(directory("jdbc-none"))(jdbc(_, "orders_eu"))
    assert(seen.refusedBy(Code.SOURCE, "a version of the input"), seen)
  }

  test("JDBC under a version: found in the next application, until the word changes") {
    val cache = directory("jdbc")
    val query: Query = jdbc(_, "orders_eu").filter("amount > 10").selectExpr("id", "amount * 2 as a")
    val first = under("2026-11-22", cache)(query)
    assert(first.miss && first.rows.size == 2)
    sql(database, "insert into orders_eu values (4, 40)")
    val again = under("2026-11-22", cache, "spark.master" -> "local[3]")(query)
    assert(again.hit && again.rows == first.rows, "the word says that nothing changed")
    val next = under("2026-11-23", cache)(query)
    assert(next.miss && next.rows.size == 3)
    assert(run(cache)(query).refusedBy(Code.SOURCE), "the word is for the relation it was given to")
    sql(database, "delete from orders_eu where id = 4")
  }

  test("under one word, whatever can be told apart is") {
    val cache = directory("jdbc-apart")
    def predicates(words: String*): Query = { spark =>
      val properties = new Properties
      properties.setProperty("driver", "org.sqlite.JDBC")
      spark.read.jdbc(database, "orders_eu", words.toArray, properties)
    }
    val queries = Seq[Query](
      jdbc(_, "orders_eu"),
      jdbc(_, "orders_us"),
      jdbc(_, "(select * from orders_eu) x"),
      // All of these leave the physical plan for the database's own SQL.
      jdbc(_, "orders_eu").filter("amount = 10"),
      jdbc(_, "orders_eu").filter("amount = 20"),
      jdbc(_, "orders_eu").limit(1),
      jdbc(_, "orders_eu").limit(2),
      jdbc(_, "orders_eu").groupBy("id").max("amount"),
      jdbc(_, "orders_eu").groupBy("id").min("amount"),
      jdbc(_, "orders_eu").groupBy().sum("amount"),
      jdbc(_, "orders_eu").orderBy("amount").limit(2),
      jdbc(_, "orders_eu").orderBy(org.apache.spark.sql.functions.desc("amount")).limit(2),
      jdbc(_, "orders_eu").offset(1),
      jdbc(_, "orders_eu", "customSchema" -> "id string"),
      jdbc(_, "orders_eu", "user" -> "a"),
      jdbc(_, "orders_eu", "user" -> "b"),
      predicates("id < 3", "id >= 3"),
      predicates("id < 3", "id >= 2"))
    queries.zipWithIndex.foreach { case (query, i) =>
      withClue(s"query $i: ") {
        val seen = under("v", cache)(query)
        assert(seen.miss, seen)
        assert(seen.rows == application(cache)(spark => ExactRows.of(query(uncached(spark)))))
      }
    }
    queries.zipWithIndex.foreach { case (query, i) =>
      withClue(s"query $i again: ")(assert(under("v", cache)(query).hit))
    }
    // A password opens the same table.
    assert(under("v", cache)(jdbc(_, "orders_eu", "user" -> "a", "password" -> "hunter2")).hit)
    files(cache, "").filter(Files.isRegularFile(_)).foreach { file =>
      val bytes = new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1)
      assert(!bytes.contains("hunter2"), s"the password is in $file")
    }
  }

  test("JDBC joined with files: both the word and the files count") {
    val cache = directory("joined")
    val dim = directory("joined-input")
    write(dim.resolve("a.csv"), "1,one\n2,two\n")
    val query: Query = s =>
      jdbc(s, "orders_eu").join(s.read.schema("id int, name string").csv(dim.toString), "id")
    val filled = under("v", cache)(query)
    assert(filled.miss, filled)
    assert(under("v", cache)(query).hit)
    write(dim.resolve("a.csv"), "1,eins\n2,zwei\n")
    val after = under("v", cache)(query)
    assert(after.miss && after.rows.exists(_.contains("eins")))
    assert(under("w", cache)(query).miss)
  }

  // ---- Hive and Kafka

  test("a table with a Hive serde: refused without a version, found under one until the word changes") {
    val home = directory("hive")
    val metastore = s"jdbc:derby:;databaseName=${home.resolve("metastore")};create=true"
    val hive = Seq(
      "spark.sql.catalogImplementation" -> "hive",
      "spark.sql.warehouse.dir" -> home.resolve("warehouse").toString,
      "spark.hadoop.javax.jdo.option.ConnectionURL" -> metastore,
      "spark.hadoop.hive.exec.scratchdir" -> directory("hive-scratch").toString,
      "spark.hadoop.datanucleus.schema.autoCreateAll" -> "true",
      "spark.hadoop.hive.metastore.schema.verification" -> "false")
    def sql(statements: String*): Unit = application(
      directory("unused"),
      hive :+ "spark.diskcache.enabled" -> "false": _*)(s => statements.foreach(s.sql(_)))
    try {
      sql(
        "create table events (id int, name string) stored as textfile",
        "create table others (id int, name string) stored as textfile",
        "insert into events values (1, 'a'), (2, 'b')",
        "insert into others values (7, 'x')")
      val cache = directory("hive-cache")
      def query(table: String): Query = _.table(table).filter("id > 0").selectExpr("upper(name) as n")
      val refused = run(cache, hive: _*)(query("events"))
      assert(refused.refusedBy(Code.SOURCE, "a version of the input"), refused)
      val first = under("v", cache, hive: _*)(query("events"))
      assert(first.miss && first.rows == Seq("{String:A}", "{String:B}"), first)
      sql("insert into events values (3, 'c')")
      val again = under("v", cache, hive: _*)(query("events"))
      assert(again.hit && again.rows == first.rows)
      val other = under("v", cache, hive: _*)(query("others"))
      assert(other.miss && other.rows == Seq("{String:X}"))
      val next = under("w", cache, hive: _*)(query("events"))
      assert(next.miss && next.rows.size == 3)
    } finally {
      // Or Derby holds its threads and files until the JVM ends.
      val ended = intercept[java.sql.SQLException](DriverManager.getConnection("jdbc:derby:;shutdown=true"))
      assert(ended.getSQLState == "XJ015", ended)
    }
  }

  test("a Kafka topic: refused without a version, found under one, and two brokers are two inputs") {
    val broker = KafkaBroker.start(directory("kafka"))
    val other = try KafkaBroker.start(directory("kafka-other"))
    catch { case e: Throwable => broker.close(); throw e }
    try {
      broker.send("events", "a", "b")
      other.send("events", "x")
      val cache = directory("kafka-cache")
      def query(at: KafkaBroker): Query = _.read.format("kafka")
        .option("kafka.bootstrap.servers", at.address).option("subscribe", "events").load()
        .selectExpr("upper(cast(value as string)) as v")
      assert(run(cache)(query(broker)).refusedBy(Code.SOURCE, "a version of the input"))
      val first = under("v", cache)(query(broker))
      assert(first.miss && first.rows == Seq("{String:A}", "{String:B}"), first)
      broker.send("events", "c")
      val again = under("v", cache)(query(broker))
      assert(again.hit && again.rows == first.rows)
      val elsewhere = under("v", cache)(query(other))
      assert(elsewhere.miss && elsewhere.rows == Seq("{String:X}"), elsewhere)
      val next = under("w", cache)(query(broker))
      assert(next.miss && next.rows.size == 3)
    } finally {
      broker.close()
      other.close()
    }
  }

  // ---- RDDs

  private val schema = StructType.fromDDL("n bigint")

  private def rows(spark: SparkSession, values: Long*): DataFrame =
    spark.createDataFrame(spark.sparkContext.parallelize(values.map(Row(_))), schema)

  test("an RDD under a version, and without") {
    val cache = directory("rdd")
    val query: Query = rows(_, 1, 2, 3).filter("n > 1")
    assert(run(cache)(query).refusedBy(Code.SOURCE, "a version of the input"))
    assert(under("monday", cache)(query).miss)
    val again = under("monday", cache, "spark.master" -> "local[4]")(query)
    assert(again.hit && again.rows == Seq("{Long:2}", "{Long:3}"))
    assert(under("tuesday", cache)(query).miss)
    assert(under("monday", cache)(rows(_, 1, 2, 3).filter("n > 2")).rows == Seq("{Long:3}"))
    assert(under("monday", cache)(rows(_, 1, 2, 3).localCheckpoint().filter("n > 1")).rows.size == 2)
  }

  test("two RDDs of one application that look the same: the second is refused") {
    val cache = directory("rdd-twins")
    application(cache) { spark =>
      val first = underIn(spark, "monday")(rows(_, 1, 2))
      val second = underIn(spark, "monday")(rows(_, 7, 8))
      assert(first.miss)
      assert(second.rows == Seq("{Long:7}", "{Long:8}"))
      assert(second.refusedBy(Code.SOURCE, "its own word"), second)
      assert(underIn(spark, "tuesday")(rows(_, 7, 8)).miss)
    }
  }

  test("objects, shared lineages and deep ones") {
    val cache = directory("rdd-more")
    val objects: Query = { s =>
      import s.implicits._
      s.createDataset(s.sparkContext.parallelize(Seq("a", "b"))).map((t: String) => t + "!").toDF("t")
    }
    val shared: Query = { s =>
      // Half of the lineage is met a million times.
      var rdd = s.sparkContext.parallelize(Seq(Row(1L)), 1)
      (0 until 20).foreach(_ => rdd = rdd.union(rdd).coalesce(1))
      s.createDataFrame(rdd, schema).limit(3)
    }
    Seq(objects, shared).foreach { query =>
      assert(under("v", cache)(query).miss)
      assert(under("v", cache)(query).hit)
    }
  }

  // ---- tables of other libraries, files left out

  test("a table of another library, whose filters are in no plan node") {
    val cache = directory("v2")
    OpaqueSource.rows = Seq("a", "b", "c")
    def word(w: String, options: (String, String)*): Query =
      _.read.format(classOf[OpaqueSource].getName).options(options.toMap).load().filter(s"word = '$w'")
    val a = under("v", cache)(word("a"))
    val b = under("v", cache)(word("b"))
    assert(a.miss && a.rows == Seq("{String:a}"))
    assert(b.miss && b.rows == Seq("{String:b}"))
    assert(under("v", cache)(word("a", "keyspace" -> "other")).miss)
    OpaqueSource.rows = Nil
    val again = under("v", cache)(word("a"))
    assert(again.hit && again.rows == a.rows)
    assert(under("w", cache)(word("a")).rows.isEmpty)
  }

  test("files read with ignoreMissingFiles, and formats that are not known") {
    val cache = directory("partial")
    val dir = directory("partial-input")
    write(dir.resolve("a.txt"), "a\n")
    write(dir.resolve("b.txt"), "b\n")
    val partial: Query = _.read.option("ignoreMissingFiles", "true").text(dir.toString)
    assert(run(cache)(partial).refusedBy(Code.CONF))
    assert(under("v", cache)(partial).miss)
    assert(under("v", cache)(partial).hit)
    assert(under("w", cache)(partial).miss)
    // The files are in the key beside the word; one that goes missing while it is read is not kept.
    application(cache) { spark =>
      val df = DiskCache.of(spark).persist(partial(spark).filter("value <> ''"), CacheOptions.inputVersion("v"))
      df.queryExecution.executedPlan
      Files.delete(dir.resolve("b.txt"))
      assert(df.count() == 1)
      assert(stats(spark).privateRelations == 1)
    }
    write(dir.resolve("b.txt"), "c\n")
    assert(under("v", cache)(partial).miss)
    val binary: Query = _.read.format(ForeignFormat.name).load(dir.toString).selectExpr("value")
    assert(run(cache)(binary).refusedBy(Code.SOURCE))
    assert(under("v", cache)(binary).miss)
    assert(under("v", cache)(binary).hit)
    write(dir.resolve("b.txt"), "d\n")
    assert(under("v", cache)(binary).miss)
  }

  test("a version changes nothing for inputs that have an identity") {
    val cache = directory("files")
    val dir = directory("files-input")
    write(dir.resolve("a.txt"), "a\n")
    val query: Query = _.read.text(dir.toString).filter("value <> ''")
    assert(under("v", cache)(query).miss)
    assert(run(cache)(query).hit)
    write(dir.resolve("a.txt"), "b\n")
    assert(under("v", cache)(query).rows == Seq("{String:b}"))
  }

  test("what is still refused under a version") {
    val cache = directory("still")
    val refused = Seq[(Query, Code)](
      (jdbc(_, "orders_eu").selectExpr("rand() as r"), Code.NON_DETERMINISTIC),
      (jdbc(_, "orders_eu").sample(0.5, 1), Code.NON_DETERMINISTIC))
    refused.foreach { case (query, code) => assert(under("v", cache)(query).refusedBy(code)) }
    // A query inside a query, over an opaque source: not followed.
    val subquery: Query = { s =>
      jdbc(s, "orders_eu").createOrReplaceTempView("eu")
      s.sql("select * from eu where amount > (select min(amount) from eu)")
    }
    assert(under("v", cache)(subquery).refused.nonEmpty)
  }

  test("a frame that is cached already cannot get another word") {
    application(directory("again")) { spark =>
      val disk = DiskCache.of(spark)
      val df = jdbc(spark, "orders_eu")
      disk.persist(df, CacheOptions.inputVersion("v")).count()
      disk.persist(df, CacheOptions.inputVersion("v"))
      val error = intercept[IllegalArgumentException](disk.persist(df, CacheOptions.inputVersion("w")))
      assert(error.getMessage.contains("'w'") && error.getMessage.contains("'v'"))
      df.unpersist(true)
      val again = disk.persist(df, CacheOptions.inputVersion("w"))
      assert(again.count() == 3 && status(spark, again) == Status.HIT)
      val cached = jdbc(spark, "orders_us").cache()
      cached.count()
      intercept[IllegalArgumentException](disk.persist(cached, CacheOptions.inputVersion("v")))
    }
  }

  test("a relation over one with a version needs none, and follows it") {
    val cache = directory("nested")
    def upper(word: String): (Seq[String], Long) = application(cache) { spark =>
      val lower = DiskCache.of(spark).persist(jdbc(spark, "orders_eu"), CacheOptions.inputVersion(word))
      val rows = ExactRows.of(lower.groupBy("id").count().cache())
      (rows, stats(spark).computed)
    }
    val first = upper("v")
    assert(first._2 > 0)
    assert(upper("v") == ((first._1, 0L)))
    assert(upper("w")._2 > 0)
  }
}
