// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import io.sparkdiskcache.harness.TestDirectories
import org.scalatest.funsuite.AnyFunSuite

/** Scala functions: which edits change their identity, which functions are refused. */
class CodeHashScalaSuite extends AnyFunSuite with TestDirectories {
  private val program =
    """package user
      |trait Scaled { val scale: Int = 5; lazy val doubled: Int = scale * 2; def scaled(x: Int): Int = x * scale }
      |object Config extends Scaled { val base = 1; lazy val more: Int = base + 3; val words = List("a", "b"); def add(x: Int): Int = x + base + more + doubled }
      |class Model(offset: Int, val name: String) extends Scaled with Serializable { lazy val half: Int = offset / 2; def apply(x: Int): Int = x + offset + half + scaled(x) }
      |case class Point(x: Int, y: Int) { def sum: Int = x + y }
      |sealed trait Shape
      |case object Unit1 extends Shape
      |case class Square(side: Int) extends Shape
      |object Kind extends Enumeration { val A, B = Value }
      |object App {
      |  def area(s: Shape): Int = s match { case Unit1 => 1; case Square(side) => side * side }
      |  def loops(n: Int): Int = { var sum = 0; for (i <- 1 to n; j <- 1 to i if j % 2 == 0) sum += i * j; sum }
      |  def default(x: Int, y: Int = 3): Int = x + y
      |  def partial: PartialFunction[Int, Int] = { case x if x > 2 => x * 7 }
      |  // before
      |  def make: Int => Int = {
      |    val model = new Model(4, "m")
      |    val table = Map("a" -> 1, "b" -> 2)
      |    val kind = Kind.B
      |    val outer = (x: Int) => x + 11
      |    (x: Int) => {
      |      val inner = (y: Int) => y * 3
      |      Config.add(x) + model(x) + table("a") + area(Square(x)) + loops(x) + default(x) + inner(x) + outer(x) +
      |        Point(x, 2).copy(y = 5).sum + s"$x-${model.name}".length + kind.id + partial.applyOrElse(x, (z: Int) => z) +
      |        Config.words.map(w => w.length + x).sum + Option(x).map(_ + 1).getOrElse(0) + List(3, 1).sortBy(v => -v).head
      |    }
      |  }
      |}
      |""".stripMargin

  private def identity(source: String, options: String*): CodeIdentity = {
    val loader = ScalaSnippets.load(directory("snippets"), source, options: _*)
    new CodeHasher(loader).hash(ScalaSnippets.make(loader, "user.App"), "test")
  }

  private lazy val before = identity(program)

  private def hex(identity: CodeIdentity): String = java.util.HexFormat.of().formatHex(identity.digest)

  private def edit(changes: Boolean, name: String, from: String, to: String, options: Seq[String]): Unit =
    test(s"$name ${if (changes) "changes" else "keeps"} the identity") {
      assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
      assert(program.contains(from), "the edit does not apply")
      val after = identity(program.replace(from, to), options: _*)
      assert((hex(after) != hex(before)) == changes, s"${before.parts} -> ${after.parts}")
    }

  private def keeps(name: String, from: String, to: String, options: String*): Unit =
    edit(changes = false, name, from, to, options)

  private def changes(name: String, from: String, to: String): Unit =
    edit(changes = true, name, from, to, Nil)

