// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{Applications, CompressionApp, DrawnTests, ExactRows, NewJvm, Sample}
import io.sparkdiskcache.relation.RelationInspector.Status

/**
 * Entries whose buffers are compressed: read by the next application, whatever that writes itself. A
 * build draws one of the two codecs.
 */
class CompressionSuite extends DrawnTests with Applications {
  override protected def property: String = "diskcache.codecs"
  override protected def drawn: Int = 2
  private lazy val input: Path = {
    val dir = directory("input").resolve("table")
    application(directory("no-cache"), "spark.diskcache.enabled" -> "false") { spark =>
      spark
        .range(0, 20000, 1, 3)
        .selectExpr(
          "id",
          "if(id % 7 = 0, null, concat('word ', id % 30)) as word",
          "concat('a text that has much in common with others: ', id) as text",
          "cast(id / 7 as decimal(20, 3)) as price",
          "transform(sequence(1, cast(id % 5 as int)), i -> concat('element ', i + id)) as list",
          "named_struct('d', date_add(DATE '2026-01-01', cast(id % 400 as int)), 'x', sin(id)) as s",
          "map(concat('key ', id), id * 0.5D) as m")
        .write
        .parquet(dir.toString)
    }
    dir
  }

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    assert(Files.isDirectory(input))
  }

  private def inNewJvm(name: String, cache: Path, settings: (String, String)*): JsonNode = {
    val result = directory("results").resolve(s"$name.json")
    val all = settings ++ Seq(
      "spark.master" -> "local[2]",
      "spark.sql.warehouse.dir" -> directory("warehouse").toString,
      "spark.diskcache.dir" -> cache.toString,
      "spark.diskcache.inputs.settle" -> "0s")
    val args = Seq(input.toString, result.toString) ++ all.map { case (k, v) => s"$k=$v" }
    val app = CompressionApp.getClass.getName.stripSuffix("$")
    val log = directory("logs").resolve(s"$name.log")
    val finished = NewJvm.run(app, args, withCache = true, log)
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(4000)}")
    new ObjectMapper().readTree(Files.readString(result))
  }

  private def setting(codec: String) = "spark.diskcache.compression" -> codec

  private def bytes(cache: Path): Long = dataFiles(cache).map(Files.size).sum

  private val Rows = Seq("rows", "some", "longest", "groups")

  private lazy val plainCache = directory("none")
  private lazy val plain = inNewJvm("none", plainCache)

  private lazy val expected =
    inNewJvm("truth", directory("unused"), "spark.diskcache.enabled" -> "false")

  private val codecs = Sample.of("diskcache.codecs", 1, Seq("lz4" -> "none", "zstd" -> "lz4"))(_._1)

  for ((codec, next) <- codecs) {
    test(s"what $codec wrote is read by the next application, which writes with $next") {
      val cache = directory(codec)
      val first = inNewJvm(s"$codec-first", cache, setting(codec))
      val second = inNewJvm(s"$codec-second", cache, setting(next))
      assert(first.get("computed").asLong > 0 && first.get("hits").asLong == 0)
      assert(second.get("hits").asLong >= first.get("computed").asLong)
      assert(second.get("computed").asLong == 0, "the codec is no part of the key")
      Rows.foreach { of =>
        assert(first.get(of) == expected.get(of), s"$of of the application that wrote")
        assert(second.get(of) == expected.get(of), s"$of of the application that read")
      }
      assert(plain.get("computed").asLong == first.get("computed").asLong)
      assert(bytes(cache) < 0.7 * bytes(plainCache), "bytes of the entries")
    }
  }

  test("plain entries are read by an application that compresses") {
    assert(plain.get("hits").asLong == 0)
    val second = inNewJvm("none-second", plainCache, setting("zstd"))
    assert(second.get("computed").asLong == 0 && second.get("hits").asLong > 0)
    Rows.foreach(of => assert(second.get(of) == plain.get(of), of))
  }

  test("the setting is the session's") {
    val cache = directory("session")
    application(cache) { spark =>
      val table = spark.read.parquet(input.toString)
      spark.conf.set("spark.diskcache.compression", "zstd")
      val small = table.filter("id >= 1").cache()
      val expected = truth(table.filter("id + 0 >= 1"))
      assert(ExactRows.of(small) == expected)
      val compressed = bytes(cache)
      spark.conf.set("spark.diskcache.compression", "none")
      val large = table.filter("id >= 2").cache()
      assert(ExactRows.of(large).size == expected.size - 1)
      assert(compressed < 0.7 * (bytes(cache) - compressed), s"$compressed of ${bytes(cache)} bytes")
      assert(stats(spark).computed() > 0)
      assert(status(spark, small) == Status.HIT)
    }
  }

  for ((codec, _) <- codecs)
    test(s"the command line shows rows that are compressed by $codec") {
      val cache = directory(s"shown-$codec")
      application(cache, setting(codec)) { spark =>
        spark.read.parquet(input.toString).select("id", "text").cache().count()
      }
      val key = dataFiles(cache).head.getFileName.toString.takeWhile(_ != '-')
      val shown = NewJvm.run(
        "io.sparkdiskcache.cli.Main",
        Seq("show", key, "--rows", "3", "--dir", cache.toString),
        withCache = true,
        directory("logs").resolve(s"show-$codec.log"))
      assert(shown.exit == 0, shown.output)
      assert(shown.output.contains("a text that has much in common with others: "), shown.output)
    }

  test("a codec that does not exist stops the application at its start") {
    val error = intercept[Exception] {
      application(
        directory("bad"),
        setting("snappy"),
        "spark.plugins" -> classOf[DiskCachePlugin].getName)(_ => ())
    }
    val messages = Iterator.iterate[Throwable](error)(_.getCause).takeWhile(_ != null).map(_.toString)
    assert(messages.mkString(" ").contains("spark.diskcache.compression"))
  }
}
