// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{Applications, ExactRows}
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.apache.spark.sql.internal.SQLConf
import org.scalatest.funsuite.AnyFunSuite

/** No setting on the ignore list changes rows: each is tried with two values over a set of queries. */
class IgnoredSettingsSuite extends AnyFunSuite with Applications {

  /** Settings of a session, tried one by one. */
  private val ofSession: Seq[(String, String, String)] = Seq(
    ("spark.sql.autoBroadcastJoinThreshold", "-1", "10485760"),
    ("spark.sql.debug.maxToStringFields", "2", "50"),
    ("spark.sql.defaultCacheStorageLevel", "MEMORY_ONLY", "DISK_ONLY"),
    ("spark.sql.dataset.queryExecution.id", "1", "2"),
    ("spark.sql.execution.id", "1", "2"),
    ("spark.sql.execution.query.id", "1", "2"),
    ("spark.sql.execution.root.id", "1", "2"),
    ("spark.sql.files.maxPartitionBytes", "700", "128m"),
    ("spark.sql.files.maxPartitionNum", "1", "9"),
    ("spark.sql.files.minPartitionNum", "1", "9"),
    ("spark.sql.files.openCostInBytes", "1", "4m"),
    ("spark.sql.leafNodeDefaultParallelism", "1", "5"),
    ("spark.sql.maxPlanStringLength", "10", "100000"),
    ("spark.sql.optimizer.canChangeCachedPlanOutputPartitioning", "true", "false"),
    ("spark.sql.shuffle.partitions", "1", "7"),
    ("spark.sql.sources.bucketing.autoBucketedScan.enabled", "true", "false"),
    ("spark.sql.adaptive.enabled", "true", "false"),
    ("spark.sql.adaptive.coalescePartitions.enabled", "true", "false"),
    ("spark.sql.adaptive.skewJoin.enabled", "true", "false"),
    ("spark.sql.codegen.wholeStage", "true", "false"),
    ("spark.sql.codegen.factoryMode", "CODEGEN_ONLY", "NO_CODEGEN"),
    ("spark.sql.inMemoryColumnarStorage.batchSize", "3", "10000"),
    ("spark.sql.inMemoryColumnarStorage.partitionPruning", "true", "false"),
    ("spark.sql.planChangeLog.level", "trace", "warn"),
    ("spark.sql.streaming.stateStore.minDeltasForSnapshot", "2", "10"),
    ("spark.sql.thriftServer.ui.retainedSessions", "2", "10"),
    ("spark.rdd.scope.noOverride", "true", "false"),
    ("spark.job.description", "one", "two"),
    ("spark.jobGroup.id", "one", "two"),
    ("spark.connect.session.id", "one", "two"),
    ("spark.stage.name", "one", "two"))

  /** Settings of an application: all first values in one application, all second ones in another. */
  private val ofApplication: Seq[(String, String, String)] = Seq(
    ("spark.master", "local[1]", "local[3]"),
    ("spark.cores.max", "1", "4"),
    ("spark.default.parallelism", "2", "5"),
    ("spark.plugins", "", "io.sparkdiskcache.DiskCachePlugin"),
    ("spark.rdd.compress", "true", "false"),
    ("spark.serializer.objectStreamReset", "1", "100"),
    ("spark.sql.cache.serializer",
      "org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer",
      "org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer"),
    ("spark.sql.warehouse.dir", "/tmp/one", "/tmp/two"),
    ("spark.sql.ui.retainedExecutions", "1", "100"),
    ("spark.acls.enable", "false", "true"),
    ("spark.admin.acls", "a", "b"),
    ("spark.app.name", "one", "two"),
    ("spark.archives.x", "1", "2"),
    ("spark.authenticate", "false", "false"),
    ("spark.blockManager.port", "0", "0"),
    ("spark.broadcast.blockSize", "1m", "4m"),
    ("spark.broadcast.compress", "true", "false"),
    ("spark.cleaner.periodicGC.interval", "10min", "30min"),
    ("spark.decommission.enabled", "false", "false"),
    ("spark.deploy.recoveryMode", "NONE", "NONE"),
    ("spark.driver.maxResultSize", "100m", "1g"),
    ("spark.driver.memory", "1g", "2g"),
    ("spark.dynamicAllocation.minExecutors", "1", "2"),
    ("spark.eventLog.enabled", "false", "false"),
    ("spark.executor.memory", "1g", "2g"),
    ("spark.executor.heartbeatInterval", "5s", "10s"),
    ("spark.files.maxPartitionBytes", "1000", "100000"),
    ("spark.history.ui.port", "1", "2"),
    ("spark.jars.x", "1", "2"),
    ("spark.kubernetes.namespace", "a", "b"),
    ("spark.local.x", "a", "b"),
    ("spark.locality.wait", "0s", "3s"),
    ("spark.logConf", "true", "false"),
    ("spark.memory.fraction", "0.3", "0.6"),
    ("spark.memory.storageFraction", "0.1", "0.5"),
    ("spark.metrics.namespace", "a", "b"),
    ("spark.modify.acls", "a", "b"),
    ("spark.network.timeout", "100s", "200s"),
    ("spark.port.maxRetries", "20", "16"),
    ("spark.redaction.regex", "a", "b"),
    ("spark.repl.x", "a", "b"),
    ("spark.rpc.numRetries", "1", "3"),
    ("spark.scheduler.mode", "FIFO", "FAIR"),
    ("spark.shuffle.compress", "true", "false"),
    ("spark.shuffle.sort.bypassMergeThreshold", "1", "200"),
    ("spark.shuffle.file.buffer", "16k", "32k"),
    ("spark.speculation", "false", "true"),
    ("spark.ssl.enabled", "false", "false"),
    ("spark.standalone.submit.waitAppCompletion", "false", "true"),
    ("spark.storage.memoryMapThreshold", "1m", "2m"),
    ("spark.submit.deployMode", "client", "client"),
    ("spark.task.maxFailures", "1", "4"),
    ("spark.ui.showConsoleProgress", "false", "false"),
    ("spark.yarn.queue", "a", "b"))

