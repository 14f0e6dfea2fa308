// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.util.concurrent.CountDownLatch

import org.apache.hadoop.fs.{FileStatus, Path}

/** A file system that does not answer until the test allows it to, scheme `stalling`. */
final class StallingFileSystem extends FactsFileSystem("stalling", etags = false) {
  override def getFileStatus(path: Path): FileStatus = {
    StallingFileSystem.asked.countDown()
    StallingFileSystem.answer.await()
    super.getFileStatus(path)
  }
}

object StallingFileSystem {
  val asked = new CountDownLatch(1)
  val answer = new CountDownLatch(1)
  val setting: (String, String) = "spark.hadoop.fs.stalling.impl" -> classOf[StallingFileSystem].getName
}
