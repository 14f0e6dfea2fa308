// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{FullDiskApp, NewJvm, TestDirectories}
import org.scalatest.funsuite.AnyFunSuite

/** A disk without a free byte, which has Spark's scratch directory as well, is an ordinary day. */
class FullDiskSuite extends AnyFunSuite with TestDirectories {
  private val Size = "8m"

  /**
   * Starts a command where `mount` is a file system of its own, in memory, that nobody else sees and
   * that ends with it. Root may mount; others may in a user namespace.
   */
  private def onSmallDisk(mount: String): Seq[String] = {
    val script = s"mount -t tmpfs -o size=$Size,mode=0700 tmpfs '$mount' && exec " + "\"$@\""
    val namespaces =
      if (System.getProperty("user.name") == "root") Seq("--mount")
      else Seq("--user", "--map-root-user", "--mount")
    Seq("unshare") ++ namespaces ++ Seq("sh", "-c", script, "sh")
  }

  test("a disk that fills up costs hits, never a row or a job, and works again with room on it") {
    val mount = directory("disk")
    val can = new ProcessBuilder((onSmallDisk(mount.toString) :+ "true"): _*).start().waitFor() == 0
    assume(can, "this machine lets nobody mount a file system")
    val result = directory("results").resolve("full-disk.json")
    val finished = NewJvm.run(
      FullDiskApp.getClass.getName.stripSuffix("$"),
      Seq(mount.resolve("cache").toString, result.toString),
      withCache = true,
      directory("logs").resolve("full-disk.log"),
      prefix = onSmallDisk(mount.toString))
    assert(finished.exit == 0, s"the application failed:\n${finished.output.takeRight(4000)}")
    val steps = new ObjectMapper().readTree(Files.readString(result))

    def step(name: String)(check: JsonNode => Unit): Unit = {
      val found = steps.get(name)
      withClue(s"what $name: $found ") {
        assert(found.get("same").asBoolean, "rows")
        assert(found.get("unfinished").asLong == 0, "files left behind")
        check(found)
      }
    }
    def stored(found: JsonNode): Unit =
      assert(found.get("hits").asLong == 0 && found.get("published").asLong == 2)
    def hit(found: JsonNode): Unit =
      assert(found.get("hits").asLong == 2 && found.get("published").asLong == 0)
    def failed(found: JsonNode): Unit = {
      assert(found.get("hits").asLong == 0 && found.get("published").asLong < 2)
      assert(found.get("errors").asLong > 0, "counted")
    }
    step("fits")(stored)
    step("is too large")(failed)
    step("is there")(hit)
    step("does not fit any more")(failed)
    step("is there all the same")(hit)
    step("fits again")(found => assert(found.get("published").asLong > 0))
    step("is there again")(hit)
    assert(finished.output.contains("No space left on device"), "the log says why")
    assert(finished.output.contains("Cannot write to Spark's scratch directory"), "which is full as well")
  }
}