  keeps("nothing", "", "")
  keeps("a comment and lines", "// before", "// before\n\n\n // more")
  keeps("an unused method", "// before", "def unused(x: Int): Int = x")
  keeps("an unused lambda", "// before", "def unused = (x: Int) => (y: Int) => x + y")
  keeps("an unused anonymous class", "// before", "def unused = new Runnable { def run() = () }")
  keeps("a renamed local", "var sum = 0; for (i <- 1 to n; j <- 1 to i if j % 2 == 0) sum += i * j; sum", "var s = 0; for (i <- 1 to n; j <- 1 to i if j % 2 == 0) s += i * j; s")
  keeps("no debug information", "", "", "-g:none")
  changes("the lambda", "default(x) + inner", "default(x) - inner")
  changes("an inner lambda", "y * 3", "y * 4")
  changes("a captured lambda", "x + 11", "x + 12")
  changes("a lambda in a library call", "w.length + x", "w.length - x")
  changes("a key function", "v => -v", "v => v")
  changes("a method of an object", "x + base + more", "x + base - more")
  changes("the initializer of an object", "val base = 1", "val base = 1; var unread = 2")
  changes("a val of an object", "val base = 1", "val base = 2")
  changes("a lazy val of an object", "base + 3", "base + 4")
  changes("a list of an object", """List("a", "b")""", """List("a", "c")""")
  changes("a val of a trait", "scale: Int = 5", "scale: Int = 6")
  changes("a lazy val of a trait", "scale * 2", "scale * 3")
  changes("a method of a trait", "x * scale", "x - scale")
  changes("a lazy val of a captured object", "offset / 2", "offset / 3")
  changes("a constructor argument", "new Model(4", "new Model(5")
  changes("a captured map", """"a" -> 1""", """"a" -> 3""")
  changes("a captured enumeration value", "kind = Kind.B", "kind = Kind.A")
  changes("a pattern match", "side * side", "side + side")
  changes("a for comprehension", "j % 2 == 0", "j % 2 == 1")
  changes("a default argument", "y: Int = 3", "y: Int = 4")
  changes("a partial function", "x > 2", "x > 3")
  changes("a case class method", "x + y }", "x * y }")
  changes("an interpolated string", "$x-$", "$x+$")

  /** Source of object App with these members. */
  private def app(members: String): String =
    s"package user\nimport scala.collection.mutable\nobject App {\n$members\n}\n"

  private def refuses(name: String, says: String)(members: String): Unit =
    test(s"$name is refused") {
      assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
      val refused = intercept[RefusedException](identity(app(members)))
      assert(refused.refusal.sentence.contains(says))
    }

  refuses("a var of an object", "user.App$.n")("var n = 1; def make = (x: Int) => x + n")
  refuses("a captured var", "scala.runtime.IntRef")("def make = { var n = 1; n += 1; (x: Int) => { n += x; n } }")
  refuses("a structural type", "java.lang.reflect")("def f(s: { def size: Int }): Int = s.size; def make = (x: Int) => f(List(x))")
  refuses("a lazy mutable map of an object", "lazy")("lazy val m = mutable.Map(1 -> 2); def make = (x: Int) => m(x)")
  refuses("the environment", "scala.sys")("""def make = (x: Int) => sys.env.size""")
  refuses("a random number", "scala.util.Random")("def make = (x: Int) => scala.util.Random.nextInt()")
  refuses("the clock in an object's val", "nanoTime")("val t = System.nanoTime(); def make = (x: Int) => x + t")
  refuses("a file", "scala.io")("""def make = (x: Int) => scala.io.Source.fromFile("x").size""")
  refuses("a future", "scala.concurrent")("import scala.concurrent._; import ExecutionContext.Implicits.global; def make = (x: Int) => Future(x)")
  refuses("a lazy local", "scala.runtime.LazyInt")("def make = { lazy val n = List(1).size; (x: Int) => x + n }")
  refuses("an iterator", "Iterator")("def make = { val i = Iterator(1); (x: Int) => i.hasNext }")
  refuses("a lazy list", "LazyList")("def make = { val l = LazyList(1); (x: Int) => l.head + x }")

