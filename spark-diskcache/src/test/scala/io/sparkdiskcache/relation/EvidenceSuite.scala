// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path, StandardCopyOption}
import java.nio.file.attribute.FileTime

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.DiskCache
import io.sparkdiskcache.harness.{Applications, ExactRows, FactsFileSystem}
import io.sparkdiskcache.store.FileRead
import org.apache.hadoop.fs.{FSDataInputStream, FSInputStream, Path => HadoopPath}
import org.apache.spark.TaskContext
import org.apache.spark.sql.{DataFrame, SparkSession}
import org.apache.spark.sql.functions._
import org.scalatest.BeforeAndAfterEach
import org.scalatest.funsuite.AnyFunSuite

/**
 * The reports of tasks about their functions decide what is published, and files that functions
 * read are inputs of the entries. The file system of the input makes the reports here, see
 * [[ReportingFileSystem]].
 */
class EvidenceSuite extends AnyFunSuite with Applications with BeforeAndAfterEach {

  private val reporting = "spark.hadoop.fs.reporting.impl" -> classOf[ReportingFileSystem].getName

  /** Four files of two lines. */
  private lazy val input: Path = {
    val dir = directory("input")
    (1 to 4).foreach(i => Files.writeString(dir.resolve(s"$i.txt"), s"$i-#\n$i+#\n"))
    dir
  }

  override protected def afterEach(): Unit = Reports.clear()

  private def write(path: Path, text: String): Path = {
    Files.createDirectories(path.getParent)
    Files.writeString(path, text)
  }

  private def rows(spark: SparkSession): DataFrame =
    spark.read.text(s"reporting://$input").filter("value <> ''").select(col("value"), length(col("value")).as("n"))

  /** Fills in one application, changes something, and asks again in the next. */
  private def again(name: String, query: SparkSession => DataFrame)(report: => Unit)(change: => Unit): (Long, Long, Seq[String]) = {
    val cache = directory(name)
    application(cache, reporting) { spark =>
      report
      val df = query(spark).cache()
      assert(ExactRows.of(df).nonEmpty)
      assert(stats(spark).computed > 0)
    }
    change
    application(cache, reporting) { spark =>
      val df = query(spark).cache()
      val found = ExactRows.of(df)
      (stats(spark).hits, stats(spark).computed, found)
    }
  }

  test("without reports a function is a function: everything is published") {
    val (hits, computed, _) = again("nothing", rows)(())(())
    assert(hits == 4 && computed == 0)
  }

  test("a task that differs, is impure or unproven keeps its rows for the application, and says why") {
    for ((name, report, reason) <- Seq[(String, Evidence => Unit, String)](
        ("differs", _.differs("numpy", "it has other content here"), "DIFFERS"),
        ("impure", _.impure("score", "socket.connect", "client.py:7"), "IMPURE"),
        ("started", _.started("ab12"), "UNPROVEN"),
        ("device", _.unreadable("/dev/urandom", "it is no regular file"), "FILE"),
        ("directory", _.read("/tmp"), "FILE"))) {
      val cache = directory(s"held-$name")
      application(cache, reporting) { spark =>
        Reports.all = report
        val df = rows(spark).cache()
        val first = ExactRows.of(df)
        assert(ExactRows.of(df) == first)
        assert(stats(spark).computed == 4, "computed once and held")
        assert(stats(spark).withheld.keySet().asScala == Set(reason), stats(spark).withheld)
        val report2 = DiskCache.of(spark).explain(df).toString
        assert(report2.contains(reason), report2)
      }
      Reports.clear()
      application(cache, reporting) { spark =>
        rows(spark).cache().count()
        assert(stats(spark).hits == 0, s"nothing of $name was published")
        assert(stats(spark).computed == 4)
      }
    }
  }

  test("a proof lets a started function publish, unit by unit") {
    val (hits, computed, _) =
      again("proven", rows) { Reports.all = evidence => { evidence.started("cd"); evidence.proven("cd") } }(())
    assert(hits == 4 && computed == 0)
  }

