// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.{Files, Paths}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.fingerprint.Refusal.Code._
import io.sparkdiskcache.harness.ForeignFormat
import org.apache.spark.sql.{DataFrame, Dataset, Encoders, Observation}
import org.apache.spark.sql.catalyst.encoders.OuterScopes
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** Plans that must never get a key, and the reason that is given. */
class RefusalSuite extends AnyFunSuite with PlanFixture {
  private lazy val t: String = path("t")

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark.range(0, 100).selectExpr("id", "id % 10 as k", "cast(id as string) as s").write.parquet(t)
    rt.createOrReplaceTempView("t")
  }

  private def rt: DataFrame = spark.read.parquet(t)
  private def s(text: String): () => DataFrame = () => rt.selectExpr(text)

  private val cases: Seq[(String, Refusal.Code, () => Dataset[_])] = Seq(
    ("rand", NON_DETERMINISTIC, s("rand(42)")),
    ("randn", NON_DETERMINISTIC, s("randn(42)")),
    ("uuid", NON_DETERMINISTIC, s("uuid()")),
    ("shuffle", NON_DETERMINISTIC, s("shuffle(array(id, k))")),
    ("randstr", NON_DETERMINISTIC, s("randstr(5)")),
    ("uniform", NON_DETERMINISTIC, s("uniform(1, 10)")),
    ("monotonically increasing id", NON_DETERMINISTIC, s("monotonically_increasing_id()")),
    ("partition id", NON_DETERMINISTIC, s("spark_partition_id()")),
    ("input file name", NON_DETERMINISTIC, s("input_file_name()")),
    ("input block", NON_DETERMINISTIC, s("input_file_block_start()")),
    ("java_method", NON_DETERMINISTIC, s("java_method('java.lang.System', 'nanoTime')")),
    ("random vector of aes_encrypt", NON_DETERMINISTIC, s("aes_encrypt(s, '0000111122223333')")),
    ("rand in a filter", NON_DETERMINISTIC, () => rt.filter("rand() < 0.5")),
    ("rand below an aggregate", NON_DETERMINISTIC, () => rt.groupBy(rand(3) > 0.5).count()),
    ("rand in a subquery", NON_DETERMINISTIC, () => sql("select * from t where id > (select max(r) from (select rand() as r from t))")),
    ("rand in a broadcast side", NON_DETERMINISTIC, () => rt.join(broadcast(rt.withColumn("r", rand(1))), "id")),
    ("sample", NON_DETERMINISTIC, () => rt.sample(0.5, 42)),
    ("non-deterministic function", NON_DETERMINISTIC, () => rt.select(udf((x: Long) => x + 1).asNondeterministic().apply(col("id")))),
    ("split positions below a shuffle", NON_DETERMINISTIC, () => rt.groupBy("_metadata.file_block_start").count()),
    ("RDD of rows", SOURCE, () => spark.createDataFrame(rt.rdd, rt.schema)),
    ("RDD of objects", SOURCE, () => spark.createDataset(rt.sparkSession.sparkContext.parallelize(Seq(1, 2)))(Encoders.scalaInt)),
    ("checkpoint", SOURCE, () => rt.localCheckpoint()),
    ("v2 scan", SOURCE, () => withConf("spark.sql.sources.useV1SourceList" -> "")(planned(spark.read.parquet(t)))),
    ("foreign format", SOURCE, () => spark.read.format(ForeignFormat.name).load(t)),
    ("schema file of XML", SOURCE, () => spark.read.format("xml").schema("a int").option("rowTag", "r")
      .option("rowValidationXSDPath", "/tmp/x.xsd").load(t)),
    ("observe", SIDE_EFFECT, () => rt.observe(Observation("o"), count(lit(1)))),
    ("foreign expression in Spark's package", EXPRESSION, () => rt.select(org.apache.spark.sql.foreign.Foreign.of(col("id")))),
    ("schema file of an XML parser", SOURCE, s("from_xml(s, 'a int', map('rowValidationXSDPath', '/tmp/x.xsd'))")),
    ("random sketch", NON_DETERMINISTIC, s("kll_sketch_agg_bigint(id)")),
    ("kryo objects", EXPRESSION, () => rt.select("id").as[Long](Encoders.scalaLong).map((x: Long) => List(x))(Encoders.kryo[List[Long]])),
    ("function over an array below a shuffle", FUNCTION_STATE, () => overArray(rt).groupBy("f").count()),
    ("function over an array in a broadcast side", FUNCTION_STATE, () => rt.join(broadcast(overArray(rt)), col("id") === col("f"))),
    ("function over an array in a subquery", FUNCTION_STATE, () => { overArray(rt).createOrReplaceTempView("fs"); sql("select * from t where id > (select max(f) from fs)") }),
    ("function over an array in a sort", FUNCTION_STATE, () => { val a = Array(1); rt.orderBy(udf((x: Long) => x + a(0)).apply(col("id"))) }))

  private def overArray(df: DataFrame): DataFrame = { val a = Array(1); df.select(udf((x: Long) => x + a(0)).apply(col("id")).as("f")) }

  test("a function over an array in the tasks of the relation: to be proven there") {
    val proofs = accepted(fingerprint(plan(overArray(rt)))).functions
    assert(proofs.size == 1 && proofs.get(0).isStateful)
    val above = accepted(fingerprint(plan(overArray(rt.groupBy("id").count())))).functions
    assert(above.size == 1 && above.get(0).isStateful)
  }

  test("classes inside an object: accepted, unless they look at it") {
    val around = new Around(3)
    OuterScopes.addOuterScope(around)
    val pairs = rt.select("id", "k")
    val alone = pairs.as[around.Alone](Encoders.product[around.Alone])
    def hashed(query: Dataset[_]): FingerprintResult =
      fingerprint(plan(query), functions = new CodeHasher(getClass.getClassLoader))
    assert(accepted(hashed(alone.map((p: around.Alone) => p.id + p.k)(Encoders.scalaLong))).chunks.size > 0)
    val looking = pairs.as[around.Looking](Encoders.product[around.Looking])
    hashed(looking.map((p: around.Looking) => p.more)(Encoders.scalaLong)) match {
      case r: FingerprintResult.Refused =>
        assert(r.refusal.code == FUNCTION && r.refusal.sentence.contains("reads the state of"), r.refusal)
      case accepted => fail("expected a refusal, got " + accepted)
    }
  }

  private def planned(query: DataFrame): DataFrame = { plan(query); query }

  cases.foreach { case (name, code, query) =>
    test(name) {
      val refusal = refused(query())
      assert(refusal.code == code, refusal)
      assert(refusal.sentence.nonEmpty && refusal.place.nonEmpty, refusal)
    }
  }

  test("ignoring corrupt or missing files, by setting and by option") {
    Seq("ignoreCorruptFiles", "ignoreMissingFiles").foreach { key =>
      withConf("spark.sql.files." + key -> "true")(assert(refused(rt).code == CONF))
      assert(refused(spark.read.option(key.toUpperCase, "TRUE").parquet(t)).code == CONF)
      assert(keys(spark.read.option(key, "false").parquet(t)).nonEmpty)
    }
  }

  test("a cached relation below, unless its key is known") {
    val cached = rt.filter("k > 1").cache()
    try {
      val above = cached.filter("k > 2")
      assert(refused(above).code == SOURCE)
      def withKey(key: Byte) = accepted(
        fingerprint(plan(above), options.withNested(_ => java.util.Optional.of(Array(key)))))
      assert(withKey(1).planClass == PlanClass.RUN_BOUND)
      assert(hex(withKey(1).function) != hex(withKey(2).function))
    } finally cached.unpersist()
  }

  test("a file that is younger than the settle window concerns its own chunks only") {
    val young = options.withClock(java.time.Clock.systemUTC()).withSettle(java.time.Duration.ofDays(1))
    val rowLocal = accepted(fingerprint(plan(rt), young))
    assert(!rowLocal.settled && rowLocal.chunks.asScala.forall(!_.settled))
    assert(!accepted(fingerprint(plan(rt.sortWithinPartitions("k")), young)).settled)
    Seq(rt.groupBy("k").count(), rt.union(rt), rt.filter("id > (select max(id) from t)")).foreach { query =>
      fingerprint(plan(query), young) match {
        case r: FingerprintResult.Refused => assert(r.refusal.code == INPUT_UNSETTLED, r)
        case a: FingerprintResult.Accepted => fail(a.toString)
      }
    }
    withConf("spark.sql.adaptive.enabled" -> "false") {
      fingerprint(plan(rt.join(broadcast(rt.select("id")), "id")), young) match {
        case r: FingerprintResult.Refused => assert(r.refusal.code == INPUT_UNSETTLED, r)
        case a: FingerprintResult.Accepted => fail(a.toString)
      }
    }
  }

  test("a file replaced after it was listed") {
    val p = path("replaced")
    spark.range(10).coalesce(1).write.parquet(p)
    val query = spark.read.parquet(p)
    assert(keys(query).nonEmpty)
    spark.range(1000).coalesce(1).write.mode("overwrite").parquet(p)
    assert(refused(query).code == INPUT_UNREADABLE)
  }

  test("a file deleted after it was listed") {
    val p = path("deleted")
    spark.range(10).coalesce(1).write.parquet(p)
    val query = spark.read.parquet(p)
    query.queryExecution.executedPlan
    PlanFixture.delete(Paths.get(p))
    assert(!Files.exists(Paths.get(p)))
    assert(refused(query).code == INPUT_UNREADABLE)
  }

  test("an error inside the walk is a refusal with its place") {
    val failing = new FunctionIdentity {
      override def hash(function: AnyRef, place: String): CodeIdentity =
        throw new IllegalStateException("broken")
      override def hashClass(c: Class[_], place: String): CodeIdentity = hash(c, place)
    }
    val query = rt.select(udf((x: Long) => x + 1).apply(col("id")))
    fingerprint(plan(query), options, failing) match {
      case r: FingerprintResult.Refused =>
        assert(r.refusal.code == INTERNAL && r.refusal.sentence.contains("broken"), r)
        assert(r.refusal.place.contains("Project"), r)
      case a: FingerprintResult.Accepted => fail(a.toString)
    }
  }
}

/** An object that classes of rows are defined in. */
class Around(val state: Long) {
  case class Alone(id: Long, k: Long)
  case class Looking(id: Long, k: Long) {
    def more: Long = id + state
  }
}