  test("a counter has an identity and is reported, because its task has to show that it did not count") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    val counter = identity(app("class C extends Serializable { private var n = 0; def next(): Int = { n += 1; n } }; def make = { val c = new C; (x: Int) => c.next() + x }"))
    assert(counter.capturesMutableState)
  }

  test("a captured object with a var is hashed by content and reported") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    def holder(n: Int) = identity(app(s"class H(var n: Int) extends Serializable; def make = { val h = new H($n); (x: Int) => h.n + x }"))
    assert(holder(1).capturesMutableState)
    assert(hex(holder(1)) != hex(holder(2)))
    assert(!before.capturesMutableState)
  }

  test("classes of encoders are hashed whole") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    def person(body: String) = {
      val loader = ScalaSnippets.load(directory("snippets"), s"package user\ncase class Address(zip: String) { $body\n }\ncase class Person(name: String, home: Seq[Address])")
      hex(new CodeHasher(loader).hashClass(Class.forName("user.Person", true, loader), "encoder"))
    }
    assert(person("") == person("// the same"))
    assert(person("") != person("require(zip.nonEmpty)"))
  }

  // ---- notebooks

  private val cells = Seq(
    "val k = 3",
    "def twice(x: Int): Int = x * 2",
    "case class P(a: Int) { def plus(b: Int): Int = a + b }",
    "class Acc(val start: Int) extends Serializable { def go(x: Int): Int = start + x }",
    "val acc = new Acc(7)",
    "val f = (x: Int) => twice(x) + k",
    "val g = (x: Int) => P(x).plus(k) match { case 3 => 1; case n => n }",
    "val h = (x: Int) => acc.go(x) + List(1, 2).map(y => y * x).sum")

  test("shifted lines keep the identity") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    val first = new ScalaSnippets.Notebook().run(cells: _*)
    val second = new ScalaSnippets.Notebook()
      .run("val other = 1", "println(other)", "import scala.util.Try").run(cells.take(3): _*).run("1 + 1").run(cells.drop(3): _*)
    for (name <- Seq("f", "g", "h")) {
      val (a, b) = (first.identity(name), second.identity(name))
      assert(hex(a) == hex(b), s"$name: ${a.parts} -> ${b.parts}")
      assert(!a.capturesMutableState)
    }
  }

  test("entering an edited cell again changes what uses it") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    val first = new ScalaSnippets.Notebook().run(cells: _*)
    val f = first.identity("f")
    val g = first.identity("g")
    first.run("def twice(x: Int): Int = x * 4")
    assert(hex(first.identity("f")) == hex(f), "f still calls the old one")
    first.run(cells(5))
    assert(hex(first.identity("f")) != hex(f))
    assert(hex(first.identity("g")) == hex(g))
    first.run("val k = 4", cells(6))
    assert(hex(first.identity("g")) != hex(g))
  }

  /** A cell of Almond, as Ammonite wraps it. */
  private def almond(cell: String, factor: Int, other: Int): CodeIdentity = {
    val source =
      s"""package ammonite.`$$sess` {
         |  object $cell$other {
         |    val wrapper = new Helper
         |    final class Helper extends Serializable {
         |      def twice(x: Int): Int = x * $factor
         |      case class P(a: Int) { def plus(b: Int): Int = a + b }
         |    }
         |  }
         |  object $cell${other + 1} {
         |    import $cell$other.wrapper._
         |    val wrapper = new Helper
         |    final class Helper extends Serializable { def f: Int => Int = (x: Int) => P(twice(x)).plus(1) }
         |  }
         |}
         |package user { object App { def make = ammonite.`$$sess`.$cell${other + 1}.wrapper.f } }
         |""".stripMargin
    identity(source)
  }

  test("cells of Almond are known by other numbers, and not when they are edited") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    Seq("cell", "cmd").foreach { name =>
      val first = almond(name, 2, 3)
      val moved = almond(name, 2, 17)
      assert(hex(first) == hex(moved), s"$name: ${first.parts} -> ${moved.parts}")
      assert(hex(first) != hex(almond(name, 4, 3)))
    }
  }

  test("a case class that reads the notebook around it") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    val notebook = new ScalaSnippets.Notebook().run(
      "val k = 3",
      "case class Q(a: Int) { def b: Int = a + k }",
      "val made = (x: Int) => Q(x).b",
      "val given = (q: Q) => q.b",
      "val q = Q(1)")
    val made = hex(notebook.identity("made"))
    assert(intercept[RefusedException](notebook.identity("given")).getMessage.contains("around it"))
    val hasher = new CodeHasher(notebook.loader)
    assert(intercept[RefusedException](hasher.hashClass(notebook.value("q").getClass, "e")).getMessage.contains("around it"))
    notebook.run("val k = 4", "case class Q(a: Int) { def b: Int = a + k }", "val made = (x: Int) => Q(x).b")
    assert(hex(notebook.identity("made")) != made)
  }

  test("a var of a notebook is refused or reported") {
    assume(ScalaSnippets.available, "scala-compiler is not on the test class path")
    val notebook = new ScalaSnippets.Notebook().run("var n = 1", "val f = (x: Int) => x + n")
    val outcome =
      try Right(notebook.identity("f").capturesMutableState)
      catch { case e: RefusedException => Left(e.refusal.code) }
    assert(outcome == Right(true) || outcome == Left(Refusal.Code.FUNCTION))
  }
}
