// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.security.PrivilegedExceptionAction

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.harness.{Applications, ExactRows, NewJvm, PrivateFileSystem, SecurityApp}
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.sql.SparkSession
import org.scalatest.funsuite.AnyFunSuite

/** The facts that users of one application learn from each other through the cache, and that anybody finds on disk. */
class SecuritySuite extends AnyFunSuite with Applications {
  private def count(spark: SparkSession, query: String): Long = spark.sql(query).count()

  private def fill(spark: SparkSession, from: Int): Unit =
    assert(spark.range(from, from + 100, 1, 2).selectExpr("id + 1 as x").cache().count() == 100)

  test("functions run when their rows are asked for, not when a query is planned or explained") {
    application(directory("functions")) { spark =>
      fill(spark, 0)
      val evict = "SELECT * FROM diskcache_evict('name=*')"
      val all = count(spark, "SELECT * FROM diskcache_entries()")
      assert(all > 0)
      spark.sql(s"EXPLAIN $evict").collect()
      spark.sql(s"EXPLAIN EXTENDED $evict").collect()
      val planned = spark.sql(evict)
      planned.queryExecution.executedPlan
      planned.schema
      spark.sql(s"CREATE TEMPORARY VIEW removed AS $evict")
      intercept[Exception](spark.sql("SELECT * FROM diskcache_evict('nonsense')"))
      assert(count(spark, "SELECT * FROM diskcache_entries()") == all, "nothing was removed")
      assert(count(spark, "SELECT * FROM diskcache_evict('name=*', true)") == all)
      assert(planned.collect().length == all)
      assert(planned.collect().length == all, "the rows of a DataFrame are those of its one call")
      assert(count(spark, "SELECT * FROM diskcache_entries()") == 0)
      fill(spark, 500)
      assert(count(spark, "SELECT * FROM removed r JOIN diskcache_stats()") > 0)
      assert(count(spark, "SELECT * FROM diskcache_entries()") == 0)
      assert(spark.sql("SELECT name FROM diskcache_stats() WHERE name = 'hits'").collect().length == 1)
    }
  }

  test("sessions see and remove their own; that of the program sees all") {
    application(directory("sessions")) { spark =>
      val Seq(ann, bob) = Seq.fill(2)(spark.newSession())
      fill(spark, 0)
      fill(ann, 1000)
      fill(bob, 2000)
      def entries(of: SparkSession) = of.sql("SELECT key FROM diskcache_entries()").collect().map(_.getString(0)).toSet
      val Seq(all, ofAnn, ofBob) = Seq(spark, ann, bob).map(entries)
      assert(ofAnn.nonEmpty && ofBob.nonEmpty && (ofAnn & ofBob).isEmpty)
      assert((ofAnn ++ ofBob).subsetOf(all) && all.size > ofAnn.size + ofBob.size)
      assert(count(bob, s"SELECT * FROM diskcache_evict('name=*', true)") == ofBob.size)
      assert(count(bob, s"SELECT * FROM diskcache_evict('name=*')") == ofBob.size)
      assert(entries(bob).isEmpty && entries(ann) == ofAnn && entries(spark) == all -- ofBob)
      // A session that only reads what another wrote does not own it.
      assert(bob.range(1000, 1100, 1, 2).selectExpr("id + 1 as x").count() == 100)
      assert(entries(bob).isEmpty)
      bob.sql("SET spark.diskcache.sql.functions=all")
      assert(entries(bob).isEmpty, "a session's setting changes nothing")
      assert(count(ann, "SELECT * FROM diskcache_memo()") == 0)
    }
  }

  test("the administrator opens functions for all, or switches them off") {
    val cache = directory("switch")
    application(cache, "spark.diskcache.sql.functions" -> "all") { spark =>
      fill(spark, 0)
      assert(count(spark.newSession(), "SELECT * FROM diskcache_entries()") > 0)
    }
    application(cache, "spark.diskcache.sql.functions" -> "off") { spark =>
      Seq("entries()", "stats()", "memo()", "evict('name=*')").foreach { call =>
        val refused = intercept[Exception](spark.sql(s"SELECT * FROM diskcache_$call"))
        assert(refused.getMessage.contains("spark.diskcache.sql.functions is off"))
      }
      assert(!DiskCache.of(spark).entries().isEmpty, "code has it all the same")
    }
    // All connections to a Thrift server share its first session then.
    application(cache, "spark.sql.hive.thriftServer.singleSession" -> "true") { spark =>
      assert(count(spark, "SELECT * FROM diskcache_entries()") == 0, "another application wrote them")
    }
  }

