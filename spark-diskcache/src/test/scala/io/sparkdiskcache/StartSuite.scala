// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness._
import org.scalatest.funsuite.AnyFunSuite

/** The words of an application's log about the cache when it starts, and on another line of Spark. */
class StartSuite extends AnyFunSuite with TestDirectories {
  private val Plugin = "spark.plugins=io.sparkdiskcache.DiskCachePlugin"
  private val Extension = "spark.sql.extensions=io.sparkdiskcache.DiskCacheExtensions"

  /** How Spark comes to the cache; the jar with the service file is always on the class path. */
  private val Ways = Seq("service" -> Nil, "all" -> Seq(Plugin, Extension))

  /**
   * The lines that applications in one JVM wrote, one each, and those that were logged at WARN or
   * above by us or about us.
   */
  private def start(name: String, ways: Seq[Seq[String]], before: Seq[String]): (Seq[String], Seq[String]) = {
    val result = directory("results").resolve(name)
    val finished = NewJvm.run(
      StartApp.getClass.getName.stripSuffix("$"),
      result.toString +: ways.map(way => (s"spark.diskcache.dir=${directory(s"cache-$name")}" +: way).mkString(";")),
      withCache = true,
      directory("logs").resolve(s"$name.log"),
      classPath = before)
    assert(finished.exit == 0, s"application $name failed:\n${finished.output.takeRight(6000)}")
    val lines = finished.output.linesIterator.toSeq
    assert(lines.exists(_.contains(" WARN ")), "what is logged at WARN is there: Hadoop's native library is not")
    val ours = lines.filter(_.toLowerCase.contains("diskcache"))
      .filter(line => line.contains(" WARN ") || line.contains(" ERROR ") || line.startsWith("\tat "))
    (Files.readAllLines(result).asScala.toSeq, ours)
  }

  test("nothing is said at WARN from us or about us, whatever the way") {
    val (results, said) = start("quiet", Ways.map(_._2), Nil)
    assert(results == Ways.map(_ => "1000 1000 1000 io.sparkdiskcache.relation.DiskCachedRelationBuilder"))
    assert(said == Nil)
  }

  /** Before Spark's jars on the class path: Spark takes itself for another version. */
  private def claiming(version: String): Path = {
    val dir = directory(s"spark-$version")
    Files.writeString(
      dir.resolve("spark-version-info.properties"),
      s"version=$version\nuser=\nrevision=\nbranch=\ndate=\nurl=\n")
    dir
  }

  /** One way, unless all are wanted, as `python/check-lines` has them on other lines indeed. */
  private val others = if (Sample.whole("diskcache.start")) Ways else Ways.takeRight(1)

  others.foreach { case (way, settings) =>
    test(s"another line of Spark is plain Spark, and one line says so: $way") {
      val (results, said) = start(s"other-$way", Seq(settings, settings), Seq(claiming("4.3.0").toString))
      assert(results == Seq.fill(2)("1000 1000 1000 org.apache.spark.sql.execution.columnar.CachedRDDBuilder"))
      assert(said.size == 1, said)
      assert(said.head.endsWith("built for Spark 4.2, found 4.3.0; nothing is cached by spark-diskcache"))
    }
  }
}
