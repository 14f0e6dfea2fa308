// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.{Files, Path, StandardCopyOption}
import java.nio.file.attribute.FileTime
import java.util.Base64

import scala.collection.mutable
import scala.jdk.CollectionConverters._
import scala.util.{Random, Try}

import io.sparkdiskcache.harness.{ExactRows, NewJvm, TpchTables}
import org.apache.spark.sql.{classic, SparkSession}
import org.scalatest.funsuite.AnyFunSuite

/**
 * Pairs of a query and the same query changed in one place, over TPC-H and a table of awkward
 * values. Whenever the rows differ the keys must; the same query written otherwise, or planned in
 * another session or JVM, must have the same keys.
 *
 * A seeded sample by default; `-Ddiskcache.mutations=2500` makes the full run.
 */
class MutationSuite extends AnyFunSuite with PlanFixture {
  import MutationSuite._

  private val pairs: Int = Integer.getInteger("diskcache.mutations", 60)
  private val seed: Long = java.lang.Long.getLong("diskcache.seed", 20261123L)
  private val random = new Random(seed)

  override protected lazy val spark: SparkSession = PlanFixture.session("local[2]", confs)
  private lazy val printed = mutable.LinkedHashMap[String, Seq[String]]()
  private val counts = mutable.Map[String, Counts]()
  private val memo = mutable.Map[String, Option[Outcome]]()

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark.sparkContext.setLogLevel("OFF") // queries that fail are part of it
    TpchTables.write(spark, dir, 0.001)
    MutationQueries.write(spark, dir)
    views(spark, dir)
  }

  private lazy val queries: Seq[(String, String)] = MutationQueries.queries ++ TpchTables.queries

  test("different rows have different keys, the same query has the same keys") {
    var made = 0
    var attempts = 0
    while (made < pairs && attempts < pairs * 4) {
      attempts += 1
      val (_, sql) = queries(random.nextInt(queries.size))
      if (pair(sql)) made += 1
    }
    report(made)
    assert(made == pairs, s"only $made pairs could be made, seed $seed")
    assert(counts.values.map(_.falseHits).sum == 0)
    assert(counts.values.map(_.sameMissed).sum == 0)
    assert(counts.values.map(_.differ).sum > pairs / 3, "the changes change rows")
    assert(counts.values.map(_.refused).sum <= pairs / 20, "the queries are cacheable")
  }

  test("another JVM has the same keys") {
    assert(printed.nonEmpty)
    val texts = random.shuffle(printed.keys.toSeq).take(math.max(40, pairs / 5))
    val in = dir.resolve("queries.txt")
    val encoder = Base64.getEncoder
    Files.write(in, texts.map(sql => encoder.encodeToString(sql.getBytes("UTF-8"))).asJava)
    val out = dir.resolve("keys.txt")
    val finished = NewJvm.run("io.sparkdiskcache.fingerprint.MutationSuite", Seq(dir.toString, in.toString, out.toString),
      withCache = true, log = dir.resolve("jvm.log"), properties = Map("diskcache.sparkTests" -> io.sparkdiskcache.harness.SparkTestFiles.root.toString),
      jvmOptions = Seq("-XX:+UnlockExperimentalVMOptions", "-XX:hashCode=2"))
    assert(finished.exit == 0, finished.output.takeRight(3000))
    val there = Files.readAllLines(out).asScala
    assert(there.size == texts.size)
    texts.zip(there).foreach { case (sql, keys) => assert(keys == printed(sql).mkString(" "), sql) }
    println(s"${texts.size} queries have the same keys in another JVM")
  }

  /** Makes one pair; false if the changed query is none. */
  private def pair(sql: String): Boolean = random.nextInt(100) match {
    case n if n < 70 =>
      val mutants = Mutations.all(sql)
      mutants.nonEmpty && compared(sql, mutants(random.nextInt(mutants.size)))
    case n if n < 80 => compared(sql, Mutations.rewritten(sql, random))
    case n if n < 84 =>
      outcome(sql).exists { base =>
        val other = spark.newSession()
        views(other, dir)
        count(Mutant("same: another session", sql, same = true), base, Outcome(base.rows, keysOf(other, sql)))
        true
      }
    case n if n < 91 =>
      val (key, one, other, shows) = MutationQueries.settings(random.nextInt(MutationQueries.settings.size))
      val query = if (random.nextInt(3) == 0) sql else shows
      val results = Seq(one, other).map(value => withConf(key -> value)(outcome(query, key + value)))
      both(Mutant("setting", query), results)
    case n if n < 95 =>
      val (_, sqlOfFunction) = queries.find(_._2.contains("fun(")).get
      val chosen = random.nextInt(MutationFunctions.all.size)
      val base = outcome(sqlOfFunction)
      spark.udf.register("fun", MutationFunctions.all(chosen)())
      val changed =
        try outcome(sqlOfFunction, s"function $chosen")
        finally spark.udf.register("fun", MutationFunctions.captured(1))
      both(Mutant("function body or capture", sqlOfFunction), Seq(base, changed))
    case _ => files(MutationQueries.queries(random.nextInt(MutationQueries.queries.size))._2)
  }

  private def compared(sql: String, mutant: Mutant): Boolean =
    both(mutant, Seq(outcome(sql), outcome(mutant.sql)))

  private def both(mutant: Mutant, results: Seq[Option[Outcome]]): Boolean = results match {
    case Seq(Some(one), Some(other)) => count(mutant, one, other); true
    case _ => false
  }

  /** The tables' files: one more, one replaced, one gone, one touched. */
  private def files(sql: String): Boolean = {
    val copy = Files.createTempDirectory(dir, "copy")
    Seq("s", "r").foreach { table =>
      Files.createDirectory(copy.resolve(table))
      list(dir.resolve(table)).foreach(file => Files.copy(file, copy.resolve(table).resolve(file.getFileName)))
    }
    val session = spark.newSession()
    MutationQueries.views(session, copy)
    session.udf.register("fun", MutationFunctions.captured(1))
    val before = run(session, sql)
    val first = list(copy.resolve("s")).head
    val last = list(copy.resolve("s")).last
    val kind = random.nextInt(4) match {
      case 0 => Files.copy(first, first.resolveSibling("part-99999.parquet")); "data file added"
      case 1 => Files.copy(first, last, StandardCopyOption.REPLACE_EXISTING); "data file replaced"
      case 2 => Files.delete(first); "data file deleted"
      case _ => Files.setLastModifiedTime(first, FileTime.fromMillis(1000000000000L)); "data file touched"
    }
    MutationQueries.views(session, copy)
    both(Mutant(kind, sql), Seq(before, run(session, sql)))
  }

  private def list(table: Path): Seq[Path] = {
    val files = Files.list(table)
    try files.iterator().asScala.filter(_.toString.endsWith(".parquet")).toSeq.sorted
    finally files.close()
  }

  private def count(mutant: Mutant, one: Outcome, other: Outcome): Unit = {
    val of = counts.getOrElseUpdate(mutant.kind, new Counts)
    of.pairs += 1
    // Chunks of files that did not change are shared, and that is what they are for.
    def hit(a: Seq[String], b: Seq[String]) =
      if (mutant.kind.startsWith("data file")) a.sorted == b.sorted else a.intersect(b).nonEmpty
    (one.keys, other.keys) match {
      case (Right(a), Right(b)) if mutant.same => if (a != b) { of.sameMissed += 1; println(s"${mutant.kind}: ${mutant.sql}") }
      case (Right(a), Right(b)) if one.rows != other.rows =>
        of.differ += 1
        if (hit(a, b)) { of.falseHits += 1; println(s"false hit, ${mutant.kind}: ${mutant.sql}") }
      case (Right(a), Right(b)) => if (a != b) of.needless += 1 else of.equal += 1
      case (a, b) =>
        of.refused += 1
        println(s"refused, ${mutant.kind}: ${Seq(a, b).flatMap(_.left.toSeq).head}")
    }
  }

  private def outcome(sql: String, under: String = ""): Option[Outcome] = memo.getOrElseUpdate(under + sql, {
    val result = run(spark, sql)
    if (under.isEmpty) result.foreach(_.keys.foreach(keys => printed(sql) = keys))
    result
  })

  private def run(session: SparkSession, sql: String): Option[Outcome] =
    Try(Outcome(ExactRows.of(session.sql(sql)), keysOf(session, sql))).toOption

  private def report(made: Int): Unit = {
    counts.filter(_._1.startsWith("same")).values.foreach(c => c.sames = c.pairs)
    def sum(f: Counts => Int): Int = counts.values.map(f).sum
    println(s"seed $seed: $made pairs; rows differ in ${sum(_.differ)}, false hits ${sum(_.falseHits)}; " +
      s"same query ${sum(_.sames)}, of which missed ${sum(_.sameMissed)}; needless misses ${sum(_.needless)}; refused ${sum(_.refused)}")
    counts.toSeq.sortBy(_._1).foreach { case (kind, c) =>
      println(s"  $kind: ${c.pairs} pairs, ${c.differ} with other rows, ${c.needless} needless misses, ${c.equal} equal")
    }
  }
}

