// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

/** Equal queries have equal keys, different ones have different keys. */
class PlanFingerprinterSuite extends AnyFunSuite with PlanFixture {
  private lazy val t: String = path("t")
  private lazy val u: String = path("u")
  private lazy val csv: String = path("csv")

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark
      .range(0, 1000, 1, 3)
      .selectExpr(
        "id",
        "id % 10 as k",
        "cast(id as double) / 3 as d",
        "concat('s', id % 7) as s",
        "timestamp_seconds(id) as ts",
        "array(id, id + 1) as arr",
        "named_struct('a', id, 'b', 'x') as st")
      .write
      .parquet(t)
    spark.range(0, 10).selectExpr("id as k", "concat('n', id) as n").write.parquet(u)
    spark.range(0, 20).selectExpr("id", "concat('s', id) as s").write.csv(csv)
  }

  private def rt: DataFrame = spark.read.parquet(t)
  private def ru: DataFrame = spark.read.parquet(u)

  private val same: Seq[(String, () => DataFrame, () => DataFrame)] = Seq(
    ("planned again", () => rt.filter("k < 5"), () => rt.filter("k < 5")),
    (
      "other aliases",
      () => rt.select((col("id") + 1).as("x")),
      () => rt.select((col("id") + 1).as("y"))),
    (
      "names in another case, between which Spark puts a projection",
      () => rt.select("k").intersect(ru.select("k")),
      () => rt.select("K").intersect(ru.select("K"))),
    (
      "aggregate planned again",
      () => rt.groupBy("k").agg(max("id").as("m")),
      () => rt.groupBy("k").agg(max("id").as("m"))),
    (
      "self join planned again",
      () => rt.as("a").join(rt.as("b"), expr("a.id = b.k")).select("a.id", "b.d"),
      () => rt.as("x").join(rt.as("y"), expr("x.id = y.k")).select("x.id", "y.d")),
    (
      "scalar subquery planned again",
      () => { rt.createOrReplaceTempView("t"); sql("select * from t where id > (select avg(id) from t)") },
      () => { rt.createOrReplaceTempView("t"); sql("select * from t where id > (select avg(id) from t)") }),
    (
      "higher-order function planned again",
      () => rt.selectExpr("transform(arr, x -> x + 1) as q"),
      () => rt.selectExpr("transform(arr, y -> y + 1) as q")))

  same.foreach { case (name, one, other) =>
    test("same keys: " + name) {
      assert(keys(one()) == keys(other()))
    }
  }

  private def f(text: String): () => DataFrame = () => rt.filter(text)
  private def s(text: String): () => DataFrame = () => rt.selectExpr(text)
  private def q(text: String): () => DataFrame = () => {
    rt.createOrReplaceTempView("t")
    ru.createOrReplaceTempView("u")
    sql(text)
  }

  private val different: Seq[(String, () => DataFrame, () => DataFrame)] = Seq(
    ("literal", f("k < 5"), f("k < 6")),
    ("literal type", s("id + 1"), s("id + cast(1 as double)")),
    ("string literal", s("concat(s, 'a')"), s("concat(s, 'b')")),
    ("signed zero", s("d + 0.0D"), s("d + -0.0D")),
    ("operator", f("k < 5"), f("k <= 5")),
    ("operands swapped", s("id - k"), s("k - id")),
    ("function", s("upper(s)"), s("lower(s)")),
    ("column", s("id"), s("k")),
    ("order of columns", () => rt.select("id", "k"), () => rt.select("k", "id")),
    ("number of columns", () => rt.select("id"), () => rt.select("id", "k")),
    ("cast type", s("cast(id as int)"), s("cast(id as string)")),
    ("try_cast", s("cast(s as int)"), s("try_cast(s as int)")),
    ("in list", f("k in (1,2,3)"), f("k in (1,2,4)")),
    (
      "long in list",
      f("k in (" + (1 to 30).mkString(",") + ")"),
      f("k in (" + (2 to 31).mkString(",") + ")")),
    ("struct field", s("st.a"), s("st.b")),
    ("struct field name", s("named_struct('a', id)"), s("named_struct('b', id)")),
    ("decimal scale", s("cast(id as decimal(10,2))"), s("cast(id as decimal(10,3))")),
    ("collation", s("s collate utf8_lcase"), s("s collate unicode_ci")),
    ("rounding", s("round(d, 1)"), s("round(d, 2)")),
    ("date format", s("date_format(ts, 'yyyy')"), s("date_format(ts, 'MM')")),
    ("lambda body", s("transform(arr, x -> x + 1)"), s("transform(arr, x -> x + 2)")),
    ("json option", s("from_json(s, 'a int')"), s("from_json(s, 'a int', map('mode', 'FAILFAST'))")),
    ("json schema", s("from_json(s, 'a int')"), s("from_json(s, 'b int')")),
    ("generator", s("explode(arr)"), s("posexplode(arr)")),
    ("outer generator", s("explode(arr)"), s("explode_outer(arr)")),
    (
      "join type",
      q("select t.id from t join u on t.k = u.k"),
      q("select t.id from t left semi join u on t.k = u.k")),
    (
      "outer join side",
      q("select t.id, u.n from t left join u on t.k = u.k"),
      q("select t.id, u.n from t right join u on t.k = u.k")),
    (
      "join condition",
      q("select t.id from t join u on t.k = u.k"),
      q("select t.id from t join u on t.id = u.k")),
    (
      "anti join and null-aware anti join",
      q("select id from t where k not in (select k from u)"),
      q("select id from t where not exists (select 1 from u where u.k = t.k)")),
    ("aggregate", q("select sum(id) from t group by k"), q("select max(id) from t group by k")),
    (
      "distinct aggregate",
      q("select count(id) from t group by k"),
      q("select count(distinct id) from t group by k")),
    (
      "aggregate filter",
      q("select count(id) from t group by k"),
      q("select count(id) filter (where id > 3) from t group by k")),
    ("grouping", q("select sum(id) from t group by k"), q("select sum(id) from t group by s")),
    ("sort direction", () => rt.orderBy("id"), () => rt.orderBy(col("id").desc)),
    (
      "null ordering",
      () => rt.orderBy(col("id").asc_nulls_first),
      () => rt.orderBy(col("id").asc_nulls_last)),
    ("limit", () => rt.orderBy("id").limit(3), () => rt.orderBy("id").limit(4)),
    ("offset", () => rt.orderBy("id").limit(3), () => rt.orderBy("id").offset(1).limit(3)),
    (
      "window frame",
      q("select sum(id) over (partition by k order by id rows 1 preceding) from t"),
      q("select sum(id) over (partition by k order by id rows 2 preceding) from t")),
    (
      "window frame type",
      q("select sum(id) over (partition by k order by id rows 1 preceding) from t"),
      q("select sum(id) over (partition by k order by id range 1 preceding) from t")),
    (
      "window partition",
      q("select rank() over (partition by k order by id) from t"),
      q("select rank() over (partition by s order by id) from t")),
    (
      "set operation",
      q("select k from t intersect select k from u"),
      q("select k from t except select k from u")),
    ("union", () => rt.select("k").union(ru.select("k")), () => ru.select("k").union(rt.select("k"))),
    ("scalar subquery", q("select * from t where id > (select avg(id) from t)"), q("select * from t where id > (select max(id) from t)")),
    ("cube", q("select k, s, sum(id) from t group by cube(k, s)"), q("select k, s, sum(id) from t group by rollup(k, s)")),
    ("table", () => spark.read.schema("k bigint").parquet(t), () => spark.read.schema("k bigint").parquet(u)),
    ("schema", () => spark.read.schema("id bigint").parquet(t), () => spark.read.schema("id int").parquet(t)),
    (
      "csv separator",
      () => spark.read.schema("id int, s string").csv(csv),
      () => spark.read.schema("id int, s string").option("sep", ";").csv(csv)),
    (
      "csv mode",
      () => spark.read.schema("id int, s string").csv(csv),
      () => spark.read.schema("id int, s string").option("mode", "DROPMALFORMED").csv(csv)),
    (
      "csv header",
      () => spark.read.schema("id int, s string").csv(csv),
      () => spark.read.schema("id int, s string").option("header", "true").csv(csv)),
    (
      "csv null value",
      () => spark.read.schema("id int, s string").csv(csv),
      () => spark.read.schema("id int, s string").option("NULLVALUE", "s1").csv(csv)),
    (
      "corrupt record column",
      () => spark.read.schema("id int, s string, _corrupt_record string").csv(csv),
      () => spark.read.schema("id int, s string, bad string").csv(csv)),
    (
      "default of a missing column",
      () => spark.read.schema(withDefault("1")).parquet(t),
      () => spark.read.schema(withDefault("2")).parquet(t)),
    (
      "local rows",
      () => spark.range(3).toDF(),
      () => spark.range(4).toDF()),
    (
      "range partitions",
      () => spark.range(0, 9, 1, 2).toDF(),
      () => spark.range(0, 9, 1, 3).toDF()),
    ("values", q("select * from values (1), (2)"), q("select * from values (1), (3)")),
    ("nulls in values", q("select * from values (1), (2)"), q("select * from values (1), (null)")),
    ("metadata column", s("_metadata.file_name"), s("_metadata.file_path")),
    ("repartition", () => rt.repartition(3), () => rt.repartition(4)),
    ("repartition by", () => rt.repartition(3, col("k")), () => rt.repartition(3, col("id"))),
    (
      "session of the relation",
      () => {
        val other = spark.newSession()
        other.conf.set("spark.sql.parquet.binaryAsString", "true")
        other.read.parquet(t)
      },
      () => rt),
    (
      "unknown read option",
      () => spark.read.option("x", "1").parquet(t),
      () => spark.read.option("y", "1").parquet(t)),
    ("coalesce", () => rt.coalesce(1), () => rt.coalesce(2)))

  private def withDefault(value: String): StructType =
    new StructType()
      .add("id", LongType)
      .add("extra", IntegerType, true, new MetadataBuilder().putString("EXISTS_DEFAULT", value).build())

  different.foreach { case (name, one, other) =>
    test("different keys: " + name) {
      val keysOfOne = keys(one())
      val keysOfOther = keys(other())
      assert(keysOfOne.nonEmpty && keysOfOther.nonEmpty)
      assert(keysOfOne.intersect(keysOfOther).isEmpty)
    }
  }

  Seq(
    "spark.sql.ansi.enabled" -> ("true", "false"),
    "spark.sql.session.timeZone" -> ("UTC", "Europe/Berlin"),
    "spark.sql.caseSensitive" -> ("true", "false"),
    "spark.sql.legacy.timeParserPolicy" -> ("CORRECTED", "LEGACY"),
    "spark.sql.mapKeyDedupPolicy" -> ("EXCEPTION", "LAST_WIN"),
    "spark.sql.legacy.castComplexTypesToString.enabled" -> ("true", "false"),
    "spark.sql.csv.parser.columnPruning.enabled" -> ("true", "false"),
    "spark.sql.parquet.int96RebaseModeInRead" -> ("CORRECTED", "LEGACY"),
    "spark.sql.unknown.setting" -> ("1", "2"),
    "spark.diskcache.precision" -> ("exact", "float32"),
    "parquet.some.setting" -> ("1", "2")
  ).foreach { case (key, (one, other)) =>
    test("different keys: " + key) {
      val keysOfOne = withConf(key -> one)(keys(rt.select("id")))
      val keysOfOther = withConf(key -> other)(keys(rt.select("id")))
      assert(keysOfOne.intersect(keysOfOther).isEmpty)
    }
  }

  Seq(
    "spark.sql.files.maxPartitionBytes" -> "64m", // cuts none of these files
    "spark.sql.autoBroadcastJoinThreshold" -> "77",
    "spark.sql.codegen.wholeStage" -> "false",
    "spark.sql.sources.bucketing.autoBucketedScan.enabled" -> "false",
    "spark.diskcache.maxBytes" -> "1g"
  ).foreach { case (key, value) =>
    test("same keys: " + key) {
      assert(keys(rt.select("id")) == withConf(key -> value)(keys(rt.select("id"))))
    }
  }

  test("a file that Spark cuts has the chunks between its cuts, each under a key of its own") {
    val whole = keys(rt.select("id"))
    val cut = withConf("spark.sql.files.maxPartitionBytes" -> "1000")(keys(rt.select("id")))
    assert(cut.size > whole.size && cut.distinct == cut)
  }
}
