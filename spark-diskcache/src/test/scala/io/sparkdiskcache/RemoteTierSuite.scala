// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path, StandardCopyOption}
import java.time.{Duration, Instant}
import java.util.Base64

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness._
import org.apache.spark.sql.{DataFrame, SparkSession}

/**
 * `spark.diskcache.remote.dir`: what hosts have lost is read back, and nothing else ever is. A build
 * runs two of the kinds of relations, some of the queries, damages and failures.
 */
class RemoteTierSuite extends DrawnTests with Applications {
  override protected def property: String = "diskcache.remote"
  override protected def drawn: Int = 10
  private val everything = Sample.whole("diskcache.remote")
  private val RemoteDir = "spark.diskcache.remote.dir"
  private val noAdaptive = "spark.sql.adaptive.enabled" -> "false"
  private val Hour = CacheOptions.defaults().withTtl(Duration.ofHours(1))
  private val Old = CacheOptions.defaults().withTtl(Duration.ofMillis(1))

  private lazy val input: Path = {
    val dir = directory("input")
    application(directory("unused"), "spark.diskcache.enabled" -> "false") { spark =>
      Queries.writeInput(spark, dir)
      spark
        .range(0, 4000, 1, 12)
        .selectExpr("id", "id % 7 as k", "'hidden-' || id as name")
        .write
        .parquet(s"$dir/t")
      spark.range(0, 4000, 1, 40).write.parquet(s"$dir/many")
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.exists(input.resolve("t")), "made by an application of its own")
  }

  private def table(spark: SparkSession): DataFrame = spark.read.parquet(s"$input/t")

  private val rowLocal = "file chunks" -> ((s: SparkSession) => table(s).where("k < 5"))
  private val run = "a run" -> ((s: SparkSession) => table(s).groupBy("k").agg(Map("id" -> "sum")))
  private val relations: Seq[(String, SparkSession => DataFrame)] = Seq(rowLocal, run) ++
    (if (everything)
       Seq[(String, SparkSession => DataFrame)](
         "partitions" -> (s => table(s).sortWithinPartitions("k", "id")),
         "an empty run" -> (s => table(s).where("id < 0").groupBy("k").count()))
     else Nil)

  private def remote(name: String): (Path, (String, String)) = {
    val dir = directory(name)
    (dir, RemoteDir -> dir.toUri.toString)
  }

  private def objects(remote: Path, suffix: String): Seq[Path] = {
    val files = Files.walk(remote.resolve("v1"))
    try files.iterator().asScala.filter(_.toString.endsWith(suffix)).toList.sorted
    finally files.close()
  }

  private def delete(dir: Path): Unit = {
    val files = Files.walk(dir)
    try files.sorted(java.util.Comparator.reverseOrder[Path]()).forEach(f => Files.delete(f))
    finally files.close()
  }

  /** An application that finds nothing on its SSD and computes nothing all the same. */
  private def allFetched(
      cache: Path,
      relation: SparkSession => DataFrame,
      expected: Seq[String],
      settings: (String, String)*): Unit =
    application(cache, settings: _*) { spark =>
      val df = relation(spark).cache()
      val (rows, reading) = StageFigures.of(spark.sparkContext)(ExactRows.of(df))
      assert(rows == expected)
      assert(reading.mapTasks == 0, "tasks of the stages below")
      assert(stats(spark).computed == 0)
      assert(stats(spark).remote.hits > 0)
      assert(stats(spark).remote.failures == 0)
      assert(ExactRows.of(df) == expected, "read again in the same application")
    }

  /** Fills the cache and, by its end, the remote tier. */
  private def fill(
      cache: Path,
      relation: SparkSession => DataFrame,
      settings: (String, String)*): Seq[String] =
    application(cache, settings: _*) { spark =>
      val rows = truth(relation(spark))
      assert(ExactRows.of(relation(spark).cache()) == rows)
      assert(stats(spark).computed > 0)
      rows
    }

  // ---- new JVMs

