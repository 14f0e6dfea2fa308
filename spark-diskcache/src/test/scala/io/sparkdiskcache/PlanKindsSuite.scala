// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets.{UTF_16, UTF_8}
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime
import java.sql.Timestamp

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{Applications, ExactRows}
import org.apache.spark.sql.{DataFrame, Row, SparkSession}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

/**
 * Recursive queries, XML, binary files and local rows are kept, and every change of rows, schema or
 * options gives the rows of plain Spark.
 */
class PlanKindsSuite extends AnyFunSuite with Applications {
  private type Query = SparkSession => DataFrame

  private lazy val files: Path = {
    val dir = directory("files")
    def write(name: String, bytes: Array[Byte]): Unit = {
      Files.createDirectories(dir.resolve(name).getParent)
      Files.write(dir.resolve(name), bytes)
    }
    val xml = "<rows><row id=\"1\"><a>x</a><t>01:30:00</t></row><row id=\"2\"><a> y </a><t>x</t></row>" +
      "<item id=\"7\"><a>z</a><t>02:00:00</t></item></rows>"
    write("xml/a.xml", xml.getBytes(UTF_8))
    write("xml16/a.xml", xml.getBytes(UTF_16))
    write("bin/one.bin", Array[Byte](1, 2, 3))
    write("bin/two.dat", Array[Byte](4, 5))
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(files.resolve("bin")))
  }

  /** Keeps the base in one application, finds it in the next, and there tries every change. */
  private def check(name: String, base: Query, changes: (String, Query)*): Unit = test(name) {
    val cache = directory(s"cache-${name.replaceAll("\\W", "-")}")
    application(cache) { spark =>
      val expected = truth(base(spark))
      assert(ExactRows.of(base(spark).cache()) == expected)
      assert(stats(spark).computed > 0, DiskCache.of(spark).explain(base(spark)))
    }
    application(cache) { spark =>
      val expected = truth(base(spark))
      assert(ExactRows.of(base(spark).cache()) == expected)
      assert(stats(spark).computed == 0 && stats(spark).hits > 0, DiskCache.of(spark).explain(base(spark)))
      spark.catalog.clearCache()
      for ((change, query) <- changes) withClue(s"$change: ") {
        val schema = query(spark).schema
        val rows = truth(query(spark))
        val cached = query(spark).cache()
        assert(ExactRows.of(cached) == rows)
        assert(cached.schema == schema)
        spark.catalog.clearCache()
      }
    }
  }

  private def recursive(anchor: String, step: String, tail: String = ""): Query = spark => {
    spark.sql("create or replace temp view small as select id from range(1, 4)")
    spark.sql(s"with recursive t(n) as ($anchor union all $step) select * from t $tail")
  }

  check("recursive queries over values",
    recursive("select 1", "select n + 1 from t where n < 5"),
    "the bound" -> recursive("select 1", "select n + 1 from t where n < 6"),
    "the step" -> recursive("select 1", "select n + 2 from t where n < 5"),
    "the anchor" -> recursive("select 2", "select n + 1 from t where n < 5"),
    "the type" -> recursive("select 1L", "select n + 1 from t where n < 5"),
    "a condition more" -> recursive("select 1", "select n + 1 from t where n < 5 and n <> 3"),
    "two anchors" -> recursive("select * from values (1), (3)", "select n + 1 from t where n < 5"),
    "a limit" -> recursive("select 1", "select n + 1 from t where n < 50", "limit 3"),
    "another limit" -> recursive("select 1", "select n + 1 from t where n < 50", "limit 4"),
    "what is done with it" -> recursive("select 1", "select n + 1 from t where n < 5", "where n > 2"))

  private def overFiles(path: String, step: String): Query = spark =>
    spark.sql(s"with recursive t(n) as (select length from binaryFile.`$files/$path` union all $step) select * from t")

  check("recursive queries over files and functions",
    overFiles("bin", "select n + 1 from t where n < 5"),
    "another listing" -> overFiles("bin/one.bin", "select n + 1 from t where n < 5"),
    "the step" -> overFiles("bin", "select n * 2 from t where n < 5"),
    "a join in the step" -> { spark =>
      spark.range(0, 4).createOrReplaceTempView("r")
      overFiles("bin", "select t.n + 1 from t join r on t.n = r.id")(spark)
    },
    "another join in the step" -> { spark =>
      spark.range(0, 3).createOrReplaceTempView("r")
      overFiles("bin", "select t.n + 1 from t join r on t.n = r.id")(spark)
    },
    "a function" -> { spark =>
      spark.udf.register("step", (n: Long) => n + 3)
      overFiles("bin", "select step(n) from t where n < 9")(spark)
    },
    "another body" -> { spark =>
      spark.udf.register("step", (n: Long) => n + 4)
      overFiles("bin", "select step(n) from t where n < 9")(spark)
    })

  private def xml(schema: String, options: (String, String)*): Query = spark =>
    spark.read.format("xml").schema(schema).option("rowTag", "row").options(options.toMap)
      .load(files.resolve("xml").toString)

  check("XML files",
    xml("_id int, a string, t string"),
    "the row tag" -> xml("_id int, a string, t string", "rowTag" -> "item"),
    "a column less" -> xml("_id int, t string"),
    "a type" -> xml("_id long, a string, t string"),
    "a type that does not fit" -> xml("_id int, a int, t string"),
    "the attribute prefix" -> xml("`@id` int, a string", "attributePrefix" -> "@"),
    "no attributes" -> xml("_id int, a string, t string", "excludeAttribute" -> "true"),
    "spaces" -> xml("_id int, a string, t string", "ignoreSurroundingSpaces" -> "false"),
    "a null value" -> xml("_id int, a string, t string", "nullValue" -> "x"),
    "the mode" -> xml("_id int, a int, t string", "mode" -> "DROPMALFORMED"),
    "a corrupt record" -> xml("_id int, a int, c string", "columnNameOfCorruptRecord" -> "c"),
    "a timestamp" -> xml("_id int, t timestamp", "timestampFormat" -> "HH:mm:ss"),
    "its zone" -> xml("_id int, t timestamp", "timestampFormat" -> "HH:mm:ss", "timeZone" -> "Asia/Tokyo"),
    "the charset" -> (spark => spark.read.format("xml").schema("_id int, a string").option("rowTag", "row")
      .option("charset", "UTF-16").load(files.resolve("xml16").toString)),
    "a filter" -> (xml("_id int, a string, t string")(_).filter("_id = 2")))

  private def binary(columns: String*): Query = spark =>
    spark.read.format("binaryFile").load(files.resolve("bin").toString).select(columns.map(col): _*)

  check("binary files",
    binary("path", "modificationTime", "length", "content"),
    "columns" -> binary("length", "content"),
    "a glob" -> (spark => spark.read.format("binaryFile").option("pathGlobFilter", "*.bin")
      .load(files.resolve("bin").toString)),
    "a length" -> (binary("path", "length")(_).filter("length > 2")),
    "one file" -> (_.read.format("binaryFile").load(files.resolve("bin/one.bin").toString)))

  test("binary files: content, length, time and names of files") {
    val dir = directory("changing")
    val file = dir.resolve("a.bin")
    val cache = directory("changing-cache")
    val time = FileTime.fromMillis(1700000000000L)
    def all(spark: SparkSession) = spark.read.format("binaryFile").load(dir.toString)
    val changes = Seq[() => Unit](
      () => Files.write(file, Array[Byte](1, 2)),
      () => { Files.write(file, Array[Byte](1, 3)); Files.setLastModifiedTime(file, time) },
      () => { Files.write(file, Array[Byte](1, 4)); Files.setLastModifiedTime(file, time) },
      () => Files.setLastModifiedTime(file, FileTime.fromMillis(1700000001000L)),
      () => Files.write(dir.resolve("b.bin"), Array[Byte](9)),
      () => Files.move(file, dir.resolve("c.bin")),
      () => Files.delete(dir.resolve("b.bin")))
    for ((change, i) <- changes.zipWithIndex) {
      change()
      for (again <- Seq(false, true)) application(cache) { spark =>
        assert(ExactRows.of(all(spark).cache()) == truth(all(spark)), s"change $i")
        assert((stats(spark).computed == 0) == (again || i == 6), s"change $i, again: $again")
      }
    }
  }

  private def local(rows: Seq[Row], types: (String, DataType)*): Query = spark =>
    spark.createDataFrame(rows.asJava, StructType(types.map { case (name, t) => StructField(name, t) }))

  private val typed = Seq("id" -> LongType, "s" -> StringType, "d" -> DoubleType)

  check("local rows",
    local(Seq(Row(1L, "a", 0.0), Row(2L, null, 1.5)), typed: _*),
    "a value" -> local(Seq(Row(1L, "b", 0.0), Row(2L, null, 1.5)), typed: _*),
    "a null" -> local(Seq(Row(1L, null, 0.0), Row(2L, null, 1.5)), typed: _*),
    "an empty string" -> local(Seq(Row(1L, "", 0.0), Row(2L, "", 1.5)), typed: _*),
    "a sign" -> local(Seq(Row(1L, "a", -0.0), Row(2L, null, 1.5)), typed: _*),
    "no number" -> local(Seq(Row(1L, "a", Double.NaN), Row(2L, null, 1.5)), typed: _*),
    "a row more" -> local(Seq(Row(1L, "a", 0.0), Row(2L, null, 1.5), Row(2L, null, 1.5)), typed: _*),
    "the order" -> local(Seq(Row(2L, null, 1.5), Row(1L, "a", 0.0)), typed: _*),
    "a name" -> local(Seq(Row(1L, "a", 0.0), Row(2L, null, 1.5)), "id" -> LongType, "t" -> StringType, "d" -> DoubleType),
    "a type" -> local(Seq(Row(1, "a", 0.0), Row(2, null, 1.5)), "id" -> IntegerType, "s" -> StringType, "d" -> DoubleType),
    "nested" -> local(Seq(Row(Seq(1L, 2L), Map("k" -> 1L))), "l" -> ArrayType(LongType), "m" -> MapType(StringType, LongType)),
    "nested otherwise" -> local(Seq(Row(Seq(1L), Map("k" -> 2L))), "l" -> ArrayType(LongType), "m" -> MapType(StringType, LongType)),
    "half of a pair" -> local(Seq(Row(1L, "\uD800", 0.0), Row(2L, null, 1.5)), typed: _*),
    "the other half" -> local(Seq(Row(1L, "\uD801", 0.0), Row(2L, null, 1.5)), typed: _*),
    "times" -> local(Seq(Row(Timestamp.valueOf("2026-01-01 00:00:00"))), "t" -> TimestampType),
    "beans" -> (_.createDataFrame(Seq(new PlanKindsSuite.Point(1, 2), new PlanKindsSuite.Point(3, 4)).asJava,
      classOf[PlanKindsSuite.Point])))
}

object PlanKindsSuite {
  final class Point(var x: Int, var y: Int) extends Serializable {
    def this() = this(0, 0)
    def getX: Int = x
    def setX(value: Int): Unit = x = value
    def getY: Int = y
    def setY(value: Int): Unit = y = value
  }
}
