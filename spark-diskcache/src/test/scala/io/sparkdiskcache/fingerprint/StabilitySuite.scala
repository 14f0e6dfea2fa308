// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.{Files, Path}
import java.time.{Clock, Duration}

import scala.jdk.CollectionConverters._
import scala.util.Random

import io.sparkdiskcache.fingerprint.FingerprintResult.{Accepted, Refused}
import io.sparkdiskcache.harness.{NewJvm, SparkTestFiles, TpcdsTables, TpchTables}
import org.apache.spark.sql.{Dataset, Encoders, SparkSession}
import org.apache.spark.sql.classic
import org.apache.spark.sql.functions._
import org.scalatest.funsuite.AnyFunSuite

/** Queries as people write them, and TPC-H and TPC-DS: all have keys, and the same keys in other JVMs. */
class StabilitySuite extends AnyFunSuite with PlanFixture {
  override protected def beforeAll(): Unit = {
    super.beforeAll()
    Workload.write(spark, dir)
  }

  Seq("true", "false").foreach { adaptive =>
    Workload.names.foreach { name =>
      test(s"$name has a key, adaptive $adaptive") {
        withConf("spark.sql.adaptive.enabled" -> adaptive) {
          Workload.views(spark, dir)
          assert(keys(Workload.query(spark, name)) == keys(Workload.query(spark, name)))
        }
      }
    }
  }

  test("plans have the same keys in other JVMs") {
    assert(Workload.plans(seed).size == 100)
    val plans = Workload.sample(seed, count)
    val here = Workload.report(spark, dir, plans)
    assert(here.values.filter(_.isLeft) == Nil, "plans without keys")
    val chosen = if (count < 100) new Random(seed).shuffle(jvms).take(2) else jvms
    val started = chosen.zipWithIndex.map { case ((master, options), i) =>
      val out = dir.resolve(s"keys-$i")
      val process = NewJvm.start("io.sparkdiskcache.fingerprint.Workload",
        Seq(dir.toString, master, seed.toString, (seed + i).toString, out.toString, count.toString), withCache = true,
        log = dir.resolve(s"jvm-$i.log"), properties = Map("diskcache.sparkTests" -> SparkTestFiles.root.toString),
        jvmOptions = "-XX:+UnlockExperimentalVMOptions" +: options)
      (s"$master ${options.mkString(" ")}", process, out, dir.resolve(s"jvm-$i.log"))
    }
    started.foreach { case (jvm, process, out, log) =>
      val finished = NewJvm.await(process, jvm, log)
      assert(finished.exit == 0, finished.output.takeRight(3000))
      val there = Files.readAllLines(out).asScala.map(_.split("\t", 2)).map { case Array(name, keys) => name -> keys }.toMap
      assert(there.size == plans.size)
      plans.foreach(plan => assert(there(plan.name) == here(plan.name).merge, s"${plan.name} with $jvm"))
    }
    println(s"seed $seed: ${plans.size} plans have the same keys in ${chosen.size} other JVMs")
  }

  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261123L)
  private val count: Int = Integer.getInteger("diskcache.plans", 20)

  /**
   * Other cores, locales, and ways to make identity hash codes; each plans in an order of its own.
   * The JDK's immutable collections draw the seed of their order from the clock at every start.
   */
  private val jvms: Seq[(String, Seq[String])] = Seq(
    "local[1]" -> Seq("-XX:ActiveProcessorCount=1", "-XX:hashCode=2", "-Duser.language=tr", "-Duser.country=TR"),
    "local[2]" -> Seq("-XX:hashCode=0", "-Duser.language=de", "-Duser.country=CH", "-Dfile.encoding=ISO-8859-1"),
    "local[4]" -> Seq("-XX:ActiveProcessorCount=4", "-XX:hashCode=4", "-Duser.language=ar", "-Duser.country=EG"))
}