  test("whoever may not read the input is not served from it") {
    val input = directory("input").resolve("t")
    val cache = directory("access")
    application(directory("none"), "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 100, 1, 2).selectExpr("id", "id % 3 as k").write.parquet(input.toString)
    }
    val relations = Seq[SparkSession => org.apache.spark.sql.DataFrame](
      _.read.parquet(s"private://$input").where("id > 3"),
      _.read.parquet(s"private://$input").sortWithinPartitions("k", "id"),
      _.read.parquet(s"private://$input").groupBy("k").count())
    val user = UserGroupInformation.createRemoteUser("mallory")
    def as[T](who: UserGroupInformation)(body: => T): T =
      who.doAs(new PrivilegedExceptionAction[T] { def run(): T = body })

    val expected = application(cache, PrivateFileSystem.setting) { spark =>
      relations.map(relation => ExactRows.of(relation(spark).cache()))
    }
    as(user)(application(cache, PrivateFileSystem.setting) { spark =>
      assert(relations.map(relation => ExactRows.of(relation(spark).cache())) == expected)
      assert(stats(spark).computed == 0 && stats(spark).hits > 0, "one who may is served")
    })
    PrivateFileSystem.barred.add("mallory")
    try
      as(user)(application(cache, PrivateFileSystem.setting) { spark =>
        val before = PrivateFileSystem.opened.get
        relations.foreach(relation => ExactRows.of(relation(spark).cache()))
        assert(stats(spark).hits == 0, "one who may not gets what Spark gives")
        assert(PrivateFileSystem.opened.get > before)
      })
    finally PrivateFileSystem.barred.clear()
  }

  test("literals of plans are stored where that is allowed only") {
    def stored(cache: Path, settings: (String, String)*): String =
      application(cache, settings: _*) { spark =>
        spark.range(50).selectExpr("id", "concat('pat', 'ient-4711') as name")
          .where("id <> 987654321 and name <> 'patient-0815'").cache().count()
        spark.range(50).groupBy(org.apache.spark.sql.functions.expr("id % 12349")).count().cache().count()
        assert(stats(spark).computed > 0)
        DiskCache.of(spark).entries().asScala.foreach(entry => assert(!entry.description.isEmpty))
        spark.stop()
        val files = Files.walk(cache)
        try
          files.iterator().asScala.filter(Files.isRegularFile(_))
            .map(file => new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)).mkString
        finally files.close()
      }
    val shown = stored(directory("literals"))
    assert(shown.contains("987654321") && shown.contains("12349"))
    val hidden = stored(directory("no-literals"), "spark.diskcache.literals" -> "false")
    assert(!hidden.contains("987654321") && !hidden.contains("patient-0815"))
  }

  test("no SQL opens the index, and no key is in the event log") {
    val key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="
    val events = directory("events")
    val cache = directory("packaged")
    val result = directory("results").resolve("security.json")
    val finished = NewJvm.run(
      SecurityApp.getClass.getName.stripSuffix("$"),
      Seq(
        result.toString,
        s"spark.diskcache.dir=$cache",
        "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
        "spark.eventLog.enabled=true",
        "spark.eventLog.compress=false",
        s"spark.eventLog.dir=${events.toUri}",
        "spark.diskcache.encryption.keyEnv=VAULT",
        s"spark.executorEnv.VAULT=$key"),
      withCache = true,
      directory("logs").resolve("security.log"),
      environment = Map("VAULT" -> key))
    assert(finished.exit == 0, finished.output.takeRight(4000))
    val found = new ObjectMapper().readTree(Files.readString(result))
    assert(found.get("computed").asText.toInt > 0)
    Seq("url", "driver", "sql", "sql with driver").foreach { way =>
      assert(found.get(way).asText.startsWith("refused"), way)
    }
    assert(!found.get("drivers").asText.contains("sqlite"))
    assert(!finished.output.contains(key), "in the log")
    val files = Files.walk(events)
    val logs =
      try
        files.iterator().asScala.filter(Files.isRegularFile(_))
          .map(file => new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1)).mkString
      finally files.close()
    assert(logs.contains("spark.executorEnv.VAULT") && !logs.contains(key))
    val stored = Files.walk(cache)
    try
      stored.iterator().asScala.filter(Files.isRegularFile(_)).foreach { file =>
        assert(!new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(key), file)
      }
    finally stored.close()
  }
}
