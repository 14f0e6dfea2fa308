// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{FileAlreadyExistsException, Files, Path}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._

import org.apache.hadoop.fs.FSDataInputStream
import org.apache.spark.sql.expressions.UserDefinedFunction
import org.apache.spark.sql.functions.udf

/**
 * Where tasks of any process stop until the test opens it: a file. Beside it each process that has
 * come leaves its number.
 */
final class Gate(dir: Path, name: String) {
  private val file = dir.resolve(name)

  def close(): Unit = {
    Files.createDirectories(dir)
    Files.createFile(file)
  }

  def isClosed: Boolean = Files.exists(file)

  /** Lets through who waits, and all who come. */
  def open(): Unit = Files.delete(file)

  /** The processes that have come since it was closed. */
  def arrived: Set[Long] = {
    val files = Files.list(dir)
    try
      files.iterator().asScala
        .map(_.getFileName.toString)
        .filter(_.startsWith(s"$name.by-"))
        .map(_.stripPrefix(s"$name.by-").toLong)
        .toSet
    finally files.close()
  }
}

object Gate {
  private val PollMillis = 20L
  private val TimeoutSeconds = 180L

  /** Waits for what other processes do. */
  def await(what: String)(happened: => Boolean): Unit = {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TimeoutSeconds)
    while (!happened) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError(s"$what: not in $TimeoutSeconds s")
      }
      Thread.sleep(PollMillis)
    }
  }

  /** In a task: waits if there is a gate of that name and it is closed. */
  def pass(dir: String, name: String): Unit = {
    val gate = Path.of(dir, name)
    if (Files.exists(gate)) {
      try Files.createFile(Path.of(dir, s"$name.by-${ProcessHandle.current().pid()}"))
      catch { case _: FileAlreadyExistsException => () } // another task of this process
      await(s"gate $gate was not opened")(!Files.exists(gate))
    }
  }

  /** A column of numbers as it is; the task waits at the gate with the number as its name. */
  def at(dir: Path): UserDefinedFunction = {
    val gates = dir.toString
    udf { (id: Long) =>
      pass(gates, id.toString)
      id
    }
  }
}

/** Opening the file `dir/name` waits for the gate `name` in `dir.gates`. */
final class GateFileSystem extends FactsFileSystem("gate", etags = false) {
  override def open(path: org.apache.hadoop.fs.Path, bufferSize: Int): FSDataInputStream = {
    Gate.pass(path.getParent.toUri.getPath + ".gates", path.getName)
    super.open(path, bufferSize)
  }
}

object GateFileSystem {
  val setting: (String, String) = "spark.hadoop.fs.gate.impl" -> classOf[GateFileSystem].getName
}