object MutationSuite {
  final case class Outcome(rows: Seq[String], keys: Either[String, Seq[String]])

  final class Counts {
    var pairs, differ, falseHits, sameMissed, sames, needless, equal, refused = 0
  }

  /** Interpreted, since every query is another one and compiling costs more than these few rows. */
  val confs: Map[String, String] = Map(
    "spark.sql.codegen.wholeStage" -> "false",
    "spark.sql.codegen.factoryMode" -> "NO_CODEGEN",
    "spark.sql.adaptive.enabled" -> "false",
    "spark.sql.shuffle.partitions" -> "2")

  def views(spark: SparkSession, dir: Path): Unit = {
    TpchTables.views(spark, dir)
    MutationQueries.views(spark, dir)
    spark.udf.register("fun", MutationFunctions.captured(1))
  }

  /** Keys, or the refusal. */
  def keysOf(spark: SparkSession, sql: String): Either[String, Seq[String]] = {
    val state = spark.asInstanceOf[classic.SparkSession].sessionState
    val options = FingerprintOptions.of("test")
      .withClock(java.time.Clock.offset(java.time.Clock.systemUTC(), java.time.Duration.ofHours(1)))
    val plan = spark.sql(sql).asInstanceOf[classic.DataFrame].queryExecution.executedPlan
    PlanFingerprinter.create(options, getClass.getClassLoader).fingerprint(plan, state.conf, state.newHadoopConf()) match {
      case accepted: FingerprintResult.Accepted => Right(PlanFixture.keys(accepted))
      case refused: FingerprintResult.Refused => Left(refused.refusal.toString)
    }
  }

  /** Another JVM: keys of the queries in a file, one line each. */
  def main(args: Array[String]): Unit = {
    val spark = PlanFixture.session("local[1]", confs)
    try {
      spark.range(3).selectExpr("id + 1").collect()
      views(spark, Path.of(args(0)))
      val lines = Files.readAllLines(Path.of(args(1))).asScala.map { line =>
        keysOf(spark, new String(Base64.getDecoder.decode(line), "UTF-8")).fold(identity, _.mkString(" "))
      }
      Files.write(Path.of(args(2)), lines.asJava)
    } finally spark.stop()
  }
}
