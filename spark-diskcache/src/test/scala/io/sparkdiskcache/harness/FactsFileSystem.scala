// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.net.URI
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Paths}
import java.security.MessageDigest
import java.util.HexFormat
import java.util.concurrent.atomic.AtomicReference

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs._
import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus
import org.apache.hadoop.util.Progressable

/**
 * Local files under a scheme of their own, told by length, time, and an eTag as object stores have
 * it, or an inode as in HDFS: one that a file keeps that is written again in place. Of the time only
 * whole seconds, as of many stores. Read-only.
 */
abstract class FactsFileSystem(scheme: String, etags: Boolean, inodes: Boolean = true)
    extends FileSystem {
  private val raw = new RawLocalFileSystem

  override def initialize(name: URI, conf: Configuration): Unit = {
    super.initialize(name, conf)
    raw.initialize(URI.create("file:///"), conf)
  }

  override def getScheme: String = scheme
  override def getUri: URI = URI.create(s"$scheme:///")
  override def getWorkingDirectory: Path = new Path(s"$scheme:///")
  override def setWorkingDirectory(dir: Path): Unit = ()

  private def local(path: Path): Path = new Path("file", null, path.toUri.getPath)

  private def seen(status: FileStatus): FileStatus = {
    val path = new Path(s"$scheme://${status.getPath.toUri.getPath}")
    val time = status.getModificationTime / 1000 * 1000
    if (etags && status.isFile) new FactsFileSystem.Tagged(status, time, path)
    else if (inodes && status.isFile)
      new HdfsFileStatus.Builder()
        .length(status.getLen)
        .replication(1)
        .blocksize(status.getBlockSize)
        .mtime(time)
        .path(path.getName.getBytes(UTF_8))
        .fileId(1L + (path.hashCode & Int.MaxValue))
        .build()
        .makeQualified(getUri, path.getParent)
    else new FileStatus(status.getLen, status.isDirectory, 1, status.getBlockSize, time, path)
  }

  override def getFileStatus(path: Path): FileStatus = seen(raw.getFileStatus(local(path)))
  override def listStatus(path: Path): Array[FileStatus] = raw.listStatus(local(path)).map(seen)

  override def open(path: Path, bufferSize: Int): FSDataInputStream = {
    FactsFileSystem.beforeOpen.getAndSet(() => ()).apply()
    raw.open(local(path), bufferSize)
  }

  override def create(
      f: Path, p: FsPermission, o: Boolean, b: Int, r: Short, s: Long, g: Progressable) = readOnly()
  override def append(f: Path, bufferSize: Int, progress: Progressable) = readOnly()
  override def rename(src: Path, dst: Path): Boolean = readOnly()
  override def delete(f: Path, recursive: Boolean): Boolean = readOnly()
  override def mkdirs(f: Path, permission: FsPermission): Boolean = readOnly()

  private def readOnly(): Nothing = throw new UnsupportedOperationException("read-only")
}

final class NoFactsFileSystem extends FactsFileSystem("nofacts", etags = false)

/** Tells nothing that an overwrite could not leave as it was. */
final class BareFileSystem extends FactsFileSystem("bare", etags = false, inodes = false)
final class EtagFileSystem extends FactsFileSystem("etag", etags = true)

object FactsFileSystem {
  /** Done once, before the next file is opened. */
  val beforeOpen = new AtomicReference[() => Unit](() => ())

  val settings: Seq[(String, String)] = Seq(
    "spark.hadoop.fs.nofacts.impl" -> classOf[NoFactsFileSystem].getName,
    "spark.hadoop.fs.bare.impl" -> classOf[BareFileSystem].getName,
    "spark.hadoop.fs.etag.impl" -> classOf[EtagFileSystem].getName)

  private final class Tagged(status: FileStatus, time: Long, path: Path)
      extends FileStatus(status.getLen, false, 1, status.getBlockSize, time, path)
      with EtagSource {
    private val etag = {
      val content = Files.readAllBytes(Paths.get(path.toUri.getPath))
      HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(content))
    }

    override def getEtag: String = etag
  }
}
