// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.net.URLClassLoader
import java.util.HexFormat

import io.sparkdiskcache.harness.TestDirectories
import org.scalatest.funsuite.AnyFunSuite

/**
 * Lazy vals of Scala objects and of captured objects that functions use: they have an identity,
 * whether or not somebody has asked for them, and another one when another value comes of them.
 */
class LazyValsSuite extends AnyFunSuite with TestDirectories {
  /** Members of an object or a class, where `@` is what changes, and what a function makes of them. */
  private val values = Seq(
    ("a number", "lazy val v: Int = 40 + @", "v + x"),
    ("a string", "lazy val v = \"text @\"", "v.length + x + v.hashCode"),
    ("a list", "lazy val v = List(\"a\", \"@\")", "v.mkString.hashCode + x"),
    ("a vector of pairs", "lazy val v = Vector(1 -> @, 2 -> 3)", "v.head._2 + x"),
    ("a map", "lazy val v = Map(\"a\" -> @)", "v(\"a\") + x"),
    ("a set", "lazy val v = Set(@, 55)", "v.sum + x"),
    ("an option", "lazy val v: Option[Int] = Some(@)", "v.getOrElse(0) + x"),
    ("a regular expression", "lazy val v = \"[@-9]+\".r", "v.findAllIn(\"1234\").mkString.length + x"),
    ("a pattern", "lazy val v = java.util.regex.Pattern.compile(\"[@-9]\")", "(if (v.matcher(\"1\").matches) 1 else 0) + x"),
    ("a decimal", "lazy val v = BigDecimal(\"@.5\")", "(v * 2).toInt + x"),
    ("a duration", "lazy val v = java.time.Duration.ofSeconds(@)", "v.getSeconds.toInt + x"),
    ("a case class", "lazy val v = Point(@, 2)", "v.sum + x"),
    ("a case class that others hold", "lazy val v = List(Point(1, 2), Point(@, 4))", "v.map(_.sum).sum + x"),
    ("a function", "lazy val v: Int => Int = _ * @", "v(x + 1)"),
    ("one of another", "lazy val u = @ + 1; lazy val v = List(u, u)", "v.sum + x"),
    ("one of a constant", "val rate = @; lazy val v = Vector(rate * 2)", "v.head + x"),
    ("one of another object", "lazy val v = List(Other.base * 2)", "v.head + x"),
    ("a private one", "private lazy val v = Seq(@, 1)", "v.sum + x"),
    ("an iterable that is sorted", "lazy val v = scala.collection.immutable.TreeMap(2 -> 1, @ -> 5)", "v.size + x"),
    ("a formatter", "lazy val v = java.time.format.DateTimeFormatter.ofPattern(\"yyyy'@'\")", "v.format(java.time.LocalDate.of(2026, 1, 1)).hashCode + x"),
    ("an enumeration's value", "lazy val v = Kind(@ - 1)", "v.id + x")
  )

  /** What only captured objects have: values of their arguments. */
  private val captured = Seq(
    ("an argument's list", "(n: Int)", "(@)", "lazy val v = List(n)", "v.head + x"),
    ("an argument's map, left behind", "(n: Int)", "(@)", "@transient lazy val v = Map(1 -> n)", "v(1) + x"),
    ("a pattern of an argument", "(t: String)", "(\"[@-9]\")", "@transient lazy val v = t.r", "v.findAllIn(\"123\").size + x"))

  private def program(version: Int): String = {
    val objects = values.zipWithIndex.map { case ((_, members, use), i) =>
      s"object Object$i { $members; def apply(x: Int): Int = $use; def make = (x: Int) => apply(x) }"
    }
    val classes = values.zipWithIndex.map { case ((_, members, use), i) => (s"Class$i", "()", "()", members, use) } ++
      captured.zipWithIndex.map { case ((_, parameters, arguments, members, use), i) =>
        (s"Class${values.size + i}", parameters, arguments, members, use)
      }
    val captures = classes.map { case (name, parameters, arguments, members, use) =>
      s"class Of$name$parameters extends Serializable { $members; def apply(x: Int): Int = $use }\n" +
        s"object $name { def make = { val c = new Of$name$arguments; (x: Int) => c(x) }; " +
        s"def asked = { val c = new Of$name$arguments; c(1); (x: Int) => c(x) } }"
    }
    val rest =
      """package user
        |case class Point(x: Int, y: Int) { def sum: Int = x + y }
        |object Other { val base = @ }
        |object Kind extends Enumeration { val A, B = Value }
        |""".stripMargin
    (rest + (objects ++ captures).mkString("\n")).replace("@transient", "#").replace("@", version.toString)
      .replace("#", "@transient")
  }

  private lazy val Seq(one, again, two) = {
    val classes = Seq(1, 2).map(version => ScalaSnippets.load(directory("snippets"), program(version)))
    Seq(classes.head, new URLClassLoader(classes.head.getURLs, getClass.getClassLoader), classes.last)
  }

  private def function(loader: ClassLoader, module: String, method: String = "make"): AnyRef = {
    val owner = Class.forName(s"user.$module$$", true, loader)
    owner.getMethod(method).invoke(owner.getField("MODULE$").get(null))
  }

  private def identity(loader: ClassLoader, function: AnyRef): String =
    HexFormat.of().formatHex(new CodeHasher(loader).hash(function, "test").digest)

  private def apply(function: AnyRef): Any = function.asInstanceOf[Int => Any](3)

  private def members(kind: String, names: Seq[String]) =
    names.zipWithIndex.map { case (name, i) => name -> s"$kind$i" }

  for ((name, module) <- members("Object", values.map(_._1)))
    test(s"a lazy val of an object, $name: kept, and other rows have another identity") {
      assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
      val before = identity(one, function(one, module))
      val rows = apply(function(one, module))
      assert(identity(one, function(one, module)) == before, "it was asked for")
      apply(function(again, module))
      assert(identity(again, function(again, module)) == before, "in another process it was asked for first")
      assert(apply(function(two, module)) != rows, "the rows were to differ")
      assert(identity(two, function(two, module)) != before)
    }

  for ((name, module) <- members("Class", values.map(_._1) ++ captured.map(_._1)))
    test(s"a lazy val of a captured object, $name: kept, and other rows have another identity") {
      assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
      val before = identity(one, function(one, module))
      assert(identity(one, function(one, module, "asked")) == before, "it was asked for")
      assert(identity(again, function(again, module)) == before, "in another process")
      assert(apply(function(two, module)) != apply(function(one, module)), "the rows were to differ")
      assert(identity(two, function(two, module)) != before)
    }
}