object Workload {
  private val sql: Seq[(String, String)] = Seq(
    "pricing summary" -> """select l_flag, sum(l_price) s, avg(l_price * (1 - l_disc)) a, count(*) c
       from lineitem where l_ship <= date'1998-09-02' - interval 90 days group by l_flag order by l_flag""",
    "shipping priority" -> """select l_order, sum(l_price * (1 - l_disc)) revenue, o_date
       from customer join orders on c_key = o_cust join lineitem on l_order = o_key
       where c_segment = 'S1' and o_date < date'1995-03-15' group by l_order, o_date
       order by revenue desc, o_date limit 10""",
    "order priority" -> """select o_prio, count(*) from orders
       where exists (select 1 from lineitem where l_order = o_key and l_ship > o_date)
       group by o_prio order by o_prio""",
    "large volume" -> """select c_key, o_key, sum(l_price) from customer join orders on c_key = o_cust
       join lineitem on o_key = l_order where o_key in
       (select l_order from lineitem group by l_order having sum(l_price) > 300) group by c_key, o_key""",
    "above average" -> """select c_key from customer where c_bal > (select avg(c_bal) from customer where c_bal > 0)
       and not exists (select 1 from orders where o_cust = c_key)""",
    "ranked" -> """select * from (select o_cust, o_key, row_number() over (partition by o_cust order by o_date) r,
       sum(o_key) over (partition by o_cust order by o_date rows between 2 preceding and current row) s from orders)
       where r <= 2""",
    "rollup of a union" -> """select grp, prio, count(distinct k) from
       (select o_prio prio, o_cust grp, o_key k from orders union all select 'x', c_key, c_key from customer)
       group by rollup(grp, prio)""",
    "set operations" -> "select o_cust from orders intersect select c_key from customer except select l_order from lineitem",
    "cte used twice" -> """with t as (select o_cust, count(*) n from orders group by o_cust)
       select a.o_cust from t a join t b on a.n = b.n and a.o_cust < b.o_cust""",
    "pivot" -> "select * from (select l_flag, l_disc, l_price from lineitem) pivot (sum(l_price) for l_flag in ('A', 'R'))",
    "nested data" -> """select k, v.x, filter(xs, x -> x > 1) f from (select l_order k, named_struct('x', l_price) v,
       array(l_order, l_disc) xs, map('a', l_flag) m from lineitem) lateral view explode(map_keys(m)) e as key""",
    "percentiles" -> "select percentile_approx(l_price, 0.5), collect_list(l_flag), max_by(l_flag, l_price) from lineitem",
    "full outer" -> "select * from orders full join customer on o_cust = c_key",
    "non-equal join" -> "select /*+ broadcast(customer) */ o_key from orders join customer on o_cust < c_key")

  private val typed: Seq[String] = Seq("typed map", "typed filter", "typed groups", "cogroup", "typed aggregate", "function", "reduce")

  def names: Seq[String] = sql.map(_._1) ++ typed

  def query(spark: SparkSession, name: String): Dataset[_] = sql.toMap.get(name) match {
    case Some(text) => spark.sql(text)
    case None =>
      val long = Encoders.scalaLong
      val ids = spark.table("orders").select("o_key").as[Long](long)
      name match {
        case "typed map" => ids.map((x: Long) => x + 1)(long)
        case "typed filter" => ids.filter((x: Long) => x > 1)
        case "typed groups" =>
          ids.groupByKey((x: Long) => x % 3)(long).mapGroups((k: Long, v: Iterator[Long]) => k + v.size)(long)
        case "cogroup" =>
          ids.groupByKey((x: Long) => x % 3)(long).cogroup(ids.groupByKey((x: Long) => x % 2)(long))(
            (k: Long, a: Iterator[Long], b: Iterator[Long]) => Iterator(k + a.size + b.size))(long)
        case "typed aggregate" => ids.groupByKey((x: Long) => x % 3)(long).count()
        case "reduce" => ids.groupByKey((x: Long) => x % 3)(long).reduceGroups((a: Long, b: Long) => a max b)
        case "function" => spark.table("orders").select(udf((x: Long) => "n" + x).apply(col("o_key")))
      }
  }

