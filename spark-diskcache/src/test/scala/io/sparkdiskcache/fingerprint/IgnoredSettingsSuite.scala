// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import scala.jdk.CollectionConverters._
import scala.util.Random

import io.sparkdiskcache.harness.{Applications, ExactRows}
import org.apache.spark.sql.{classic, DataFrame, SparkSession}
import org.apache.spark.sql.execution.{FileSourceScanExec, SparkPlan}
import org.apache.spark.sql.execution.adaptive.{AdaptiveSparkPlanHelper, Cost, CostEvaluator, SimpleCost}
import org.apache.spark.sql.foreign.SettingsRegistry
import org.apache.spark.sql.functions._
import org.apache.spark.sql.internal.SQLConf
import org.scalatest.funsuite.AnyFunSuite

/**
 * No setting on the ignore list changes rows or schema. Settings of a session are tried one by one
 * against the default, and that of an ignored tree are all that Spark has registered below it.
 * Those that only an application can have are set together: in one application each to its first
 * value, in the other each to its second. Of the former a seeded sample is tried by default, all with
 * `-Ddiskcache.ignoredSettings=1000`.
 */
class IgnoredSettingsSuite extends AnyFunSuite with Applications {

  /** Values of settings that are no flags and no numbers, or whose default alone says little. */
  private val valuesOfSession: Map[String, Seq[String]] = Map(
    "spark.sql.autoBroadcastJoinThreshold" -> Seq("-1"),
    "spark.sql.defaultCacheStorageLevel" -> Seq("DISK_ONLY"),
    "spark.sql.dataset.queryExecution.id" -> Seq("1", "2"),
    "spark.sql.execution.id" -> Seq("1", "2"),
    "spark.sql.execution.query.id" -> Seq("1", "2"),
    "spark.sql.execution.root.id" -> Seq("1", "2"),
    "spark.sql.files.maxPartitionBytes" -> Seq("1500"),
    "spark.sql.files.maxPartitionNum" -> Seq("1"),
    "spark.sql.files.minPartitionNum" -> Seq("9"),
    "spark.sql.files.openCostInBytes" -> Seq("1"),
    "spark.sql.leafNodeDefaultParallelism" -> Seq("1", "5"),
    "spark.sql.shuffle.partitions" -> Seq("1", "7"),
    "spark.sql.adaptive.advisoryPartitionSizeInBytes" -> Seq("100"),
    "spark.sql.adaptive.autoBroadcastJoinThreshold" -> Seq("-1"),
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum" -> Seq("9"),
    "spark.sql.adaptive.coalescePartitions.minPartitionNum" -> Seq("9"),
    "spark.sql.adaptive.customCostEvaluatorClass" -> Seq(classOf[DearShuffles].getName),
    "spark.sql.adaptive.logLevel" -> Seq("TRACE"),
    "spark.sql.adaptive.optimizer.excludedRules" -> Seq(
      "org.apache.spark.sql.execution.adaptive.AQEPropagateEmptyRelation," +
        "org.apache.spark.sql.execution.adaptive.DynamicJoinSelection"),
    "spark.sql.codegen.factoryMode" -> Seq("CODEGEN_ONLY", "NO_CODEGEN"),
    "spark.sql.codegen.logLevel" -> Seq("TRACE"),
    "spark.sql.codegen.maxFields" -> Seq("1"),
    "spark.sql.inMemoryColumnarStorage.batchSize" -> Seq("3"),
    "spark.sql.planChangeLog.batches" -> Seq("LocalRelation"),
    "spark.sql.planChangeLog.level" -> Seq("DEBUG"),
    "spark.sql.planChangeLog.rules" -> Seq("org.apache.spark.sql.catalyst.optimizer.ColumnPruning"),
    "spark.sql.streaming.checkpointLocation" -> Seq("nowhere"),
    "spark.sql.streaming.commitProtocolClass" -> Seq("none"),
    "spark.sql.streaming.disabledV2MicroBatchReaders" -> Seq("none"),
    "spark.sql.streaming.disabledV2Writers" -> Seq("none"),
    "spark.sql.streaming.internal.stateStore.partitions" -> Seq("3"),
    "spark.sql.streaming.multipleWatermarkPolicy" -> Seq("max"),
    "spark.sql.streaming.sessionWindow.stateFormatVersion" -> Seq("1"),
    "spark.sql.streaming.stateStore.compression.codec" -> Seq("zstd"),
    "spark.sql.streaming.stateStore.encodingFormat" -> Seq("avro"),
    "spark.sql.streaming.stateStore.providerClass" -> Seq("none"),
    "spark.sql.thriftServer.interruptOnCancel" -> Seq("false"),
    "spark.sql.ui.explainMode" -> Seq("simple", "codegen"),
    "spark.connect.session.id" -> Seq("one", "two"),
    "spark.job.description" -> Seq("one", "two"),
    "spark.jobGroup.id" -> Seq("one", "two"),
    "spark.rdd.scope" -> Seq("{\"id\":\"1\",\"name\":\"one\"}"),
    "spark.rdd.scope.noOverride" -> Seq("true", "false"),
    "spark.stage.name" -> Seq("one", "two"))

