// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.lang.reflect.Modifier
import java.nio.file.{Files, Path}
import java.util.{Collection => JCollection, Map => JMap}
import java.util.jar.JarFile

import scala.jdk.CollectionConverters._
import scala.util.{Try, Using}

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.memo.MemoOptions
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.api.java.UDF1
import org.apache.spark.sql.types.DataTypes

/**
 * Starts and stops Spark in one JVM, as a notebook does, with two cache directories in turn, and
 * looks after each stop for what is left of the one before: files and mappings, threads, and notes in
 * static fields. Contexts are not looked for, because Spark 4.2 keeps those itself (`IsolatedSessionState`).
 *
 * Arguments: working directory, rounds. The last line of the output is `nothing is left`.
 */
object RestartApp {
  /** Rounds until everything that lives as long as the process has been made. */
  private val WarmUp = 3

  /** Weak maps, whose keys are sessions and class loaders of the contexts that Spark keeps. */
  private val OfWhatSparkKeeps =
    Set("DiskCacheExtensions.REGISTERED", "FunctionProof.HELD", "ClassFiles.BY_LOADER")

  def main(args: Array[String]): Unit = {
    val work = Path.of(args(0))
    val rounds = args(1).toInt
    var settled = Option.empty[Map[String, Int]]
    (0 until rounds).foreach { round =>
      val directory = work.resolve(s"cache-${round % 2}")
      once(directory, round)
      Gate.await(s"no file of $directory is open after round $round") {
        System.gc()
        openFiles(work).isEmpty
      }
      Gate.await(s"no thread of the cache runs after round $round")(ownThreads.isEmpty)
      if (round == WarmUp) {
        settled = Some(statics)
      } else if (round > WarmUp) {
        val left = statics.toSet -- settled.get
        require(left.isEmpty, s"Round $round has left in statics $left, where ${settled.get} was before")
      }
    }
    println("nothing is left")
  }

  /** One life of a context: the rows of four kinds of results, computed in the first two rounds. */
  private def once(directory: Path, round: Int): Unit = {
    val spark = SparkSession
      .builder()
      .master("local[2]")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "3")
      .config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
      .config("spark.diskcache.inputs.settle", "0s")
      .config("spark.diskcache.dir", directory.toString)
      .getOrCreate()
    try {
      val input = directory.resolveSibling("input").toString
      if (round == 0) {
        spark.range(0, 1000, 1, 4).selectExpr("id", "id % 7 as k").write.parquet(input)
      }
      val cache = DiskCache.of(spark)
      val length = cache.memoize(
        (_.length): UDF1[String, Int],
        DataTypes.IntegerType,
        MemoOptions.defaults().withName("length"))
      val rows = spark.read.parquet(input)
      val cached = Seq(
        rows.filter("k < 3").cache(),
        rows.groupBy("k").count().cache(),
        rows.selectExpr("k", "id").repartition(3).groupBy("k").sum("id").cache())
      require(cached.map(_.count()) == Seq(429L, 7L, 7L))
      require(
        rows.select(length(rows("k").cast("string"))).distinct().collect().toSeq == Seq(Row(1)))
      val stats = cache.stats()
      require((stats.hits > 0) == (round > 1), s"round $round: $stats")
      require((stats.computed > 0) == (round < 2), s"round $round: $stats")
      cached.head.unpersist()
      ()
    } finally {
      spark.stop()
      SparkSession.clearActiveSession()
      SparkSession.clearDefaultSession()
    }
  }

  private def name(thread: Thread): String = thread.getName.replaceAll("[0-9]+", "n")

  private def ownThreads: Seq[String] =
    Thread.getAllStackTraces.asScala.toSeq.collect {
      case (thread, frames)
          if thread.getName.contains("diskcache") ||
            (thread != Thread.currentThread &&
              frames.exists(_.getClassName.startsWith("io.sparkdiskcache"))) =>
        name(thread)
    }

  private def openFiles(work: Path): Seq[String] = {
    val opened = Using.resource(Files.list(Path.of("/proc/self/fd"))) { files =>
      files.iterator().asScala.flatMap(fd => Try(Files.readSymbolicLink(fd).toString).toOption).toSeq
    }
    val mapped = Files.readAllLines(Path.of("/proc/self/maps")).asScala.toSeq
    (opened ++ mapped).filter(_.contains(work.toString))
  }

  /** How much the collections of our classes hold that are loaded. */
  private def statics: Map[String, Int] = {
    val loaded = classOf[ClassLoader].getDeclaredMethod("findLoadedClass", classOf[String])
    loaded.setAccessible(true)
    val classes = Using.resource(new JarFile(NewJvm.jar.toFile)) { jar =>
      jar.entries().asScala.map(_.getName).filter(_.matches("io/sparkdiskcache/.*\\.class")).toSeq
    }
    val sizes = for {
      file <- classes
      found = loaded
        .invoke(getClass.getClassLoader, file.stripSuffix(".class").replace('/', '.'))
        .asInstanceOf[Class[_]]
      if found != null
      field <- found.getDeclaredFields
      if Modifier.isStatic(field.getModifiers)
      size <- {
        field.setAccessible(true)
        sizeOf(field.get(null))
      }
    } yield s"${found.getSimpleName}.${field.getName}" -> size
    sizes.toMap -- OfWhatSparkKeeps
  }

  private def sizeOf(value: Any): Option[Int] = value match {
    case map: JMap[_, _] => Some(map.size)
    case all: JCollection[_] => Some(all.size)
    case _ => None
  }
}