  private val queries: Seq[SparkSession => DataFrame] = Seq(
    _.sql("select * from t where k < 5 and s like 'n%'"),
    _.sql("select k, sum(id), max(s), count(distinct id % 3), sum(price) from t group by k"),
    _.sql("select a.id, b.s from t a join t b on a.k = b.id where a.id > b.k"),
    _.sql("select id, row_number() over (partition by k order by id) r, sum(price) over (partition by k order by id) p from t"),
    _.sql("select id, explode(array(k, id)) x, cast(d as string) c, from_json(concat('{\"a\":', id, '}'), 'a int') j from t"),
    _.sql("select k from t union select id from t where id not in (select k from t) order by 1 limit 7"),
    spark => spark.table("t").select(udf((x: Long) => s"f$x").apply(col("id")), col("d") * 2),
    spark => spark.table("t").filter("k = 3").cache().filter("id > 10"))

  private lazy val input = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 200, 1, 3)
        .selectExpr("id", "id % 9 as k", "concat('n', id % 4) as s", "id / 7D as d", "cast(id as decimal(10,2)) / 3 as price")
        .write
        .parquet(s"$dir/t")
    }
    dir
  }

  private def rows(spark: SparkSession): Seq[Seq[String]] = {
    spark.read.parquet(s"$input/t").createOrReplaceTempView("t")
    try queries.map(query => ExactRows.of(query(spark)))
    finally spark.catalog.clearCache()
  }

  private def digest(settings: (String, String)*): Seq[Byte] = {
    val conf = new SQLConf
    settings.foreach { case (key, value) => conf.setConfString(key, value) }
    ConfDigest.of(conf).toSeq
  }

  test("the tables name every ignored key and prefix, and nothing that counts") {
    val keys = (ofSession ++ ofApplication).map(_._1)
    assert(keys.distinct == keys)
    assert(ConfDigest.IGNORED.asScala.toSet -- keys == Set.empty)
    assert(ConfDigest.IGNORED_PREFIXES.asScala.filterNot(prefix => keys.exists(_.startsWith(prefix))) == Nil)
    (ofSession ++ ofApplication).foreach { case (key, one, other) =>
      assert(digest(key -> one) == digest() && digest(key -> other) == digest(), key)
    }
  }

  test("settings of a session do not change rows") {
    val dir = input
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      val plain = rows(spark.newSession())
      assert(plain.forall(_.nonEmpty) && dir != null)
      ofSession.foreach { case (key, one, other) =>
        Seq(one, other).foreach { value =>
          val session = spark.newSession()
          session.conf.set(key, value)
          withClue(s"$key=$value: ")(assert(rows(session) == plain))
        }
      }
    }
  }

  test("settings of an application do not change rows") {
    val dir = input
    assert(dir != null)
    def all(value: ((String, String, String)) => String) =
      application(directory("unused"), (ofApplication.map(s => s._1 -> value(s)) :+ ("spark.diskcache.enabled" -> "false")): _*) { spark =>
        ofApplication.foreach(s => assert(spark.sparkContext.getConf.get(s._1) == value(s), s"${s._1} is set"))
        rows(spark)
      }
    assert(all(_._2) == all(_._3))
  }
}