  /** Settings that must show in the plans, or this suite tries nothing. */
  private val seenInPlans = Seq(
    "spark.sql.autoBroadcastJoinThreshold",
    "spark.sql.shuffle.partitions",
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.adaptive.enabled",
    "spark.sql.codegen.wholeStage",
    "spark.sql.codegen.maxFields")

  /** Read by streaming queries, user interfaces and logs only, or names of what runs: tried together. */
  private val together = Seq("spark.sql.repl.", "spark.sql.streaming.", "spark.sql.thriftServer.", "spark.sql.ui.", "spark.sql.planChangeLog.",
    "spark.sql.dataset.", "spark.sql.execution.", "spark.connect.", "spark.job", "spark.rdd.", "spark.stage.")

  private val ofApplication: Seq[(String, String, String)] = Seq(
    ("spark.master", "local[1]", "local[3]"),
    ("spark.cores.max", "1", "4"),
    ("spark.default.parallelism", "2", "5"),
    ("spark.executorEnv.PYTHONHASHSEED", "1", "2"),
    ("spark.plugins", "", "io.sparkdiskcache.DiskCachePlugin"),
    ("spark.rdd.compress", "true", "false"),
    ("spark.serializer.objectStreamReset", "1", "100"),
    ("spark.sql.cache.serializer",
      "org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer",
      "org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer"),
    ("spark.sql.warehouse.dir", directory("one").toString, directory("two").toString),
    ("spark.sql.codegen.cache.maxEntries", "1", "1000"),
    ("spark.sql.codegen.comments", "true", "false"),
    ("spark.sql.ui.retainedExecutions", "1", "100"),
    ("spark.acls.enable", "false", "true"),
    ("spark.admin.acls", "a", "b"),
    ("spark.airflow.dag_run_id", "a", "b"),
    ("spark.databricks.clusterUsageTags.clusterId", "a", "b"),
    ("spark.databricks.env.name", "a", "b"),
    ("spark.databricks.job.runId", "1", "2"),
    ("spark.databricks.notebook.id", "1", "2"),
    ("spark.databricks.workspace.id", "1", "2"),
    ("spark.databricks.workspaceUrl", "a", "b"),
    ("spark.datahub.run.id", "a", "b"),
    ("spark.dataproc.job.id", "a", "b"),
    ("spark.emr-containers.job.id", "a", "b"),
    ("spark.emr-serverless.job.id", "a", "b"),
    ("spark.emr.job.id", "a", "b"),
    ("spark.extraListeners", "", ""),
    ("spark.livy.session.id", "1", "2"),
    ("spark.openlineage.parentRunId", "a", "b"),
    ("spark.sql.queryExecutionListeners", "", ""),
    ("spark.app.name", "one", "two"),
    ("spark.archives", "", ""),
    ("spark.authenticate", "false", "true"),
    ("spark.blockManager.port", "0", "0"),
    ("spark.broadcast.blockSize", "1m", "4m"),
    ("spark.broadcast.compress", "true", "false"),
    ("spark.cleaner.periodicGC.interval", "10min", "30min"),
    ("spark.decommission.enabled", "false", "true"),
    ("spark.deploy.recoveryMode", "NONE", "FILESYSTEM"),
    ("spark.driver.maxResultSize", "100m", "1g"),
    ("spark.driver.memory", "1g", "2g"),
    ("spark.dynamicAllocation.minExecutors", "1", "2"),
    ("spark.eventLog.compress", "false", "true"),
    ("spark.executor.memory", "1g", "2g"),
    ("spark.executor.heartbeatInterval", "5s", "10s"),
    ("spark.files", "", ""),
    ("spark.files.maxPartitionBytes", "1000", "100000"),
    ("spark.history.ui.port", "1", "2"),
    ("spark.jars", "", ""),
    ("spark.kubernetes.namespace", "a", "b"),
    ("spark.local.x", "a", "b"),
    ("spark.locality.wait", "0s", "3s"),
    ("spark.log.callerContext", "a", "b"),
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
    ("spark.shuffle.spill.numElementsForceSpillThreshold", "10", "1000000"),
    ("spark.speculation", "false", "true"),
    ("spark.speculation.interval", "10ms", "1s"),
    ("spark.ssl.enabled", "false", "false"),
    ("spark.standalone.submit.waitAppCompletion", "false", "true"),
    ("spark.storage.memoryMapThreshold", "1m", "2m"),
    ("spark.submit.deployMode", "client", "client"),
    ("spark.task.maxFailures", "1", "4"),
    ("spark.ui.showConsoleProgress", "false", "false"),
    ("spark.yarn.queue", "a", "b"))