  private def query(
      name: String,
      cache: Option[Path],
      only: String,
      settings: Map[String, String]): () => JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val log = directory("logs").resolve(s"$name.log")
    val common = Map("spark.master" -> "local[2]", "spark.diskcache.inputs.settle" -> "0s") ++
      cache.map(dir => "spark.diskcache.dir" -> dir.toString)
    val process = NewJvm.start(
      QueryApp.getClass.getName.stripSuffix("$"),
      Seq(input.toString, result.toString) ++ (common ++ settings).map { case (k, v) => s"$k=$v" },
      withCache = cache.isDefined,
      log,
      properties = Map("queries" -> only))
    () => {
      val finished = NewJvm.await(process, name, log)
      assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(4000)}")
      new ObjectMapper().readTree(Files.readString(result))
    }
  }

  private def rows(outcome: JsonNode, query: String): Seq[String] =
    outcome.get(query).get("rows").elements().asScala.map(_.asText).toSeq

  test("every query is read back by a new application after the cache directory was lost") {
    val (dir, setting) = remote("lost-remote")
    val cache = directory("lost")
    val queries = if (everything) Queries.all else Queries.sample
    val names = queries.map(_.name).mkString(";")
    val plain = query("plain", None, names, Map())()
    val first = query("first", Some(cache), names, Map(setting))()
    assert(first.get("computed").asLong > 0 && first.get("remoteFailures").asLong == 0)
    assert(objects(dir, ".arrow").nonEmpty && objects(dir, ".set").nonEmpty)
    assert(objects(dir, ".crc").isEmpty)
    assert(objects(dir, "").forall(f => Files.isDirectory(f) || !f.startsWith(dir.resolve("v1/tmp"))))
    delete(cache)
    val second = query("second", Some(cache), names, Map(setting))()
    queries.foreach { query =>
      withClue(s"query '${query.name}': ") {
        assert(rows(first, query.name) == rows(plain, query.name))
        assert(rows(second, query.name) == rows(plain, query.name))
        assert(second.get(query.name).get("mapTasks").asInt == 0, "tasks of the stages below")
      }
    }
    assert(second.get("computed").asLong == 0, second.get("computedBy"))
    assert(second.get("remoteHits").asLong > 0 && second.get("fetched").asLong > 0)
    assert(second.get("stagesSkipped").asLong > 0)
  }

  if (everything) test("two applications on two hosts write the same at the same time") {
    val (dir, setting) = remote("both-remote")
    val only = "scan;udf;nested"
    val both = Seq("one", "two").map(host => query(host, Some(directory(host)), only, Map(setting)))
    val outcomes = both.map(_.apply())
    assert(outcomes.forall(_.get("remoteFailures").asLong == 0))
    val third = query("third", Some(directory("three")), only, Map(setting))()
    only.split(";").foreach { name =>
      assert(rows(outcomes.head, name) == rows(outcomes(1), name))
      assert(rows(third, name) == rows(outcomes.head, name))
    }
    assert(third.get("computed").asLong == 0)
    assert(third.get("fetched").asLong == objects(dir, ".arrow").size)
  }

  // ---- one relation each

  relations.foreach { case (name, relation) =>
    test(s"$name: a new host, then what it has fetched, then what it has evicted") {
      val (dir, setting) = remote(s"new-remote-$name")
      val expected = fill(directory(s"new-1-$name"), relation, setting, noAdaptive)
      val written = objects(dir, "")
      val cache = directory(s"new-2-$name")
      allFetched(cache, relation, expected, setting, noAdaptive)
      assert(objects(dir, "") == written, "what was fetched is not written again")
      application(cache, noAdaptive) { spark =>
        assert(ExactRows.of(relation(spark).cache()) == expected)
        assert(stats(spark).computed == 0, "it has its own copy")
        DiskCache.of(spark).clear()
      }
      allFetched(cache, relation, expected, setting, noAdaptive)
    }
  }

  test("without the setting nothing is asked and nothing is written") {
    val (dir, setting) = remote("off-remote")
    fill(directory("off"), rowLocal._2)
    application(directory("off")) { spark =>
      assert(ExactRows.of(rowLocal._2(spark).cache()).nonEmpty)
      assert(stats(spark).remote == io.sparkdiskcache.remote.RemoteStats.NONE)
    }
    fill(directory("off-2"), rowLocal._2, setting)
    assert(objects(dir, ".arrow").nonEmpty)
  }

  private def flipped(bytes: Array[Byte], at: Int): Array[Byte] =
    bytes.updated(at, (bytes(at) ^ 1).toByte)

  private val damages: Seq[(String, Seq[Path] => Unit)] = Seq(
    "a bit is flipped in" -> { files =>
      val bytes = Files.readAllBytes(files.head)
      Files.write(files.head, flipped(bytes, bytes.length / 3))
    },
    "a bit is flipped in the description of" -> { files =>
      val bytes = Files.readAllBytes(files.head)
      val at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("rows=")
      assert(at > 0)
      Files.write(files.head, flipped(bytes, at + 5))
    },
    "half is missing of" -> { files =>
      val bytes = Files.readAllBytes(files.head)
      Files.write(files.head, bytes.take(bytes.length / 2))
    },
    "nothing is left of" -> (files => Files.write(files.head, Array.emptyByteArray)),
    "another entry is in the place of" -> { files =>
      Files.copy(files(1), files.head, StandardCopyOption.REPLACE_EXISTING)
    })

  /** Each of these with each of two relations, of which a build runs so many. */
  private def sampled[A](count: Int, kinds: Seq[(String, A)]): Seq[((String, A), (String, SparkSession => DataFrame))] =
    Sample.of("diskcache.remote", count, for (kind <- kinds; relation <- Seq(rowLocal, run)) yield (kind, relation)) {
      case ((kind, _), (relation, _)) => s"$kind, $relation"
    }

  for (((damage, damaged), (name, relation)) <- sampled(3, damages)) {
    test(s"$damage an object of $name: computed, counted, and written anew") {
      val (dir, setting) = remote(s"damaged-remote $damage $name")
      val expected = fill(directory(s"damaged-1 $damage $name"), relation, setting, noAdaptive)
      damaged(objects(dir, ".arrow"))
      application(directory(s"damaged-2 $damage $name"), setting, noAdaptive) { spark =>
        assert(ExactRows.of(relation(spark).cache()) == expected)
        assert(stats(spark).remote.damaged == 1)
        assert(stats(spark).computed > 0)
        assert(stats(spark).store().errors() == 0)
      }
      allFetched(
        directory(s"damaged-3 $damage $name"),
        relation,
        expected,
        setting,
        noAdaptive)
    }
  }

  private val setDamages = Seq[(String, Path => Unit)](
    "damaged" -> { file =>
      val bytes = Files.readAllBytes(file)
      Files.write(file, flipped(bytes, bytes.length / 2))
    },
    "cut short" -> (file => Files.write(file, Files.readAllBytes(file).take(3))),
    "deleted" -> (file => Files.delete(file)))

  for ((damage, damaged) <- Sample.of("diskcache.remote", 1, setDamages)(_._1)) {
    test(s"the object of a set is $damage: computed, and written anew") {
    val (dir, setting) = remote(s"set-remote-$damage")
    val expected = fill(directory(s"set-1-$damage"), run._2, setting)
    damaged(objects(dir, ".set").head)
    application(directory(s"set-2-$damage"), setting) { spark =>
      assert(ExactRows.of(run._2(spark).cache()) == expected)
      assert(stats(spark).computed > 0)
      // Asked for when the query is planned, and when it runs.
      assert(stats(spark).remote.damaged > 0 == (damage != "deleted"))
    }
    allFetched(directory(s"set-3-$damage"), run._2, expected, setting)
    }
  }

  test("a set of which an entry is missing is computed, and its other entries do not stay") {
    val (dir, setting) = remote("member-remote")
    val expected = fill(directory("member-1"), run._2, setting, noAdaptive)
    Files.delete(objects(dir, ".arrow").last)
    application(directory("member-2"), setting, noAdaptive) { spark =>
      val before = stats(spark)
      assert(before.remote.misses == 0)
      assert(ExactRows.of(run._2(spark).cache()) == expected)
      assert(stats(spark).remote.misses > 0)
      assert(stats(spark).computed == DiskCache.of(spark).entries().size)
    }
  }

  relations.foreach { case (name, relation) =>
    test(s"$name: what is too old is computed, and what is fetched keeps its age") {
      val (dir, setting) = remote(s"old-remote-$name")
      application(directory(s"old-1-$name"), setting, noAdaptive) { spark =>
        ExactRows.of(DiskCache.of(spark).persist(relation(spark), Hour))
      }
      val first = Instant.now()
      val expected = application(directory(s"old-2-$name"), setting, noAdaptive) { spark =>
        val expected = truth(relation(spark))
        val df = DiskCache.of(spark).persist(relation(spark), Old)
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).computed > 0)
        assert(stats(spark).remote.hits == 0 && stats(spark).remote.misses > 0)
        expected
      }
      val second = Instant.now()
      application(directory(s"old-3-$name"), setting, noAdaptive) { spark =>
        val df = DiskCache.of(spark).persist(relation(spark), Hour)
        assert(ExactRows.of(df) == expected)
        assert(stats(spark).computed == 0 && stats(spark).remote.hits > 0)
        DiskCache.of(spark).entries().asScala.foreach { entry =>
          assert(entry.createdAt().isAfter(first), "the old one gave way")
          assert(entry.createdAt().isBefore(second), "when it was computed, not fetched")
        }
      }
    }
  }

  test("the store's time to live holds for what is fetched") {
    val (_, setting) = remote("ttl-remote")
    val expected = fill(directory("ttl-1"), rowLocal._2, setting)
    application(directory("ttl-2"), setting, "spark.diskcache.ttl" -> "1ms") { spark =>
      assert(ExactRows.of(rowLocal._2(spark).cache()) == expected)
      assert(stats(spark).remote.hits == 0 && stats(spark).remote.misses > 0)
    }
  }

  test("an encrypted cache has encrypted objects, which are read with the same key only") {
    val (dir, setting) = remote("encrypted-remote")
    def key(name: String, seed: Int): (String, String) = {
      val file = directory("keys").resolve(name)
      val bytes = Array.tabulate[Byte](32)(i => (seed + i).toByte)
      Files.writeString(file, Base64.getEncoder.encodeToString(bytes))
      Files.setPosixFilePermissions(
        file,
        java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"))
      "spark.diskcache.encryption.keyFile" -> file.toString
    }
    def inPlain: Boolean = objects(dir, "").filter(Files.isRegularFile(_)).exists { file =>
      new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains("hidden-")
    }
    val secret = (s: SparkSession) => table(s).where("name <> 'hidden-literal'")
    val groups = (s: SparkSession) => secret(s).groupBy("k").agg(Map("name" -> "max"))
    Seq(secret, groups).zipWithIndex.foreach { case (relation, i) =>
      val expected = fill(directory(s"encrypted-1-$i"), relation, setting, key("one", 1))
      assert(!inPlain)
      allFetched(directory(s"encrypted-2-$i"), relation, expected, setting, key("one", 1))
      application(directory(s"encrypted-3-$i"), setting, key("two", 2)) { spark =>
        assert(ExactRows.of(relation(spark).cache()) == expected)
        assert(stats(spark).remote.hits == 0 && stats(spark).computed > 0)
      }
    }
    fill(directory("encrypted-4"), secret, setting)
    assert(inPlain, "written without a key: the search works")
  }

  test("what an audit has found wrong on one host is fetched by none") {
    val (dir, setting) = remote("wrong-remote")
    val files = directory("wrong-input")
    val nofacts = FactsFileSystem.settings.head
    def write(row: String): Unit = {
      val file = files.resolve("part.csv")
      Files.writeString(file, row)
      Files.setLastModifiedTime(file, java.nio.file.attribute.FileTime.fromMillis(1700000000000L))
    }
    val relation = (s: SparkSession) => s.read.schema("id long, k int").csv(s"nofacts://$files")
    write("10,1\n")
    val cache = directory("wrong-1")
    val old = fill(cache, relation, setting, nofacts)
    write("20,1\n") // the same length and time: no key can tell
    application(cache, setting, nofacts, "spark.diskcache.audit.fraction" -> "1") { spark =>
      assert(ExactRows.of(relation(spark).cache()) != old)
      assert(stats(spark).auditMismatches == 1)
    }
    assert(objects(dir, ".arrow").isEmpty, "what was wrong is deleted")
    assert(objects(dir, ".txt").size == 1)
    write("10,1\n")
    fill(directory("wrong-2"), relation, setting, nofacts) // another host writes it again
    assert(objects(dir, ".arrow").size == 1)
    write("20,1\n")
    application(directory("wrong-3"), setting, nofacts) { spark =>
      assert(ExactRows.of(relation(spark).cache()) != old)
      assert(stats(spark).remote.hits == 0)
    }
  }

  // ---- failures

  private def noDirectory: Path = Files.writeString(directory("broken").resolve("file"), "no directory")

  private val broken: Seq[(String, () => Seq[(String, String)])] = Seq(
    "a file is in the place of the directory" -> (() => Seq(RemoteDir -> noDirectory.toUri.toString)),
    "the directory is below a file" -> (() => Seq(RemoteDir -> noDirectory.resolve("dir").toUri.toString)),
    "the file system is read-only" -> { () =>
      Seq(RemoteDir -> s"nofacts://${directory("broken-2")}", FactsFileSystem.settings.head)
    },
    "nobody answers at its address" -> { () =>
      Seq(
        RemoteDir -> "hdfs://127.0.0.1:1/cache",
        "spark.hadoop.ipc.client.connect.max.retries" -> "0")
    })

  for (((trouble, settings), (name, relation)) <- sampled(2, broken)) {
    test(s"$trouble: $name is computed as ever") {
      val cache = directory(s"$trouble-$name")
      val expected = application(cache, settings(): _*) { spark =>
        val expected = truth(relation(spark))
        assert(ExactRows.of(relation(spark).cache()) == expected)
        assert(stats(spark).computed > 0)
        assert(stats(spark).store().errors() == 0)
        expected
      }
      application(cache, settings(): _*) { spark =>
        assert(ExactRows.of(relation(spark).cache()) == expected)
        assert(stats(spark).computed == 0, "the SSD serves as ever")
      }
    }
  }

  test("after repeated failures the remote system is left alone") {
    val settings = Seq(
      RemoteDir -> "hdfs://127.0.0.1:1/cache",
      "spark.hadoop.ipc.client.connect.max.retries" -> "0",
      "spark.sql.files.maxPartitionBytes" -> "1k")
    application(directory("left-alone"), settings: _*) { spark =>
      val relation = spark.read.parquet(s"$input/many")
      assert(ExactRows.of(relation.cache()) == truth(relation))
      assert(stats(spark).computed == 40)
      val failures = stats(spark).remote.failures
      // Three in a row, and those that were under way then.
      assert(failures >= 3 && failures < 12, failures)
      assert(stats(spark).remote.dropped > 20)
    }
  }

  test("a remote system that hangs holds nobody up for ever") {
    val settings = Seq(
      RemoteDir -> s"stalling://${directory("stalling")}",
      "spark.diskcache.remote.flush" -> "0s",
      StallingFileSystem.setting)
    try {
      application(directory("held-up"), settings: _*) { spark =>
        val expected = truth(run._2(spark))
        assert(ExactRows.of(run._2(spark).cache()) == expected)
        assert(StallingFileSystem.asked.getCount == 0, "it was asked")
        assert(stats(spark).remote.failures > 0)
        assert(stats(spark).computed > 0)
      }
    } finally StallingFileSystem.answer.countDown()
  }

  Seq("/no/scheme", "nosuchscheme://host/dir").foreach { bad =>
    test(s"'$bad' stops the application at its start") {
      val error = intercept[IllegalArgumentException](
        application(
          directory("bad"),
          RemoteDir -> bad,
          "spark.plugins" -> classOf[DiskCachePlugin].getName)(spark => spark.range(1).count()))
      assert(error.getMessage.contains(RemoteDir) && error.getMessage.contains(bad))
      SparkSession.getActiveSession.foreach(_.stop())
      SparkSession.clearActiveSession()
      SparkSession.clearDefaultSession()
    }
  }
}
