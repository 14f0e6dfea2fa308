// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.harness.{DescriptorsApp, NewJvm, TestDirectories}
import org.scalatest.funsuite.AnyFunSuite

/** An application that may have a few more files open than Spark needs, and keeps many more entries. */
class DescriptorsSuite extends AnyFunSuite with TestDirectories {
  test("entries need no descriptors once they are mapped") {
    val result = directory("results").resolve("descriptors.json")
    val finished = NewJvm.run(
      DescriptorsApp.getClass.getName.stripSuffix("$"),
      Seq(directory("cache").toString, result.toString),
      withCache = true,
      directory("logs").resolve("descriptors.log"))
    assert(finished.exit == 0, finished.output.takeRight(4000))
    val found = new ObjectMapper().readTree(Files.readString(result))
    withClue(s"$found ") {
      assert(found.get("same").asBoolean, "rows")
      assert(found.get("limit").asInt < found.get("entries").asInt + found.get("before").asInt, "few")
      assert(found.get("computed").asInt == found.get("entries").asInt)
      assert(found.get("hits").asInt >= found.get("entries").asInt)
      assert(found.get("errors").asInt == 0 && found.get("quarantined").asInt == 0)
    }
  }
}
