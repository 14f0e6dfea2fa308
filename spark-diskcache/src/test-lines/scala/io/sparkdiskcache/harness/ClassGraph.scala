// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.Path
import java.util.zip.ZipFile

import scala.collection.mutable
import scala.jdk.CollectionConverters._

import org.apache.xbean.asm9.{ClassReader, Opcodes}
import org.apache.xbean.asm9.tree.{ClassNode, FieldNode, MethodNode}

/** The classes of a jar, of other jars and of the JDK, by the names that class files have for them. */
final class ClassGraph(jar: Path, prefix: String, libraries: Seq[Path]) extends AutoCloseable {
  private val files = (libraries :+ jar).map(path => new ZipFile(path.toFile))
  private val entries = mutable.HashMap.empty[String, ZipFile]
  private val parsed = mutable.HashMap.empty[String, Option[ClassNode]]
  for (file <- files; entry <- file.entries().asScala.map(_.getName) if entry.endsWith(".class")) {
    entries(entry.stripSuffix(".class")) = file // the jar is last and wins
  }

  /** The names of the classes to examine: of the jar, and not of what is shaded into it. */
  val own: Seq[String] = files.last.entries().asScala.map(_.getName).toSeq
    .filter(name => name.startsWith(prefix) && name.endsWith(".class") && !name.contains("/shaded/"))
    .map(_.stripSuffix(".class"))
    .sorted

  private val ownNames = own.toSet

  def isOwn(name: String): Boolean = ownNames(name)

  def whole(name: String): ClassNode = read(bytes(name).get, 0)

  /** Without code. */
  def find(name: String): Option[ClassNode] =
    parsed.getOrElseUpdate(name, bytes(name).map(read(_, ClassReader.SKIP_CODE)))

  private def read(bytes: Array[Byte], flags: Int): ClassNode = {
    val node = new ClassNode
    new ClassReader(bytes).accept(node, flags | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES)
    node
  }

  private def bytes(name: String): Option[Array[Byte]] = {
    val in = entries.get(name) match {
      case Some(file) => file.getInputStream(file.getEntry(s"$name.class"))
      case None => ClassLoader.getPlatformClassLoader.getResourceAsStream(s"$name.class")
    }
    Option(in).map { stream =>
      try stream.readAllBytes()
      finally stream.close()
    }
  }

  /** A class and all that it extends, those outside as well; None stands for one that is not there. */
  def ancestry(name: String): Seq[Option[ClassNode]] = {
    val seen = mutable.LinkedHashMap.empty[String, Option[ClassNode]]
    def visit(name: String): Unit = if (!seen.contains(name)) {
      seen(name) = find(name)
      find(name).foreach { node =>
        Option(node.superName).foreach(visit)
        node.interfaces.forEach(one => visit(one))
      }
    }
    visit(name)
    seen.values.toSeq
  }

  def method(owner: String, name: String, desc: String): Option[(ClassNode, MethodNode)] = {
    val candidates = if (name == "<init>") Seq(find(owner)) else ancestry(owner)
    candidates.flatten.iterator.flatMap { node =>
      node.methods.asScala.iterator
        .filter(m => m.name == name && (m.desc == desc || isPolymorphic(node, m)))
        .map(node -> _)
    }.nextOption()
  }

  /** `MethodHandle.invoke` and the like take any arguments. */
  private def isPolymorphic(node: ClassNode, m: MethodNode): Boolean =
    node.name.startsWith("java/lang/invoke/") && (m.access & Opcodes.ACC_NATIVE) != 0 &&
      (m.access & Opcodes.ACC_VARARGS) != 0

  def field(owner: String, name: String, desc: String): Option[(ClassNode, FieldNode)] =
    ancestry(owner).flatten.iterator.flatMap { node =>
      node.fields.asScala.iterator.filter(f => f.name == name && f.desc == desc).map(node -> _)
    }.nextOption()

  override def close(): Unit = files.foreach(_.close())
}
