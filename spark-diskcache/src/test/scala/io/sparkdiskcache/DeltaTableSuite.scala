// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Path

import io.sparkdiskcache.harness.{DrawnTests, Scenarios}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._

/** Tables of Delta Lake: what a new version leaves alone hits, what it changes does not. */
class DeltaTableSuite extends DrawnTests with Scenarios {
  override protected def property: String = "diskcache.delta"
  override protected def drawn: Int = 2
  override protected def always(name: String): Boolean = name.startsWith("appended files")
  private val delta = Seq(
    "spark.sql.extensions" -> "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog" -> "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions" -> "1")

  private def change(statements: (SparkSession => Unit)*): Unit =
    application(directory("unused"), delta :+ ("spark.diskcache.enabled" -> "false"): _*) { spark =>
      statements.foreach(_(spark))
    }

  private def sql(text: String): SparkSession => Unit = _.sql(text)

  /** Four files of 25 rows. */
  private def table(name: String, properties: String*): Path = {
    val path = directory(s"$name-table").resolve("t")
    change(
      sql(s"create table delta.`$path` (id bigint, v string) using delta" +
        (if (properties.isEmpty) "" else properties.mkString(" tblproperties (", ", ", ")"))),
      append(path, 0, 100, 4))
    path
  }

  private def append(path: Path, from: Long, to: Long, files: Int): SparkSession => Unit =
    _.range(from, to, 1, files).selectExpr("id", "concat('v', id) as v")
      .write.format("delta").mode("append").save(path.toString)

  private def seen(cache: Path)(query: Query): Run = run(cache, delta: _*)(query)

  private def read(path: Path): Query = _.read.format("delta").load(path.toString).filter("id >= 0")

  private val vectors = "'delta.enableDeletionVectors' = 'true'"
  private val names =
    Seq("'delta.columnMapping.mode' = 'name'", "'delta.minReaderVersion' = '2'", "'delta.minWriterVersion' = '5'")

  test("appended files: old chunks hit") {
    val cache = directory("append")
    val path = table("append")
    assert(seen(cache)(read(path)).computed == 4)
    assert(seen(cache)(read(path)).hit)
    change(append(path, 100, 110, 1))
    val after = seen(cache)(read(path))
    assert(after.hits == 4 && after.computed == 1 && after.rows.size == 110, after)
    assert(seen(cache)(_.sql(s"select * from delta.`$path` where id >= 0")).hit)
  }

  test("22: DELETE with deletion vectors: the same data files, other rows") {
    val cache = directory("delete")
    val path = table("delete", vectors)
    assert(seen(cache)(read(path)).computed == 4)
    change(sql(s"delete from delta.`$path` where id = 30"))
    val one = seen(cache)(read(path))
    assert(one.rows.size == 99 && one.refused.isEmpty && one.hits == 0, one)
    assert(seen(cache)(read(path)).hit)
    // From now on the table is read with deletion vectors: only the file that changes is computed.
    change(sql(s"delete from delta.`$path` where id = 31"))
    val two = seen(cache)(read(path))
    assert(two.rows.size == 98 && two.hits == 3 && two.computed == 1, two)
    change(sql(s"delete from delta.`$path` where id = 80"))
    val three = seen(cache)(read(path))
    assert(three.rows.size == 97 && three.hits == 3 && three.computed == 1, three)
    assert(seen(cache)(read(path)).hit)
    Seq[DataFrame => DataFrame](
      _.groupBy("v").count(),
      _.select("v").sortWithinPartitions("v"),
      _.select("id", "_metadata.file_name", "_metadata.row_index")).foreach { shape =>
      val query: Query = s => shape(read(path)(s))
      assert(seen(cache)(query).miss)
      assert(seen(cache)(query).hit)
    }
  }

  test("22: deletion vectors and files cut into chunks") {
    val cache = directory("chunks")
    val path = directory("chunks-table").resolve("t")
    change(
      sql(s"create table delta.`$path` (id bigint, v string) using delta tblproperties ($vectors)"),
      spark => {
        // Several row groups, so that chunks hold rows.
        spark.range(0, 200000, 1, 1).selectExpr("id", "sha2(cast(id as string), 256) as v")
          .write.format("delta").mode("append").option("parquet.block.size", "1000000").save(path.toString)
      },
      sql(s"delete from delta.`$path` where id % 1000 = 7"))
    val chunked = delta :+ ("spark.diskcache.inputs.chunkBytes" -> "2m")
    val first = run(cache, chunked: _*)(read(path))
    assert(first.miss && first.computed > 2 && first.rows.size == 199800)
    assert(run(cache, chunked: _*)(read(path)).hit)
    val plainReader = chunked :+ ("spark.databricks.delta.deletionVectors.useMetadataRowIndex" -> "false")
    val unsplit = run(cache, plainReader: _*)(read(path))
    assert(unsplit.rows == first.rows && unsplit.hits == 0 && unsplit.computed == 1, unsplit.computed)
  }

