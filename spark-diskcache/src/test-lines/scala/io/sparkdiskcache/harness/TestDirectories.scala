// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.util.Comparator

import org.scalatest.{BeforeAndAfterAll, Suite}

/** Directories of one suite, deleted after it. */
trait TestDirectories extends BeforeAndAfterAll { this: Suite =>
  private lazy val root: Path = {
    val parent = Path.of(System.getProperty("java.io.tmpdir"))
    Files.createDirectories(parent)
    Files.createTempDirectory(
      parent,
      getClass.getSimpleName,
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")))
  }

  /** The directory of a name, made when first asked for. */
  protected def directory(name: String): Path = {
    val dir = root.resolve(name)
    if (!Files.exists(dir)) {
      Files.createDirectory(
        dir,
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")))
    }
    dir
  }

  override protected def afterAll(): Unit =
    try super.afterAll()
    finally {
      val files = Files.walk(root)
      try files.sorted(Comparator.reverseOrder[Path]()).forEach(file => Files.delete(file))
      finally files.close()
    }
}