  def write(spark: SparkSession, dir: Path): Unit = {
    def save(name: String, columns: String*): Unit =
      spark.range(0, 60, 1, 2).selectExpr(columns: _*).write.parquet(dir.resolve(name).toString)
    save("customer", "id as c_key", "concat('S', id % 3) as c_segment", "cast(id - 20 as decimal(10,2)) as c_bal")
    save("orders", "id as o_key", "id % 20 as o_cust", "date_add(date'1995-01-01', cast(id as int)) as o_date", "concat('P', id % 5) as o_prio")
    save("lineitem", "id % 30 as l_order", "cast(id * 1.5 as double) as l_price", "id % 7 / 100 as l_disc",
      "if(id % 2 = 0, 'A', 'R') as l_flag", "date_add(date'1995-02-01', cast(id as int)) as l_ship")
  }

  def views(spark: SparkSession, dir: Path): Unit =
    Seq("customer", "orders", "lineitem").foreach(name =>
      spark.read.parquet(dir.resolve(name).toString).createOrReplaceTempView(name))

  /** The first `count` of the plans, in an order of the seed. */
  def sample(seed: Long, count: Int): Seq[Plan] = new Random(seed).shuffle(plans(seed)).take(count)

  /** A query of this object, of TPC-H or of TPC-DS, planned under two settings that change plans. */
  final case class Plan(source: String, query: String, adaptive: Boolean, broadcast: Boolean) {
    def name: String = s"$source $query, adaptive $adaptive, broadcast $broadcast"
  }

  def plans(seed: Long): Seq[Plan] = {
    val own = names.flatMap(name => Seq(true, false).map(adaptive => Plan("own", name, adaptive, broadcast = adaptive)))
    val others = TpchTables.queries.map("tpch" -> _._1) ++
      new Random(seed).shuffle(TpcdsTables.queries.map("tpcds" -> _._1)).take(36)
    own ++ others.zipWithIndex.map { case ((source, query), i) => Plan(source, query, i % 2 == 0, i % 3 == 0) }
  }

  /** By plan, its keys or why there are none. */
  def report(spark: SparkSession, dir: Path, plans: Seq[Plan]): Map[String, Either[String, String]] = {
    val sessions = Map("own" -> spark, "tpch" -> spark.newSession(), "tpcds" -> spark.newSession())
    views(spark, dir)
    TpchTables.emptyViews(sessions("tpch"), dir)
    TpcdsTables.emptyViews(sessions("tpcds"), dir)
    val options = FingerprintOptions.of("test").withClock(Clock.offset(Clock.systemUTC(), Duration.ofHours(1)))
    val texts = Map("tpch" -> TpchTables.queries.toMap, "tpcds" -> TpcdsTables.queries.toMap)
    plans.map { plan =>
      val session = sessions(plan.source)
      session.conf.set("spark.sql.adaptive.enabled", plan.adaptive)
      session.conf.set("spark.sql.autoBroadcastJoinThreshold", if (plan.broadcast) "10m" else "-1")
      val df: Dataset[_] = if (plan.source == "own") query(session, plan.query) else session.sql(texts(plan.source)(plan.query))
      val state = session.asInstanceOf[classic.SparkSession].sessionState
      val physical = df.asInstanceOf[classic.Dataset[_]].queryExecution.executedPlan
      plan.name -> (new PlanFingerprinter(FakeFunctions, new InputStats(options.settle, options.clock), options)
        .fingerprint(physical, state.conf, state.newHadoopConf()) match {
        case a: Accepted => Right(PlanFixture.keys(a).mkString(" ")).filterOrElse(_.nonEmpty, "no keys")
        case r: Refused => Left(r.refusal.toString)
      })
    }.toMap
  }

  /** Another JVM: input directory, master, seed of the choice, seed of the order, file for the keys, number. */
  def main(args: Array[String]): Unit = {
    val spark = PlanFixture.session(args(1), Map.empty)
    try {
      (1 to 7).foreach(i => spark.range(i).selectExpr("id + 1", "id * 2").schema)
      val keys = report(spark, Path.of(args(0)), new Random(args(3).toLong).shuffle(sample(args(2).toLong, args(5).toInt)))
      Files.write(Path.of(args(4)), keys.map { case (name, keys) => s"$name\t${keys.merge}" }.asJava)
    } finally spark.stop()
  }
}