  test("UPDATE and MERGE, with and without deletion vectors") {
    Seq("with" -> Seq(vectors), "without" -> Nil).foreach { case (name, properties) =>
      withClue(s"$name: ") {
        val cache = directory(s"update-$name")
        val path = table(s"update-$name", properties: _*)
        assert(seen(cache)(read(path)).computed == 4)
        change(sql(s"update delta.`$path` set v = 'updated' where id = 30"))
        val updated = seen(cache)(read(path))
        assert(updated.rows.count(_.contains("updated")) == 1 && updated.rows.size == 100, updated)
        assert(updated.computed > 0 && updated.refused.isEmpty)
        if (properties.isEmpty) assert(updated.hits == 3)
        change(sql(s"merge into delta.`$path` t using (select id from range(90, 120)) s on t.id = s.id " +
          "when matched then update set v = 'merged' when not matched then insert (id, v) values (s.id, 'new')"))
        val merged = seen(cache)(read(path))
        assert(merged.rows.count(_.contains("merged")) == 10 && merged.rows.size == 120, merged)
        assert(merged.hits > 0 && merged.computed > 0, merged)
        assert(seen(cache)(read(path)).hit)
      }
    }
  }

  test("a column is renamed, dropped and added again under its name, with mapping") {
    val cache = directory("rename")
    val path = table("rename", names: _*)
    def all(s: SparkSession) = s.read.format("delta").load(path.toString)
    assert(seen(cache)(all).miss)
    assert(seen(cache)(all).hit)
    change(sql(s"alter table delta.`$path` rename column v to w"))
    val renamed = seen(cache)(s => all(s).select("id", "w"))
    assert(renamed.rows.contains("{Long:1,String:v1}") && renamed.refused.isEmpty, renamed)
    change(
      sql(s"alter table delta.`$path` drop column w"),
      sql(s"alter table delta.`$path` add column w string"))
    val empty = seen(cache)(s => all(s).select("id", "w"))
    assert(empty.rows.contains("{Long:1,null}") && empty.hits == 0 && empty.refused.isEmpty, empty)
    assert(seen(cache)(s => all(s).select("id", "w")).hit)
  }

  test("time travel and RESTORE") {
    val cache = directory("travel")
    val path = table("travel")
    def at(version: Long): Query =
      _.read.format("delta").option("versionAsOf", version).load(path.toString).filter("id >= 0")
    change(append(path, 100, 110, 1), sql(s"delete from delta.`$path` where id < 5"))
    val latest = seen(cache)(read(path))
    assert(latest.miss && latest.rows.size == 105)
    val sizes = Seq(1L -> 100, 2L -> 110, 3L -> 105)
    sizes.foreach { case (version, size) =>
      val old = seen(cache)(at(version))
      assert(old.rows.size == size && old.refused.isEmpty, s"version $version")
      assert(seen(cache)(at(version)).hit)
    }
    assert(seen(cache)(_.sql(s"select * from delta.`$path` version as of 1 where id >= 0")).rows.size == 100)
    change(sql(s"restore table delta.`$path` to version as of 1"))
    assert(seen(cache)(read(path)).rows.size == 100)
    assert(seen(cache)(read(path)).hit)
  }

  test("OPTIMIZE: other files, the same rows") {
    val cache = directory("optimize")
    val path = table("optimize")
    val before = seen(cache)(read(path))
    change(sql(s"optimize delta.`$path`"))
    val after = seen(cache)(read(path))
    assert(after.miss && after.rows == before.rows && after.computed == 1)
    assert(seen(cache)(read(path)).hit)
  }

  test("a partitioned table, and one that is overwritten") {
    val cache = directory("partitioned")
    val path = directory("partitioned-table").resolve("t")
    def write(mode: String, factor: Int): SparkSession => Unit =
      _.range(0, 30, 1, 1).selectExpr("id", s"id * $factor as v", "id % 3 as p")
        .write.format("delta").mode(mode).partitionBy("p").save(path.toString)
    def part(p: Int): Query = _.read.format("delta").load(path.toString).filter(s"p = $p")
    change(write("append", 1))
    assert(seen(cache)(part(1)).miss)
    assert(seen(cache)(part(1)).hit)
    assert(seen(cache)(part(2)).miss)
    change(write("overwrite", 2))
    val after = seen(cache)(part(1))
    assert(after.miss && after.rows.size == 10)
  }

  test("the feed of changes is refused") {
    val cache = directory("changes")
    val path = table("changes", "'delta.enableChangeDataFeed' = 'true'")
    change(sql(s"update delta.`$path` set v = 'u' where id = 3"))
    val changes = seen(cache)(
      _.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 1)
        .load(path.toString).drop("_commit_timestamp"))
    assert(changes.rows.size == 102 && changes.hits == 0 && changes.refused.nonEmpty, changes)
  }

  test("within one application a table is what it was when it was cached") {
    def counts(enabled: Boolean): Seq[Long] = {
      val path = table(s"within-$enabled")
      val setting = "spark.diskcache.enabled" -> enabled.toString
      application(directory("within"), delta :+ setting: _*) { spark =>
        val df = spark.read.format("delta").load(path.toString).groupBy().agg(sum("id")).cache()
        val first = df.head().getLong(0)
        spark.sql(s"update delta.`$path` set id = id + 1 where id < 50")
        val again = spark.read.format("delta").load(path.toString).groupBy().agg(sum("id"))
        Seq(df.head().getLong(0) - first, again.head().getLong(0) - first)
      }
    }
    assert(counts(enabled = true) == counts(enabled = false))
  }
}
