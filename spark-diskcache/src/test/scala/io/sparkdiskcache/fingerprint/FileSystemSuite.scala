// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.net.URI
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.nio.file.attribute.FileTime

import io.sparkdiskcache.harness.FactsFileSystem
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileStatus, FilterFileSystem, LocalFileSystem, Path => HadoopPath, RawLocalFileSystem}
import org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme
import org.scalatest.funsuite.AnyFunSuite

/**
 * Files of every kind of file system: either an overwrite of the same length with its modification
 * time put back gives another key, or they are refused.
 */
class FileSystemSuite extends AnyFunSuite with PlanFixture {
  private val local = dir.resolve("files").toAbsolutePath

  private def setting(key: String, value: String): Unit =
    spark.sparkContext.hadoopConfiguration.set(key, value)

  override protected def beforeAll(): Unit = {
    super.beforeAll()
    Files.createDirectories(local)
    FactsFileSystem.settings.foreach { case (key, value) => setting(key.stripPrefix("spark.hadoop."), value) }
    setting("fs.viewfs.mounttable.c.link./m", s"file://$local")
    setting("fs.viewfs.mounttable.deep.link./a", "viewfs://c/m")
    setting("fs.viewfs.mounttable.bare.link./m", s"bare://$local")
    setting("fs.viewfs.mounttable.etag.link./m", s"etag://$local")
    setting("fs.viewfs.mounttable.over.link./m", s"file://$local")
    setting("fs.over.impl", classOf[ViewFileSystemOverloadScheme].getName)
    setting("fs.viewfs.overload.scheme.target.over.impl", classOf[LocalFileSystem].getName)
    for (of <- Seq(classOf[Filtered], classOf[OfUser], classOf[SubLocal], classOf[SubRaw], classOf[Blank])) {
      setting(s"fs.${of.getSimpleName.toLowerCase}.impl", of.getName)
    }
  }

  /** Overwrites with the same length and puts the time back. */
  private def overwrite(file: Path, text: String): Unit = {
    val time = Files.getLastModifiedTime(file)
    Files.write(file, text.getBytes(UTF_8))
    Files.setLastModifiedTime(file, time)
  }

  private def outcome(name: String, base: String): String = {
    val file = local.resolve(s"$name.txt")
    Files.write(file, "1\n2\n".getBytes(UTF_8))
    Files.setLastModifiedTime(file, FileTime.fromMillis(1700000000000L))
    def query = spark.read.text(s"$base/$name.txt")
    fingerprint(query) match {
      case refused: FingerprintResult.Refused => refused.refusal.code.toString
      case before: FingerprintResult.Accepted =>
        assert(PlanFixture.keys(before) == keys(query), "stable while nothing changes")
        assert(InputStats.unchanged(before.inputs, spark.sparkContext.hadoopConfiguration))
        overwrite(file, "7\n8\n")
        assert(!InputStats.unchanged(before.inputs, spark.sparkContext.hadoopConfiguration))
        if (PlanFixture.keys(before).intersect(keys(query)).isEmpty) "told" else "stale"
    }
  }

  for ((name, base, expected) <- Seq(
      ("file", s"file:LOCAL", "told"),
      ("etag", "etag://LOCAL", "told"),
      ("viewfs", "viewfs://c/m", "told"),
      ("viewfs-of-viewfs", "viewfs://deep/a", "told"),
      ("viewfs-of-etags", "viewfs://etag/m", "told"),
      ("viewfs-of-bare", "viewfs://bare/m", "INPUT_VERSION"),
      ("view-by-another-scheme", "over://over/m", "told"),
      ("bare", "bare://LOCAL", "INPUT_VERSION"),
      ("a filter of the user's", "filtered://LOCAL", "INPUT_VERSION"),
      ("a scheme of the user's", "ofuser://LOCAL", "INPUT_VERSION"),
      ("a local one of the user's", "sublocal://LOCAL", "INPUT_VERSION"),
      ("a raw one of the user's", "subraw://LOCAL", "INPUT_VERSION"),
      ("a blank eTag", "blank://LOCAL", "INPUT_VERSION"))) {
    test(s"$name: $expected") {
      assert(outcome(name.replace(' ', '-').replace('\'', '-'), base.replace("LOCAL", local.toString)) == expected)
    }
  }

  test("options that UTF-8 cannot say, and options given twice, are told apart") {
    Files.write(local.resolve("options.csv"), "a,b\n".getBytes(UTF_8))
    def csv(options: (String, String)*) =
      function(spark.read.schema("x string, y string").options(options.toMap).csv(s"$local/options.csv"))
    val all = Seq(csv(), csv("nullValue" -> "\uD800"), csv("nullValue" -> "\uD801"), csv("nullValue" -> "?"),
      csv("nullValue" -> "\uFFFD"), csv("nullValue" -> "\uDC00"), csv("emptyValue" -> "\uD800"),
      csv("nullValue" -> "a\u0000b"), csv("nullValue" -> "a"), csv("comment" -> "#"))
    assert(all.distinct.size == all.size)
  }

  test("a refused file system is named") {
    Files.write(local.resolve("named.txt"), "1\n".getBytes(UTF_8))
    val refusal = refused(spark.read.text(s"bare://$local/named.txt"))
    assert(refusal.sentence.contains("BareFileSystem"), refusal)
    assert(refusal.sentence.contains("modification time"), refusal)
  }
}

/** Local files under the scheme of the class's name. */
abstract class UnderScheme(scheme: String) extends RawLocalFileSystem {
  override def getUri: URI = URI.create(s"$scheme:///")
  override def getScheme: String = scheme
  override def initialize(uri: URI, conf: Configuration): Unit = { super.initialize(uri, conf); setConf(conf) }
  override def checkPath(path: HadoopPath): Unit = ()
  override def pathToFile(path: HadoopPath): java.io.File = new java.io.File(path.toUri.getPath)
  override def getFileStatus(path: HadoopPath): FileStatus = {
    val status = super.getFileStatus(path)
    new FileStatus(status.getLen, status.isDirectory, 1, status.getBlockSize, status.getModificationTime,
      new HadoopPath(s"$scheme://${status.getPath.toUri.getPath}"))
  }
}

final class OfUser extends UnderScheme("ofuser")
final class SubRaw extends UnderScheme("subraw")

final class SubLocal extends LocalFileSystem(new UnderScheme("sublocal") {}) {
  override def getUri: URI = URI.create("sublocal:///")
  override def getScheme: String = "sublocal"
  override def checkPath(path: HadoopPath): Unit = ()
}

/** May hand out other content than the file system below. */
final class Filtered extends FilterFileSystem(new UnderScheme("filtered") {}) {
  override def getUri: URI = URI.create("filtered:///")
  override def getScheme: String = "filtered"
  override def checkPath(path: HadoopPath): Unit = ()
}

/** An object store whose eTags say nothing. */
final class Blank extends UnderScheme("blank") {
  override def getFileStatus(path: HadoopPath): FileStatus = new Blank.Tagged(super.getFileStatus(path))
}

object Blank {
  final class Tagged(status: FileStatus) extends FileStatus(status) with org.apache.hadoop.fs.EtagSource {
    override def getEtag: String = " "
  }
}
