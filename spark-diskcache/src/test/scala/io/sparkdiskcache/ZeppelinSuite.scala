// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import com.fasterxml.jackson.databind.node.{ArrayNode, ObjectNode}
import io.sparkdiskcache.harness.{DrawnTests, NewJvm, NoteApp, TestDirectories}

/**
 * The note of `notebooks/zeppelin`, run as Zeppelin's interpreter would run its paragraphs, see
 * [[NoteApp]] for what stands in for Zeppelin: the next interpreter finds the work of the last.
 */
class ZeppelinSuite extends DrawnTests with TestDirectories {
  override protected def property: String = "diskcache.zeppelin"
  override protected def drawn: Int = 1
  private val committed = Path.of("../notebooks/zeppelin/spark-diskcache.zpln")
  private val CacheOnly = Set("Was it found?", "What the cache has done in this application")

  private def titles: Seq[String] =
    new ObjectMapper()
      .readTree(Files.readString(committed))
      .get("paragraphs")
      .elements()
      .asScala
      .filterNot(_.get("text").asText.startsWith("%md"))
      .map(_.get("title").asText)
      .toSeq

  /** An interpreter in a JVM of its own. */
  private final class Started(name: String, note: Path, cache: Path, settings: Seq[String] = Nil) {
    private val result = directory("results").resolve(s"$name.json")
    private val log = directory("logs").resolve(s"$name.log")
    private val app = NoteApp.getClass.getName.stripSuffix("$")
    private val process = NewJvm.start(
      app,
      Seq(
        note.toString,
        result.toString,
        directory(s"classes-$name").toString,
        "spark.master=local[2]",
        "spark.diskcache.inputs.settle=0s",
        s"spark.diskcache.dir=$cache") ++ settings,
      withCache = true,
      log,
      Map("java.io.tmpdir" -> directory("tmp").toString))

    def finish(): Run = {
      val finished = NewJvm.await(process, app, log)
      assert(finished.exit == 0, s"$name failed:\n${finished.output.takeRight(6000)}")
      new Run(new ObjectMapper().readTree(Files.readString(result)))
    }
  }

  private final class Run(json: JsonNode) {
    private val shown = titles.zip(json.get("shown").elements().asScala.map(_.toString)).toMap

    /** The data that paragraphs show. */
    val data: Map[String, String] = shown.filter { case (title, _) => !CacheOnly(title) }

    def apply(figure: String): Long = json.get(figure).asLong
    def refused: String = json.get("refused").toString
    def explained: String = shown("Was it found?")

    override def toString: String = json.toString
  }

  /** The note with one change. */
  private def edited(name: String, from: String, to: String): Path = {
    val text = Files.readString(committed)
    assert(text.contains(from), "the edit does not apply")
    Files.writeString(directory("notes").resolve(s"$name.zpln"), text.replace(from, to))
  }

  /** The note with a paragraph and the next one in one. */
  private def merged(title: String): Path = {
    val json = new ObjectMapper().readTree(Files.readString(committed))
    val paragraphs = json.get("paragraphs").asInstanceOf[ArrayNode]
    val at = (0 until paragraphs.size).find(paragraphs.get(_).path("title").asText == title).get
    val code = Seq(at, at + 1).map(paragraphs.get(_).get("text").asText.stripPrefix("%spark"))
    paragraphs.get(at).asInstanceOf[ObjectNode].put("text", code.mkString("%spark", "\n", ""))
    paragraphs.remove(at + 1)
    Files.writeString(directory("notes").resolve("merged.zpln"), json.toString)
  }

  test("the next interpreter shows the same and executes nothing below what was cached") {
    val cache = directory("cache")
    val first = new Started("first", committed, cache).finish()
    assert(first.refused == "{}")
    assert(first("hits") == 0 && first("computed") > 0 && first("mapTasks") > 0, first)
    assert(first.data.size == 6 && first.data.values.toSet.size == 5, "two print nothing")

    // At the same time: a paragraph with other lines, an edited function, the same without a cache.
    val lines = "%spark\\n// percents\\nval unused = 1\\n\\ncase class Rule"
    val moved = edited("moved", "%spark\\ncase class Rule", lines)
    val other = edited("other", "Rule(\\\"ship\\\", 3)", "Rule(\\\"ship\\\", 5)")
    val off = Seq("spark.diskcache.enabled=false")
    val started = Seq(
      new Started("second", moved, cache),
      new Started("changed", other, cache),
      new Started("plain", other, directory("unused"), off))
    val Seq(second, changed, plain) = started.map(_.finish())

    assert(second.data == first.data)
    assert(second("computed") == 0 && second("hits") == first("computed"), second)
    assert(second("stagesSkipped") > 0 && second("mapTasks") < first("mapTasks"), second)
    assert(second.explained.startsWith("\"hit"), second)
    assert(second.refused == "{}")

    assert(changed("hits") == 0 && changed("computed") == first("computed"), changed)
    assert(plain("hits") + plain("computed") == 0)
    assert(changed.data == plain.data && changed.data != first.data)
  }

  test("a function and the DataFrame over it may be in one paragraph") {
    val run = new Started("merged", merged("A function of this note"), directory("merged")).finish()
    assert(run.refused == "{}" && run("computed") > 0, run)
  }
}
