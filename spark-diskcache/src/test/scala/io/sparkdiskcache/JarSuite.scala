// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.zip.ZipFile

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.NewJvm
import org.scalatest.funsuite.AnyFunSuite

/** The packaged jar contains what it should, and the documents say so. */
class JarSuite extends AnyFunSuite {
  private val Begin = "<!-- third-party:begin -->\n"
  private val End = "<!-- third-party:end -->"

  /** A line of the list: `(licence) (licence) name (group:artifact:version - address)`. */
  private val Library = """\s*((?:\([^)]*\)\s*)+)(.*) \(([^:]+):([^:]+):([^ ]+) - .*\)""".r

  private def read(entry: String): String = {
    val jar = new ZipFile(NewJvm.jar.toFile)
    try {
      val found = jar.getEntry(entry)
      assert(found != null, s"$entry is in the jar")
      new String(jar.getInputStream(found).readAllBytes(), UTF_8)
    } finally jar.close()
  }

  private def names: Seq[String] = {
    val jar = new ZipFile(NewJvm.jar.toFile)
    try jar.entries().asScala.map(_.getName).toList
    finally jar.close()
  }

  private def libraries: Seq[(String, String, String)] =
    read("META-INF/THIRD-PARTY.txt").linesIterator.collect {
      case Library(licences, _, group, artifact, version) =>
        (s"$group:$artifact", version, licences.trim.split("\\)\\s*\\(").map(_.stripPrefix("(").stripSuffix(")")).mkString(", "))
    }.toSeq.sorted

  test("licence and notice are those of the project") {
    assert(read("META-INF/LICENSE") == Files.readString(Path.of("../LICENSE")))
    assert(read("META-INF/NOTICE") == Files.readString(Path.of("../NOTICE")))
    assert(names.contains("META-INF/maven/org.xerial/sqlite-jdbc/LICENSE.zentus"))
  }

  test("all classes are of the project or of a library that is listed") {
    assert(libraries.map(_._1) == Seq("com.google.code.gson:gson", "info.picocli:picocli", "org.xerial:sqlite-jdbc"))
    val known = Seq("io/sparkdiskcache/", "org/sqlite/", "META-INF/")
    assert(names.filter(_.endsWith(".class")).filterNot(name => known.exists(name.startsWith)) == Nil)
    val shaded = names.collect { case name if name.matches("io/sparkdiskcache/shaded/.+") => name.split("/")(3) }.toSet
    assert(shaded == Set("gson", "picocli"))
  }

  /** Run with `-Ddiskcache.docs.write=true` to bring the document up to date. */
  test("the document lists what is in the jar") {
    val rows = libraries.map { case (name, version, licences) => s"| `$name` | $version | $licences |\n" }
    val table = "| library | version | licence |\n|---|---|---|\n" + rows.mkString
    val document = Path.of("../docs/third-party.md")
    val text = Files.readString(document)
    val (from, to) = (text.indexOf(Begin) + Begin.length, text.indexOf(End))
    val expected = text.substring(0, from) + table + text.substring(to)
    if (java.lang.Boolean.getBoolean("diskcache.docs.write")) {
      Files.writeString(document, expected)
    }
    assert(Files.readString(document) == expected, "run this suite with -Ddiskcache.docs.write=true")
  }
}