  for ((shape, query) <- Seq[(String, SparkSession => DataFrame)](
      "row-local" -> rows,
      "partition-local" -> (rows(_).sortWithinPartitions("value")),
      "nested" -> (spark => { rows(spark).cache(); rows(spark).filter("value > '2'") }),
      "nested below an exchange" -> (spark => { rows(spark).cache(); rows(spark).repartition(2) }))) {

    test(s"$shape: rows of an unchanged file are a hit, those of another content are computed") {
      val model = write(directory(s"model-${shape.replace(' ', '-')}").resolve("m.bin"), "3")
      val cache = directory(s"files-${shape.replace(' ', '-')}")
      def run(): (Long, Long, Seq[String], String) = application(cache, reporting) { spark =>
        Reports.all = _.read(model.toString)
        Reports.file = Some(model)
        val df = query(spark).cache()
        val report = DiskCache.of(spark).explain(df).toString
        val found = ExactRows.of(df)
        (stats(spark).hits, stats(spark).computed, found, report)
      }
      val (_, _, first, _) = run()
      val (hits, computed, same, report) = run()
      assert(same == first)
      assert(hits > 0 && computed == 0, (hits, computed))
      assert(report.contains(model.toString), report)

      // The same length, the modification time put back.
      val before = Files.getLastModifiedTime(model)
      write(model, "5")
      Files.setLastModifiedTime(model, before)
      val (_, again, retrained, why) = run()
      assert(again > 0, "computed anew")
      assert(retrained != first)
      assert(why.contains(model.toString) && why.contains("changed"), why)
      assert(run()._2 == 0, "and kept")

      // Written again with the content that it has: not worth computing.
      write(model, "5")
      val (_, touched, unchanged, _) = run()
      assert(touched == 0 && unchanged == retrained)

      // Another file under the name, with times of the old one.
      val other = write(model.resolveSibling("other"), "7")
      Files.setLastModifiedTime(other, FileTime.fromMillis(before.toMillis))
      Files.move(other, model, StandardCopyOption.ATOMIC_MOVE)
      val (_, moved, third, _) = run()
      assert(moved > 0 && third != retrained)
    }
  }

  test("a file that vanishes, appears, shrinks, grows or is reached by another link is a change") {
    val dir = directory("kinds")
    val target = write(dir.resolve("v1/m"), "aaaa")
    write(dir.resolve("v2/m"), "bbbb")
    val link = Files.createSymbolicLink(dir.resolve("current"), dir.resolve("v1"))
    val absent = dir.resolve("absent")
    val changes = Seq[(String, String, () => Unit)](
      ("vanishes", write(dir.resolve("a"), "x").toString, () => Files.delete(dir.resolve("a"))),
      ("shrinks", write(dir.resolve("b"), "xy").toString, () => write(dir.resolve("b"), "x")),
      ("grows", write(dir.resolve("c"), "x").toString, () => write(dir.resolve("c"), "xy")),
      ("becomes a directory", write(dir.resolve("d"), "x").toString,
        () => { Files.delete(dir.resolve("d")); Files.createDirectory(dir.resolve("d")) }),
      ("symbolic link", link.resolve("m").toString,
        () => { Files.delete(link); Files.createSymbolicLink(link, dir.resolve("v2")) }),
      ("same length", target.toString, () => write(target, "cccc")))
    val all = changes.map { case (name, path, change) => (name, (e: Evidence) => e.read(path), change) } :+
      (("appears", (e: Evidence) => e.read(FileRead.absent(absent.toString)), () => write(absent, "x"))) :+
      (("stays", (e: Evidence) => e.read(write(dir.resolve("e"), "x").toString), () => ()))
    def query(spark: SparkSession, i: Int) = spark.read.text(s"reporting://${dir.resolve(s"input-$i")}").filter("value <> ''")
    for (((_, report, _), i) <- all.zipWithIndex) {
      write(dir.resolve(s"input-$i/a.txt"), "1\n")
      Reports.at += s"input-$i" -> report
    }
    val cache = directory("changes")
    application(cache, reporting) { spark =>
      all.indices.foreach(i => query(spark, i).cache().count())
      assert(stats(spark).computed == all.size && stats(spark).withheld.isEmpty, stats(spark).withheld)
    }
    all.foreach(_._3())
    application(cache, reporting) { spark =>
      for (((name, _, _), i) <- all.zipWithIndex) withClue(s"$name: ") {
        val before = stats(spark)
        query(spark, i).cache().count()
        val unchanged = name == "stays"
        assert((stats(spark).hits - before.hits == 1) == unchanged)
        assert((stats(spark).computed - before.computed == 0) == unchanged)
      }
    }
  }

  test("a file written while rows are computed, or read by some units only, counts as it should") {
    val dir = directory("partly")
    val model = write(dir.resolve("m"), "1")
    val cache = directory("partly-cache")
    application(cache, reporting) { spark =>
      Reports.all = evidence => {
        evidence.read(model.toString)
        write(model, System.nanoTime().toString)
      }
      rows(spark).cache().count()
      assert(stats(spark).withheld.get("FILE") > 0, stats(spark).withheld)
    }
    val some = write(dir.resolve("some"), "1")
    application(cache, reporting) { spark =>
      Reports.all = evidence => if (TaskContext.getPartitionId() == 0) evidence.read(some.toString)
      rows(spark).cache().count()
    }
    write(some, "2")
    Reports.clear()
    application(cache, reporting) { spark =>
      rows(spark).cache().count()
      assert(stats(spark).hits > 0 && stats(spark).computed > 0, "only what read it is computed")
    }
  }