  /** Compiling costs more than these few rows; where code is what is tried, it is compiled. */
  private val interpreted =
    Seq("spark.sql.codegen.wholeStage" -> "false", "spark.sql.codegen.factoryMode" -> "NO_CODEGEN")

  private val compiled = "spark.sql.codegen."

  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261123L)
  private val sample: Int = Integer.getInteger("diskcache.ignoredSettings", 4)

  private val noCache = "spark.diskcache.enabled" -> "false"

  private def ignored(key: String): Boolean = ConfDigest.IGNORED.contains(key) ||
    ConfDigest.IGNORED_TREES.asScala.exists(tree => key == tree || key.startsWith(tree + "."))

  /** Every ignored setting that a session may have, with the values that are tried. */
  private lazy val tried: Seq[(String, Seq[String])] = {
    val registered = SettingsRegistry.modifiable.filter(ignored).filterNot(ConfDigest.COUNTED.contains)
    (registered ++ valuesOfSession.keys).distinct.sorted.map(key => key -> valuesOfSession.getOrElse(key, SettingsRegistry.other(key).toSeq))
  }

  private lazy val input: String = {
    val dir = directory("input")
    application(directory("unused"), interpreted :+ noCache: _*) { spark =>
      spark.range(0, 60, 1, 2)
        .selectExpr("id", "id % 9 as k", "if(id % 11 = 0, null, concat('n', id % 4)) as s", "id / 4D as d",
          "cast(id as decimal(10,2)) / 3 as price")
        .write.parquet(s"$dir/t")
      // Few lines: the parser takes a megabyte for each.
      spark.range(0, 6, 1, 1).selectExpr("id * 3 as id", "concat(id, '-', id % 5) as s").write.csv(s"$dir/csv")
    }
    dir.toString
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(input.nonEmpty)
  }

  /** Sums of doubles are exact here, whatever their order. */
  private val queries: Seq[SparkSession => DataFrame] = Seq(
    // Scan, filter, projection, parsing, generation, functions, text of wide values.
    spark => spark.table("t").filter("k < 5 and t.s like 'n%'")
      .select(col("id"), udf((x: Long) => s"f$x").apply(col("id")), col("d") * 2, explode(array(col("k"), col("id"))),
        expr("cast(d as string)"), expr("from_json(concat('{\"a\":', id, '}'), 'a int')"),
        expr(s"typeof(named_struct(${(1 to 40).map(i => s"'c$i', k").mkString(",")}))"),
        struct((1 to 40).map(i => col("k") + i): _*)),
    // Joins, aggregates with and without keys, subqueries, sorts, limits.
    _.sql("""select a.k, count(distinct a.id % 3), sum(a.d), max(b.s), min(a.price)
      from t a join t b on a.k = b.id left join c on c.id = a.id where a.id > (select avg(k) from t)
      group by cube(a.k, a.s) order by 1 desc nulls last, 2, 3, 4 limit 9"""),
    // Windows, set operations, full outer and anti joins, a broadcast, a rebalance.
    _.sql("""select /*+ rebalance(id) */ x.id, r, p, y.k from
      (select id, k, row_number() over (partition by k order by id) r, sum(price) over (partition by k order by id) p from t) x
      full join (select /*+ merge */ k from t union select id from range(0, 30, 1, 1)) y on x.id = y.k
      where x.id is null or x.id not in (select id + 50 from range(5))"""),
    // A cached relation, read in columns and with pruning of batches.
    _.table("t").filter("k <> 3").select("id", "s", "d").cache().filter("id > 10 and s > 'n1'"))

  /** Rows and schema of all queries, and the nodes of their plans with numbers of partitions. */
  private def run(spark: SparkSession): (Seq[Seq[String]], String) =
    try {
      val results = queries.map { query =>
        val df = query(spark)
        val rows = ExactRows.of(df)
        val plan = df.asInstanceOf[classic.DataFrame].queryExecution.executedPlan
        (df.schema.json +: rows, described(plan))
      }
      (results.map(_._1), results.map(_._2).mkString("\n"))
    } finally spark.catalog.clearCache()

  private def described(plan: SparkPlan): String = Plans.collect(plan) {
    case scan: FileSourceScanExec => s"${scan.nodeName} ${scan.inputRDD.getNumPartitions}"
    case node => s"${node.getClass.getSimpleName} ${node.outputPartitioning.numPartitions}"
  }.mkString("\n")

  private object Plans extends AdaptiveSparkPlanHelper

  private def views(spark: SparkSession): Unit = {
    spark.read.parquet(s"$input/t").createOrReplaceTempView("t")
    spark.read.schema("id bigint, s string").csv(s"$input/csv").createOrReplaceTempView("c")
  }

  private def digest(settings: (String, String)*): Seq[Byte] = {
    val conf = new SQLConf
    settings.foreach { case (key, value) => conf.setConfString(key, value) }
    ConfDigest.of(conf).toSeq
  }

  test("every ignored setting is tried with values, and none of them is in the digest") {
    val values = tried ++ ofApplication.map { case (key, one, other) => key -> Seq(one, other) }
    assert(values.filter(_._2.isEmpty) == Nil, "settings without a value to try")
    val keys = values.map(_._1)
    assert(keys.distinct == keys)
    assert(ConfDigest.IGNORED.asScala.toSet -- keys == Set.empty)
    assert(ConfDigest.IGNORED_TREES.asScala.filterNot(tree => keys.exists(k => k == tree || k.startsWith(tree + "."))) == Nil)
    for ((key, some) <- values; value <- some) {
      assert(digest(key -> value) == digest(), s"$key=$value")
    }
  }

  private def ofSession(settings: (String, String)*): Seq[Byte] = {
    val conf = new SQLConf
    settings.foreach { case (key, value) => conf.setConfString(key, value) }
    ConfDigest.ofSession(conf).toSeq
  }

  test("keys outside of spark. that no code reads are no part of the digest, others are") {
    val plain = ofSession()
    for (key <- Seq("airflow.ctx.dag_run_id", "openlineage.run.id", "run_id", "dbt.invocation_id", "my.team.job",
        "kubernetes.pod.uid", "prefect.flow", "mlflow.runId", "notebook", "de.acme.batch")) {
      assert(ofSession(key -> "1") == plain, key)
    }
    for (key <- Seq("parquet.filter.dictionary.enabled", "orc.schema.evolution.case.sensitive", "io.file.buffer.size",
        "mapreduce.input.fileinputformat.split.maxsize", "textinputformat.record.delimiter", "fs.s3a.endpoint",
        "dfs.client.use.datanode.hostname", "hive.exec.orc.skip.corrupt.data", "avro.mapred.ignore.inputs.without.extension",
        "hadoop.tmp.dir", "seq.io.sort.mb", "sparkling.water")) {
      assert(ofSession(key -> "1") != plain, key)
    }
  }

  test("settings that the user names are ignored, unless rows are computed with them") {
    val named = IgnoredSettings.KEY -> "spark.acme.runId, spark.team.*, spark.x.*.id"
    val plain = digest(named)
    for (key <- Seq("spark.acme.runId", "spark.team.a", "spark.team.b.c", "spark.x.job.id"))
      assert(digest(named, key -> "1") == plain, key)
    for (key <- Seq("spark.acme.runIds", "spark.acme", "spark.teams", "spark.x.job.name"))
      assert(digest(named, key -> "1") != plain, key)
    for (bad <- Seq("*", "spark.*", "spark.sql.*", "spark.sql.ansi.enabled", "spark.s*", "spark.hadoop.fs.x", "spark.files.*",
        "spark.executorEnv.TZ", "*.runId", "parquet.*", "p*", "spark.diskcache.precision", "spark.python.*",
        "spark.driver.extraJavaOptions")) {
      val error = intercept[IllegalArgumentException](IgnoredSettings.parse(s"spark.acme.x,$bad"))
      assert(error.getMessage.contains(s"'$bad'") && error.getMessage.contains(IgnoredSettings.KEY), error)
      // Set behind the back of the application, it costs hits.
      val late = IgnoredSettings.KEY -> bad
      assert(digest(late, "spark.sql.caseSensitive" -> "true") != digest(late), bad)
    }
    val stopped = intercept[IllegalArgumentException](application(
      directory("bad-patterns"),
      IgnoredSettings.KEY -> "spark.sql.*",
      "spark.plugins" -> "io.sparkdiskcache.DiskCachePlugin")(_ => ()))
    assert(stopped.getMessage.contains("spark.sql.*"), stopped)
  }

  test("a run id that is named, and one outside of spark., leave hits") {
    val cache = directory("run-ids")
    def again(run: Int): (Long, Long) = application(cache,
      (interpreted ++ Seq(IgnoredSettings.KEY -> "spark.acme.*", "spark.acme.run" -> s"$run",
        "spark.openlineage.parentRunId" -> s"$run", "spark.emr-serverless.job.id" -> s"$run")): _*) { spark =>
      spark.conf.set("airflow.ctx.run_id", s"$run")
      spark.conf.set("spark.sql.repl.eagerEval.maxNumRows", s"${run + 10}")
      spark.read.parquet(s"$input/t").filter("k < 4").cache().count()
      (stats(spark).hits, stats(spark).computed)
    }
    assert(again(1)._2 > 0)
    val (hits, computed) = again(2)
    assert(hits > 0 && computed == 0)
  }

  Seq(false, true).foreach { code =>
    test(s"settings of a session do not change rows, ${if (code) "compiled" else "interpreted"}") {
      val base = if (code) Nil else interpreted
      application(directory("unused"), base ++ Seq(noCache, "spark.sql.shuffle.partitions" -> "2"): _*) { spark =>
        spark.sparkContext.setLogLevel("OFF") // some settings are levels of logging
        views(spark)
        val changed = changedPlans(spark, tried.filter(_._1.startsWith(compiled) == code))
        println(s"settings that changed a plan: ${changed.mkString(", ")}")
        val seen = seenInPlans.filter(_.startsWith(compiled) == code)
        assert(seen.exists(changed) && (sample < tried.size || seen.forall(changed)), "settings that changed no plan")
      }
    }
  }

  /** Asserts the same rows under every value; the settings that changed a plan. */
  private def changedPlans(spark: SparkSession, tried: Seq[(String, Seq[String])]): Set[String] = {
    val (expected, plan) = run(spark)
    assert(expected.forall(_.size > 5))
    assert(run(spark)._2 == plan, "plans that tell settings apart")
    var changed = Set.empty[String]
    def under(settings: (String, String)*): Unit = {
      val conf = spark.asInstanceOf[classic.SparkSession].sessionState.conf
      val before = settings.map { case (key, _) => key -> Option(conf.getAllConfs.getOrElse(key, null)) }
      settings.foreach { case (key, value) => conf.setConfString(key, value) }
      try withClue(s"${settings.take(3).mkString(", ")}: ") {
        val (rows, other) = run(spark)
        rows.zip(expected).foreach { case (a, b) => assert(a == b) }
        if (other != plan) changed ++= settings.map(_._1)
      } finally before.foreach {
        case (key, Some(value)) => conf.setConfString(key, value)
        case (key, None) => conf.unsetConf(key)
      }
    }
    val (atOnce, single) = tried.partition { case (key, _) => together.exists(key.startsWith) }
    if (atOnce.nonEmpty) {
      under(atOnce.map { case (key, values) => key -> values.head }: _*)
      under(atOnce.map { case (key, values) => key -> values.last }: _*)
    }
    val (mustShow, others) = single.partition(setting => seenInPlans.contains(setting._1))
    val chosen = mustShow.take(2) ++ new Random(seed).shuffle(mustShow.drop(2) ++ others).take(sample - 2)
    println(s"seed $seed: ${chosen.size} of ${single.size} settings one by one, ${atOnce.size} together")
    for ((key, values) <- chosen; value <- values) under(key -> value)
    changed
  }

  test("settings of an application do not change rows") {
    def all(value: ((String, String, String)) => String) =
      application(directory("unused"), (ofApplication.map(s => s._1 -> value(s)) ++ interpreted) :+ noCache: _*) { spark =>
        ofApplication.foreach(s => assert(spark.sparkContext.getConf.get(s._1) == value(s), s"${s._1} is set"))
        views(spark)
        run(spark)._1
      }
    assert(all(_._2) == all(_._3))
  }
}

/** Another opinion on plans than Spark's own. */
class DearShuffles extends CostEvaluator {
  override def evaluateCost(plan: SparkPlan): Cost = SimpleCost(-plan.collectLeaves().size.toLong)
}
