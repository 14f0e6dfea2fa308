// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.Files

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{DescriptorsApp, NewJvm, TestDirectories}
import org.scalatest.funsuite.AnyFunSuite

/**
 * A process that may have a few more files open than Spark needs and keeps many more entries, and
 * one that has no descriptor left.
 */
class DescriptorsSuite extends AnyFunSuite with TestDirectories {
  private lazy val found: JsonNode = {
    val result = directory("results").resolve("descriptors.json")
    val finished = NewJvm.run(
      DescriptorsApp.getClass.getName.stripSuffix("$"),
      Seq(directory("cache").toString, result.toString),
      withCache = true,
      directory("logs").resolve("descriptors.log"))
    assert(finished.exit == 0, finished.output.takeRight(4000))
    new ObjectMapper().readTree(Files.readString(result))
  }

  private def each(steps: String)(check: JsonNode => Unit): Unit =
    found.get(steps).elements.asScala.zipWithIndex.foreach { case (step, number) =>
      withClue(s"$steps, $number: $step ") {
        assert(step.get("same").asBoolean, "rows")
        check(step)
      }
    }

  test("entries need no descriptors once they are mapped") {
    val few = found.get("few")
    withClue(s"$few ") {
      assert(few.get("same").asBoolean, "rows")
      assert(few.get("limit").asInt < few.get("entries").asInt + few.get("before").asInt, "few")
      assert(few.get("computed").asInt == few.get("entries").asInt)
      assert(few.get("hits").asInt >= few.get("entries").asInt)
      assert(few.get("errors").asInt == 0 && few.get("quarantined").asInt == 0)
    }
  }

  test("without descriptors rows are computed, counted, and nothing that is kept is lost") {
    each("old without")(step => assert(step.get("hits").asInt + step.get("computed").asInt >= 2))
    each("fresh without")(step => assert(step.get("computed").asInt == 2))
    Seq("old without", "fresh without").map(found.get(_).get(0)).foreach { step =>
      assert(step.get("computed").asInt == 2 && step.get("published").asInt == 0, step)
      assert(step.get("errors").asInt > 0 && step.get("withheld").asInt >= 2, s"counted: $step")
    }
    Seq("quarantined", "missing", "gone", "leases").foreach(name => assert(found.get(name).asInt == 0, name))
  }

  test("with descriptors again everything that was kept is found, and what is computed is kept") {
    each("old afterwards")(step => assert(step.get("hits").asInt == 2 && step.get("errors").asInt == 0))
    each("fresh afterwards")(step => assert(step.get("hits").asInt + step.get("published").asInt == 2))
    each("fresh again")(step => assert(step.get("hits").asInt == 2 && step.get("computed").asInt == 0))
  }
}