  test("a relation goes on with the rows it has shown when a file changes") {
    val model = write(directory("shown").resolve("m"), "2")
    application(directory("shown-cache"), reporting) { spark =>
      Reports.all = _.read(model.toString)
      Reports.file = Some(model)
      val df = rows(spark).cache()
      val first = ExactRows.of(df)
      write(model, "9")
      assert(ExactRows.of(df) == first, "as plain Spark's cache does")
      df.unpersist(true)
      assert(ExactRows.of(rows(spark).cache()) != first)
    }
  }

  test("what comes from the remote tier is looked at on the host that fetches it") {
    val model = write(directory("remote-model").resolve("m"), "1")
    val remote = "spark.diskcache.remote.dir" -> directory("remote").toUri.toString
    def run(cache: String): (Long, Long, Seq[String]) = application(directory(cache), reporting, remote) { spark =>
      Reports.all = _.read(model.toString)
      Reports.file = Some(model)
      val found = ExactRows.of(rows(spark).cache())
      (stats(spark).fetched, stats(spark).computed, found)
    }
    val (_, _, first) = run("remote-1")
    assert(run("remote-2") == ((4L, 0L, first)))
    write(model, "2")
    val (fetched, computed, second) = run("remote-3")
    assert(fetched == 0 && computed == 4 && second != first)
    assert(run("remote-4") == ((4L, 0L, second)), "the objects were replaced")
    Files.delete(model)
    Reports.clear()
    application(directory("remote-5"), reporting, remote) { spark =>
      rows(spark).cache().count()
      assert(stats(spark).fetched == 0 && stats(spark).computed == 4, "a host without the file")
    }
  }

  test("functions below an exchange report to the driver") {
    val cache = directory("below")
    val since = DriverEvidence.process().mark()
    val below = java.util.Set.of("f1", "f2")
    DriverEvidence.process().started("f1")
    DriverEvidence.process().proven("f1")
    DriverEvidence.process().started("other")
    assert(new RunEvidence(since, below, java.util.List.of()).now().isEmpty)
    DriverEvidence.process().started("f2")
    val open = new RunEvidence(since, below, java.util.List.of())
    assert(open.now().objections().asScala.map(_.reason()) == Seq(Objection.Reason.UNPROVEN))
    DriverEvidence.process().proven("f2")
    val model = write(cache.resolve("m"), "1")
    DriverEvidence.process().read("f2", FileRead.of(model.toString).get())
    assert(open.now().mayPublish() && open.now().reads().size() == 1)
    DriverEvidence.process().`object`("f1", new Objection(Objection.Reason.DIFFERS, "x", "y"))
    assert(!open.now().mayPublish())
    val later = DriverEvidence.process().mark()
    assert(new RunEvidence(later, below, java.util.List.of()).now().isEmpty, "only what came since")
  }
}

/** The report when a task opens an input file, and where the digit in its rows comes from. */
object Reports {
  @volatile var all: Evidence => Unit = _ => ()
  @volatile var file: Option[Path] = None

  /** For files of one directory only, by its name. */
  @volatile var at: Map[String, Evidence => Unit] = Map.empty

  def clear(): Unit = {
    all = _ => ()
    at = Map.empty
    file = None
  }
}

/**
 * In the place of a function: code of the task whose hash says nothing of what it reads and does, so
 * that the reports have to. A hash sign in a file is the first character of another file.
 */
final class ReportingFileSystem extends FactsFileSystem("reporting", etags = true) {
  override def open(path: HadoopPath, bufferSize: Int): FSDataInputStream = {
    val evidence = TaskEvidence.of(TaskContext.get())
    Reports.all(evidence)
    Reports.at.get(path.getParent.getName).foreach(_(evidence))
    val digit = Reports.file.map(Files.readString(_).take(1)).getOrElse("0")
    val content = Files.readString(Path.of(path.toUri.getPath)).replace("#", digit)
    new FSDataInputStream(new ReportingFileSystem.Content(content.getBytes(UTF_8)))
  }
}

object ReportingFileSystem {
  private final class Content(bytes: Array[Byte]) extends FSInputStream {
    private var at = 0
    override def seek(position: Long): Unit = at = position.toInt
    override def getPos: Long = at
    override def seekToNewSource(position: Long): Boolean = false
    override def read(): Int = if (at == bytes.length) -1 else { at += 1; bytes(at - 1) & 0xff }
  }
}
