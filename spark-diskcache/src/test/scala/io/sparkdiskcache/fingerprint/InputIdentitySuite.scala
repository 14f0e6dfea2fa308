// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, Paths}
import java.nio.file.attribute.FileTime
import java.time.{Clock, Instant, ZoneId, ZoneOffset}

import scala.jdk.CollectionConverters._

import org.apache.hadoop.conf.Configuration
import org.apache.spark.sql.DataFrame
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** Files, chunks and days: keys follow the content, and nothing else. */
class InputIdentitySuite extends AnyFunSuite with PlanFixture {

  private def write(file: Path, text: String): Path = {
    Files.createDirectories(file.getParent)
    Files.write(file, text.getBytes(UTF_8))
  }

  private def text(name: String): DataFrame = spark.read.text(path(name))

  test("an added file leaves the keys of the others alone") {
    write(dir.resolve("added/a.txt"), "1\n2\n")
    val before = keys(text("added"))
    write(dir.resolve("added/b.txt"), "3\n")
    val after = keys(text("added"))
    assert(before.size == 1 && after.size == 2 && after.toSet.contains(before.head))
  }

  test("another partition filter leaves the keys of the files alone") {
    val p = path("partitioned")
    spark.range(30).selectExpr("id", "id % 3 as day").write.partitionBy("day").parquet(p)
    def day(condition: String) = keys(spark.read.parquet(p).filter(condition).filter("id > 1"))
    assert(day("day >= 1").toSet.subsetOf(day("day >= 0").toSet))
    assert(day("day >= 1").nonEmpty)
  }

  test("the same length and modification time with other content") {
    val file = write(dir.resolve("restored/a.txt"), "1\n2\n")
    val time = Files.getLastModifiedTime(file)
    val before = keys(text("restored"))
    write(file, "7\n8\n")
    Files.setLastModifiedTime(file, time)
    val after = keys(text("restored"))
    assert(Files.getLastModifiedTime(file) == time)
    assert(before.intersect(after).isEmpty)
  }

  test("the same file under two partition values") {
    val source = write(dir.resolve("values/v=1/a.txt"), "x\n")
    val typed = spark.read.schema("value string, v int").text(path("values"))
    val untyped = spark.read.schema("value string, v string").text(path("values"))
    assert(Files.exists(source))
    assert(keys(typed).intersect(keys(untyped)).isEmpty)
    sql("create table moved (value string, v int) using text partitioned by (v)")
    def at(v: Int): Seq[String] = {
      sql(s"alter table moved add partition (v = $v) location '${path("values/v=1")}'")
      val result = keys(sql("select * from moved"))
      val aggregated = keys(sql("select v, count(*) from moved group by v"))
      sql(s"alter table moved drop partition (v = $v)")
      result ++ aggregated
    }
    try assert(at(1).intersect(at(2)).isEmpty)
    finally sql("drop table moved")
  }

  test("chunks lie at multiples of the chunk size of each file's own length") {
    val name = "chunked"
    write(dir.resolve(name + "/a.txt"), "0123456789\n" * 100)
    write(dir.resolve(name + "/b.txt"), "0123456789\n" * 10)
    val small = options.withChunkBytes(512)
    val result = accepted(fingerprint(plan(text(name)), small))
    val cuts = result.chunks.asScala
      .map(chunk => Paths.get(chunk.file.path).getFileName.toString -> (chunk.start, chunk.length))
      .sorted
    assert(cuts == Seq("a.txt" -> (0L, 512L), "a.txt" -> (512L, 512L), "a.txt" -> (1024L, 76L), "b.txt" -> (0L, 110L)))
    assert(result.chunks.asScala.forall(chunk => chunk.split.fileSize == chunk.file.length))
    val whole = accepted(fingerprint(plan(spark.read.option("wholetext", "true").text(path(name))), small))
    assert(whole.chunks.asScala.map(_.start).toSet == Set(0L) && whole.chunks.size == 2)
  }

  test("partition-local units name the chunks Spark reads") {
    write(dir.resolve("packed/a.txt"), "0123456789\n" * 100)
    write(dir.resolve("packed/b.txt"), "0123456789\n" * 10)
    val query = text("packed").sortWithinPartitions("value")
    val result = accepted(query)
    assert(result.partitions.size == query.rdd.getNumPartitions)
    assert(result.partitions.asScala.flatMap(_.asScala).map(_.length).sum == 1210)
  }

  test("a union is one layout: a file more moves every index behind it") {
    write(dir.resolve("layout/a.txt"), "1\n")
    def query = text("layout").union(spark.range(0, 4, 1, 2).selectExpr("cast(id as string)"))
    val before = function(query)
    write(dir.resolve("layout/b.txt"), "2\n")
    assert(function(query) != before)
  }

