// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.io.{PrintWriter, StringWriter}
import java.net.URLClassLoader
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}

/**
 * Compiles Scala at run time, and runs notebook sessions. The compiler is reached by reflection, since it is not a dependency
 * of the module: whoever has it on the test class path gets these tests.
 */
private[fingerprint] object ScalaSnippets {
  val available: Boolean =
    try {
      Class.forName("scala.tools.nsc.Main")
      true
    } catch { case _: ClassNotFoundException => false }

  private def classPath: String = System.getProperty("java.class.path")

  /** Compiles one source into a new directory below `root`, and loads it in a new loader. */
  def load(root: Path, source: String, options: String*): URLClassLoader = {
    val home = Files.createTempDirectory(root, "scala")
    val file = Files.write(home.resolve("Snippet.scala"), source.getBytes(UTF_8))
    val classes = Files.createDirectory(home.resolve("classes"))
    val arguments =
      Array("-d", classes.toString, "-classpath", classPath) ++ options :+ file.toString
    val out = new java.io.ByteArrayOutputStream()
    Console.withOut(out)(Console.withErr(out) {
      Class.forName("scala.tools.nsc.Main").getMethod("process", classOf[Array[String]])
        .invoke(null, arguments)
    })
    assert(Files.list(classes).findAny().isPresent, s"the snippet does not compile: $out")
    new URLClassLoader(Array(classes.toUri.toURL), getClass.getClassLoader)
  }

  /** The result of method `make` of a Scala object. */
  def make(loader: ClassLoader, module: String): AnyRef = {
    val owner = Class.forName(module + "$", true, loader)
    owner.getMethod("make").invoke(owner.getField("MODULE$").get(null))
  }

  /** A notebook: `lines` are entered one after the other; the value of the last `val f`. */
  final class Notebook {
    private val settingsClass = Class.forName("scala.tools.nsc.Settings")
    private val messages = new StringWriter()
    private val interpreter = {
      val settings = settingsClass.getConstructor().newInstance().asInstanceOf[AnyRef]
      settingsClass.getMethod("processArguments", classOf[List[_]], classOf[Boolean]).invoke(
        settings,
        List("-Yrepl-class-based", "-Yrepl-use-magic-imports", "-classpath", classPath),
        java.lang.Boolean.TRUE)
      val reporterClass = Class.forName("scala.tools.nsc.interpreter.shell.ReplReporterImpl")
      val reporter = reporterClass.getConstructor(settingsClass, classOf[PrintWriter])
        .newInstance(settings, new PrintWriter(messages)).asInstanceOf[AnyRef]
      Class.forName("scala.tools.nsc.interpreter.IMain").getConstructors
        .find(c => c.getParameterCount == 2 && c.getParameterTypes()(0) == settingsClass &&
          c.getParameterTypes()(1).isInstance(reporter))
        .get.newInstance(settings, reporter).asInstanceOf[AnyRef]
    }

    def run(lines: String*): Notebook = {
      lines.foreach { line =>
        val result = interpreter.getClass.getMethod("interpret", classOf[String]).invoke(interpreter, line)
        assert(result.toString == "Success", s"$line: $messages")
      }
      this
    }

    def loader: ClassLoader =
      interpreter.getClass.getMethod("classLoader").invoke(interpreter).asInstanceOf[ClassLoader]

    def value(name: String): AnyRef =
      interpreter.getClass.getMethod("valueOfTerm", classOf[String]).invoke(interpreter, name)
        .asInstanceOf[Option[AnyRef]].get

    def identity(name: String): CodeIdentity = new CodeHasher(loader).hash(value(name), "cell")
  }
}
