// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.time.LocalDate

import io.sparkdiskcache.harness.{DrawnTests, ExactRows, Scenarios}
import org.apache.spark.sql.SparkSession

/** Scenarios of wrong hits, by their number in the list: those of days, settings, names and options. */
class ScenarioSettingSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.scenarios"
  override protected def drawn: Int = 10

  private lazy val table: String = {
    val path = directory("input").resolve("t").toString
    prepare(_.range(0, 6, 1, 2).selectExpr("id", "concat('2024-1-', id) as s").write.parquet(path))
    path
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(table.nonEmpty)
  }

  private def select(what: String): Query = _.read.parquet(table).selectExpr(what, "id", "s")

  // ---- 4: today

  Seq("cast('today' as date)", "current_date()", "date_add(current_date(), 0)").foreach { today =>
    test(s"4: $today is that day's date, not another's") {
      val cache = directory(s"4-${today.hashCode}")
      val date = LocalDate.now(java.time.ZoneOffset.UTC)
      def on(day: LocalDate) = run(cache)(select(s"date'$day'"))
      assert(on(date.minusDays(1)).miss, "what the query was yesterday")
      val first = run(cache)(select(today))
      assume(LocalDate.now(java.time.ZoneOffset.UTC) == date, "midnight passed during the test")
      assert(first.miss, "yesterday's rows must not be found")
      assert(run(cache)(select(today)).hit)
      assert(on(date).hit, "the date is a literal of the plan")
      assert(on(date.plusDays(1)).miss)
    }
  }

  test("4: now() is never the same") {
    val cache = directory("4-now")
    def seen() = application(cache) { spark =>
      val df = select("now()")(spark).cache()
      (ExactRows.of(df), stats(spark).hits)
    }
    val (first, second) = (seen(), seen())
    assert(first._1 != second._1)
    assert(second._2 == 0)
  }

  // ---- 5: settings that are in no plan

  /** Under each of two values: a miss, then a hit; the rows must differ, or the test shows nothing. */
  private def setting(name: String, key: String, values: (String, String), common: (String, String)*)(
      query: Query): Unit =
    test(s"5: $name under $key ${values._1} and ${values._2}") {
      val cache = directory(s"5-${s"$name$key".hashCode}")
      def under(value: String) = run(cache, common :+ (key -> value): _*)(query)
      val one = under(values._1)
      val other = under(values._2)
      assert(one.miss && other.miss)
      assert(one.rows != other.rows)
      assert(under(values._1).hit && under(values._2).hit)
    }

  private val notAnsi = "spark.sql.ansi.enabled" -> "false"

  setting("try_to_timestamp", "spark.sql.legacy.timeParserPolicy", "CORRECTED" -> "LEGACY", notAnsi)(
    select("try_to_timestamp(s, 'yyyy-MM-dd')"))
  setting("the size of null", "spark.sql.legacy.sizeOfNull", "true" -> "false", notAnsi)(
    select("size(if(id < 9, cast(null as array<int>), array(1)))"))
  setting("coercion", "spark.sql.ansi.enabled", "false" -> "true")(
    select("typeof(coalesce(1, '2'))"))
  setting("hours", "spark.sql.session.timeZone", "UTC" -> "Asia/Tokyo")(
    select("hour(timestamp_seconds(id * 3600))"))
  setting("a struct as text", "spark.sql.legacy.castComplexTypesToString.enabled", "true" -> "false", notAnsi)(
    select("cast(named_struct('a', id, 'b', cast(null as int)) as string)"))

  // ---- 6: settings that change between planning and execution

  test("6: planned under CORRECTED, executed under LEGACY") {
    val cache = directory("6")
    val key = "spark.sql.legacy.timeParserPolicy"
    val common = Seq(key -> "CORRECTED", notAnsi)
    val query = select("try_to_timestamp(s, 'yyyy-MM-dd')")
    assert(run(cache, common: _*)(query).miss)
    application(cache, common: _*) { spark =>
      val plain = uncached(spark)
      val expected = query(plain)
      expected.queryExecution.executedPlan
      plain.conf.set(key, "LEGACY")
      val df = query(spark).cache()
      df.queryExecution.executedPlan
      spark.conf.set(key, "LEGACY")
      assert(ExactRows.of(df) == ExactRows.of(expected))
      assert(stats(spark).hits == 0 && stats(spark).privateRelations == 1)
      assert(DiskCache.of(spark).entries().size() == 2, "the two of CORRECTED")
    }
    assert(run(cache, common: _*)(query).hit)
    assert(run(cache, key -> "LEGACY", notAnsi)(query).miss)
  }

  // ---- 7: what a reader makes of names and lines

  test("7: a column by its name in another case") {
    val cache = directory("7-case")
    def under(sensitive: Boolean) = run(cache, "spark.sql.caseSensitive" -> sensitive.toString)(
      _.read.schema("ID bigint").parquet(table))
    val insensitive = under(false)
    val sensitive = under(true)
    assert(insensitive.miss && sensitive.miss && insensitive.rows != sensitive.rows)
    assert(under(false).hit && under(true).hit)
  }

  test("7: malformed lines, by column pruning and by mode") {
    val cache = directory("7-csv")
    val dir = directory("7-csv-input")
    write(dir.resolve("a.csv"), "1,x\nnone,y\n3,z,extra\n")
    def under(pruning: Boolean, options: (String, String)*) =
      run(cache, "spark.sql.csv.parser.columnPruning.enabled" -> pruning.toString)(
        _.read.schema("a int, b string").options(options.toMap).csv(dir.toString).select("b"))
    val drop = "mode" -> "DROPMALFORMED"
    val seen = Seq(under(pruning = true, drop), under(pruning = false, drop), under(true))
    assert(seen.forall(_.miss))
    assert(seen.head.rows != seen(1).rows)
    assert(under(pruning = true, drop).hit && under(pruning = false, drop).hit)
    // Options are told apart whatever the case of their names.
    assert(under(true, "MODE" -> "DROPMALFORMED").hit)
    assert(under(true, "mode" -> "DROPMALFORMED", "sep" -> ";").miss)
  }

  test("7: headers, quotes, nulls, encodings, corrupt records") {
    val cache = directory("7-options")
    val dir = directory("7-options-input")
    write(dir.resolve("a.csv"), "a,b\n1,'x'\n-,é\n")
    val base = Seq("header" -> "true")
    Seq(
      base,
      Seq("header" -> "false"),
      base :+ ("quote" -> "'"),
      base :+ ("nullValue" -> "-"),
      base :+ ("encoding" -> "ISO-8859-1")).foreach { options =>
      def again() =
        run(cache)(_.read.schema("a string, b string").options(options.toMap).csv(dir.toString))
      assert(again().miss, options)
      assert(again().hit, options)
    }
    val json = directory("7-json-input")
    write(json.resolve("a.json"), "{\"a\": 1, \"B\": 2}\n{\"a\": oops}\n")
    Seq("a int", "a int, _corrupt_record string", "a string", "A int", "b int, a int").foreach { schema =>
      def again() = run(cache)(_.read.schema(schema).json(json.toString).filter("a is not null or true"))
      assert(again().miss, schema)
      assert(again().hit, schema)
    }
  }

  // ---- schemas that evolve, metadata columns, names that are given anew

  test("a default for a column that old files lack") {
    val cache = directory("default")
    val path = directory("default-input").resolve("t").toString
    prepare(_.range(0, 4, 1, 1).write.parquet(path))
    def withDefault(value: String): Query = { spark =>
      spark.sql("drop table if exists t")
      spark.sql(s"create table t (id bigint) using parquet location '$path'")
      spark.sql(s"alter table t add column (c int default $value)")
      spark.table("t").filter("id >= 0")
    }
    val five = run(cache)(withDefault("5"))
    val six = run(cache)(withDefault("6"))
    assert(five.miss && six.miss && five.rows != six.rows)
    assert(run(cache)(withDefault("5")).hit && run(cache)(withDefault("6")).hit)
  }

  test("a column that newer files have, in another type or order") {
    val cache = directory("evolved")
    val path = directory("evolved-input").resolve("t").toString
    prepare(_.range(0, 4, 1, 1).selectExpr("id", "struct(id as a) as s").write.parquet(path))
    def query(s: SparkSession) = s.read.option("mergeSchema", "true").parquet(path)
    assert(run(cache)(query).miss)
    prepare(_.range(4, 6, 1, 1).selectExpr("struct(id as b, id as a) as s", "id", "1 as n")
      .write.mode("append").parquet(path))
    val after = run(cache)(query)
    assert(after.miss && after.rows.size == 6, after)
    assert(run(cache)(query).hit)
    assert(run(cache)(_.read.schema("id bigint, s struct<a: bigint>").parquet(path)).miss)
    assert(run(cache)(_.read.schema("id bigint, s struct<a: bigint, b: bigint>").parquet(path)).miss)
  }

  test("metadata columns") {
    val cache = directory("metadata")
    val dir = directory("metadata-input")
    val big = (0 until 30000).map(i => s"line $i ".padTo(110, '.')).mkString("", "\n", "\n")
    val file = write(dir.resolve("a.txt"), big)
    write(dir.resolve("b.txt"), "b\n")
    val chunked = Seq("spark.diskcache.inputs.chunkBytes" -> "1m")
    def columns(names: String*): Query =
      _.read.text(dir.toString).selectExpr("length(value)" +: names.map("_metadata." + _): _*)
    val constants = columns("file_path", "file_name", "file_size", "file_modification_time")
    val blocks = columns("file_name", "file_block_start", "file_block_length")
    val filled = run(cache, chunked: _*)(constants)
    assert(filled.miss, filled.copy(rows = Nil))
    assert(run(cache, chunked: _*)(constants).hit)
    assert(run(cache, chunked: _*)(blocks).miss)
    assert(run(cache, chunked: _*)(blocks).hit)
    // Other cuts are other rows.
    val cut = run(cache, chunked :+ ("spark.sql.files.maxPartitionBytes" -> "700k"): _*)(blocks)
    assert(cut.rows.map(_.split("b.txt|a.txt").last).distinct.size > 2)
    java.nio.file.Files.setLastModifiedTime(file, java.nio.file.attribute.FileTime.fromMillis(1000))
    val touched = run(cache, chunked: _*)(constants)
    assert(touched.hits == 1 && touched.computed > 0)
    val parquet = run(cache)(_.read.parquet(table).selectExpr("id", "_metadata.row_index", "_metadata.file_name"))
    assert(parquet.miss)
    assert(run(cache)(_.read.parquet(table).selectExpr("id", "_metadata.row_index", "_metadata.file_name")).hit)
  }

  /** Two definitions under one name, in one session and in two applications. */
  private def renamed(name: String)(definitions: (SparkSession => Unit)*)(query: Query): Unit =
    test(s"redefined under the same name: $name") {
      val cache = directory(s"name-${name.hashCode}")
      def as(definition: SparkSession => Unit): Query = { spark =>
        definition(spark)
        query(spark)
      }
      val rows = definitions.map(definition => run(cache)(as(definition)))
      assert(rows.forall(_.miss), rows)
      assert(rows.map(_.rows).distinct.size == definitions.size, "the definitions give the same rows")
      definitions.foreach(definition => assert(run(cache)(as(definition)).hit))
      application(cache) { spark =>
        // One after the other in one session; the old definition's relation stays cached.
        definitions.zip(rows).foreach { case (definition, expected) =>
          val df = as(definition)(spark).cache()
          assert(ExactRows.of(df) == expected.rows)
        }
        assert(stats(spark).computed == 0 && stats(spark).hits > 0)
      }
    }

  private def sql(statements: String*)(spark: SparkSession): Unit =
    statements.foreach(statement => spark.sql(statement))

  private def view(text: String) = sql(s"create or replace temp view v as $text") _

  renamed("a temporary view")(
    view(s"select id from parquet.`$table`"),
    view(s"select id + 1 as id from parquet.`$table`"))(_.sql("select id from v where id > 0"))
  renamed("a global temporary view")(
    sql(s"create or replace global temp view g as select id from parquet.`$table`"),
    sql(s"create or replace global temp view g as select -id as id from parquet.`$table`"))(
    _.sql("select id from global_temp.g where id < 9"))
  renamed("a view of the catalog")(
    sql(
      s"create table if not exists base (id bigint, s string) using parquet location '$table'",
      "create or replace view cv as select id as n from base"),
    sql(
      s"create table if not exists base (id bigint, s string) using parquet location '$table'",
      "create or replace view cv as select id * 2 as n from base"))(_.sql("select n from cv where n >= 0"))
  renamed("a SQL function")(
    sql("create or replace temporary function f(x bigint) returns bigint return x + 1"),
    sql("create or replace temporary function f(x bigint) returns bigint return x + 2"))(
    _.sql(s"select f(id) from parquet.`$table`"))
  renamed("a function of the session")(
    _.udf.register("h", (x: Long) => x + 1),
    _.udf.register("h", (x: Long) => x + 2))(_.sql(s"select h(id) from parquet.`$table`"))
  renamed("a variable")(
    sql("declare or replace variable a bigint default 1"),
    sql("declare or replace variable a bigint default 1", "set var a = 7"))(
    _.sql(s"select id + a from parquet.`$table`"))
  renamed("a table at another place")(
    sql("drop table if exists x", s"create table x (id bigint) using parquet location '$table'"),
    sql("drop table if exists x", s"create table x (s string) using parquet location '$table'"))(
    _.sql("select * from x"))
  renamed("a DataFrame of literals")(
    _.range(3).createOrReplaceTempView("lit"),
    _.range(4).createOrReplaceTempView("lit"))(_.sql("select id + 1 as i from lit"))
}