  test("inputs of broadcast sides and subqueries are in the function") {
    write(dir.resolve("big/a.txt"), "1\n")
    write(dir.resolve("dim/a.txt"), "1\n")
    text("big").createOrReplaceTempView("big")
    def joined = withConf("spark.sql.adaptive.enabled" -> "false")(
      accepted(text("big").join(broadcast(text("dim")), "value")))
    def subquery = accepted(sql(s"select * from big where value > (select max(value) from text.`${path("dim")}`)"))
    val before = Seq(joined, subquery)
    assert(before.forall(_.inputs.size == 2))
    assert(before.map(_.planClass) == Seq(PlanClass.ROW_LOCAL, PlanClass.RUN_BOUND))
    write(dir.resolve("dim/b.txt"), "2\n")
    val after = Seq(joined, subquery)
    before.zip(after).foreach { case (one, other) =>
      assert(PlanFixture.keys(one).intersect(PlanFixture.keys(other)).isEmpty)
    }
  }

  test("unchanged sees content, length and absence") {
    val file = write(dir.resolve("watched/a.txt"), "1\n")
    val conf = new Configuration()
    val expected = accepted(text("watched")).inputs.get(0)
    assert(InputStats.unchanged(expected, conf))
    write(file, "2\n")
    assert(!InputStats.unchanged(expected, conf))
    Files.delete(file)
    assert(!InputStats.unchanged(expected, conf))
  }

  test("many files, one of them unreadable") {
    (1 to 100).foreach(i => write(dir.resolve(s"many/$i.txt"), i.toString))
    val query = text("many")
    assert(keys(query).distinct.size == 100)
    Files.delete(dir.resolve("many/50.txt"))
    assert(refused(query).code == Refusal.Code.INPUT_UNREADABLE)
  }

  test("names of files with spaces and percent signs") {
    write(dir.resolve("odd/a b%20c+d.txt"), "1\n")
    val result = accepted(text("odd"))
    assert(result.inputs.get(0).path.endsWith("/a b%20c+d.txt"))
    assert(InputStats.unchanged(result.inputs.get(0), new Configuration()))
    assert(accepted(text("odd").sortWithinPartitions("value")).partitions.get(0).size == 1)
  }

  private def on(day: String): FingerprintOptions =
    options.withClock(Clock.fixed(Instant.parse(day), ZoneOffset.UTC))

  test("rows that depend on today have another key tomorrow") {
    write(dir.resolve("times/a.csv"), "12:30,{\"t\":\"12:30\"}\n")
    def csv(schema: String) = spark.read.schema(schema).csv(path("times"))
    val dated = Seq(
      csv("s string, j string").selectExpr("cast(s as timestamp)"),
      csv("s string, j string").selectExpr("to_timestamp(s)"),
      csv("s string, j string").selectExpr("try_cast(array(s) as array<timestamp>)"),
      csv("s string, j string").selectExpr("from_json(j, 't timestamp')"),
      csv("s string, j string").selectExpr("from_csv(s, 't timestamp')"),
      csv("s string, j string").selectExpr("variant_get(parse_json(j), '$.t', 'timestamp')"),
      csv("s string, j string").filter("cast(s as timestamp) > timestamp_seconds(3)"),
      csv("t timestamp, j string"))
    val undated = Seq(
      csv("s string, j string").selectExpr("cast(s as date)", "cast(s as timestamp_ntz)"),
      csv("d date, j string"),
      csv("s string, j string").selectExpr("timestamp_seconds(length(s))"))
    def key(query: DataFrame, day: String) = accepted(fingerprint(plan(query), on(day)))
    dated.foreach { query =>
      val first = key(query, "2127-03-01T10:00:00Z")
      val later = key(query, "2127-03-01T23:00:00Z")
      val next = key(query, "2127-03-02T00:00:00Z")
      assert(hex(first.function) == hex(later.function), plan(query))
      assert(hex(first.function) != hex(next.function), plan(query))
      assert(first.expires.get == Instant.parse("2127-03-02T00:00:00Z"), plan(query))
    }
    undated.foreach { query =>
      val first = key(query, "2127-03-01T10:00:00Z")
      assert(first.expires.isEmpty, plan(query))
      assert(hex(first.function) == hex(key(query, "2127-03-02T00:00:00Z").function))
    }
    withConf("spark.sql.session.timeZone" -> "Asia/Tokyo") {
      val zone = ZoneId.of("Asia/Tokyo")
      val expires = key(csv("t timestamp, j string"), "2127-03-01T10:00:00Z").expires.get
      assert(expires == Instant.parse("2127-03-02T00:00:00Z").atZone(ZoneOffset.UTC).withZoneSameLocal(zone).toInstant)
    }
  }

  test("a current date is a literal of the plan") {
    write(dir.resolve("today/a.txt"), "1\n")
    assert(accepted(text("today").withColumn("d", current_date())).expires.isEmpty)
  }
}
