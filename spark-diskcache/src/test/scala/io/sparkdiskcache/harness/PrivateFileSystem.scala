// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

import org.apache.hadoop.fs.{CommonPathCapabilities, FSDataInputStream, Path}
import org.apache.hadoop.fs.permission.FsAction
import org.apache.hadoop.security.{AccessControlException, UserGroupInformation}

/** Files whose contents some users may not read, though everybody may look at their status. */
final class PrivateFileSystem extends FactsFileSystem("private", etags = false) {
  override def hasPathCapability(path: Path, capability: String): Boolean =
    capability == CommonPathCapabilities.FS_PERMISSIONS || super.hasPathCapability(path, capability)

  override def access(path: Path, mode: FsAction): Unit = {
    val user = UserGroupInformation.getCurrentUser.getShortUserName
    if (PrivateFileSystem.broken) throw new NoClassDefFoundError("a class of the file system")
    if (mode.implies(FsAction.READ) && PrivateFileSystem.barred.contains(user)) {
      throw new AccessControlException(s"$user may not read $path")
    }
  }

  override def open(path: Path, bufferSize: Int): FSDataInputStream = {
    PrivateFileSystem.opened.incrementAndGet()
    super.open(path, bufferSize)
  }
}

object PrivateFileSystem {
  /** Users who may not read. */
  val barred: java.util.Set[String] = ConcurrentHashMap.newKeySet()

  /** Whether asking for rights ends in an error. */
  @volatile var broken = false

  /** How often a file was opened. */
  val opened = new AtomicInteger

  val setting: (String, String) = "spark.hadoop.fs.private.impl" -> classOf[PrivateFileSystem].getName
}
