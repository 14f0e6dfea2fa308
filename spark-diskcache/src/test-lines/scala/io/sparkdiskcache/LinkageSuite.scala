// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.sparkdiskcache.harness.{ClassGraph, LinkageScan, NewJvm}
import org.apache.xbean.asm9.Opcodes._
import org.apache.xbean.asm9.tree.MethodNode
import org.scalatest.funsuite.AnyFunSuite

/**
 * The packaged jar beside the classes of its line of Spark, without running any: what it names is
 * there, and what it overrides is asked. An override that Spark stopped calling fails in no other
 * way than by wrong rows.
 *
 * `overrides-LINE.tsv` holds what classes of the jar override, and what a cached relation, which is
 * Spark's own class, could be asked besides. With `-Ddiskcache.classes.write=true` it is written
 * anew: read the difference. `-Ddiskcache.linkage=DIRECTORY` scans against the jars there instead,
 * of another release of the line.
 */
class LinkageSuite extends AnyFunSuite {
  private val line = System.getProperty("diskcache.line")
  private val Prefix = "io/sparkdiskcache/"

  private lazy val libraries: Seq[Path] = Option(System.getProperty("diskcache.linkage")) match {
    case Some(directory) =>
      val jars = Files.list(Path.of(directory))
      try jars.iterator().asScala.filter(_.toString.endsWith(".jar")).toList.sorted
      finally jars.close()
    case None => NewJvm.stockClassPath.map(Path.of(_))
  }

  private def withGraph[T](body: ClassGraph => T): T = {
    val graph = new ClassGraph(NewJvm.jar, Prefix, libraries)
    try body(graph)
    finally graph.close()
  }

  test("every class, method and field that the jar names is there") {
    withGraph { graph =>
      val scan = new LinkageScan(graph)
      val broken = scan.broken()
      assert(graph.own.size > 400 && scan.references > 2000, "the jar was scanned")
      assert(broken == Nil, broken.mkString("\n", "\n", ""))
    }
  }

  test("every override that was read still overrides, and a cached relation can be asked nothing new") {
    assume(System.getProperty("diskcache.linkage") == null)
    val now = withGraph(overrides)
    val file = Path.of(s"src/test-lines/resources/io/sparkdiskcache/overrides-$line.tsv")
    if (java.lang.Boolean.getBoolean("diskcache.classes.write")) {
      Files.createDirectories(file.getParent)
      Files.write(file, now.asJava, StandardCharsets.UTF_8)
    }
    val read = Files.readAllLines(file, StandardCharsets.UTF_8).asScala.toSeq
    assert(now.size > 100, "the jar was walked")
    assert(now.filterNot(read.toSet) == Nil, "overridden or offered now, and not read")
    assert(read.filterNot(now.toSet) == Nil, "overrides nothing any more, or is not offered")
  }

  private def overrides(graph: ClassGraph): Seq[String] = {
    val found = for {
      name <- graph.own
      mine = graph.find(name).get.methods.asScala.filter(isVirtual).map(m => m.name + m.desc).toSet
      parent <- graph.ancestry(name).flatten
      if !graph.isOwn(parent.name) && !parent.name.startsWith("java/") && !parent.name.startsWith("scala/")
      method <- parent.methods.asScala
      if isVirtual(method) && (method.access & ACC_FINAL) == 0 && mine(method.name + method.desc)
    } yield s"overrides\t$name\t${method.name}${method.desc}"
    val builder = "org/apache/spark/sql/execution/columnar/CachedRDDBuilder"
    val offered = graph.find(builder).get.methods.asScala
      .filter(m => isVirtual(m) && !m.name.contains("$"))
      .map(m => s"offers\t$builder\t${m.name}${m.desc}")
    (found ++ offered).distinct.sorted
  }

  private def isVirtual(m: MethodNode): Boolean =
    (m.access & (ACC_STATIC | ACC_PRIVATE | ACC_SYNTHETIC)) == 0 && !m.name.startsWith("<")
}
