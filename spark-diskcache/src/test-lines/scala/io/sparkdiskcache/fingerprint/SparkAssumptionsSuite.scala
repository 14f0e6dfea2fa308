// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.lang.reflect.Modifier
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.util.zip.ZipFile

import scala.jdk.CollectionConverters._
import scala.jdk.OptionConverters._
import scala.util.Try

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.execution.SparkPlan
import org.apache.spark.sql.types.DataType
import org.apache.xbean.asm9.{ClassReader, ClassVisitor, MethodVisitor, Opcodes}
import org.scalatest.funsuite.AnyFunSuite

/**
 * The assumptions of the encoder about Spark's classes; a new version of Spark must be read.
 *
 * `spark-classes-LINE.tsv` holds every node and expression of a line of Spark, its rule, and its
 * constructors. With `-Ddiskcache.classes.write=true` it is written anew: look at the
 * difference, and put what is safe on the list in `AllowList`.
 */
class SparkAssumptionsSuite extends AnyFunSuite {
  private val line = System.getProperty("diskcache.line")
  private val snapshots = Path.of("src/test-lines/resources/io/sparkdiskcache/fingerprint")
  private val snapshot = snapshots.resolve(s"spark-classes-$line.tsv")

  private def classesBeside(witness: Class[_]): Seq[Class[_]] = {
    val jar = new ZipFile(Path.of(witness.getProtectionDomain.getCodeSource.getLocation.toURI).toFile)
    try
      jar.entries.asScala.map(_.getName).filter(_.endsWith(".class"))
        .map(_.stripSuffix(".class").replace('/', '.'))
        .flatMap(loaded)
        .toList
    finally jar.close()
  }

  /** None if what it extends is in no jar of Spark, so that no plan can hold it. */
  private def loaded(name: String): Option[Class[_]] =
    linked(Class.forName(name, false, getClass.getClassLoader))

  private def linked[T](body: => T): Option[T] =
    try Some(body)
    catch { case _: NoClassDefFoundError => None }

  private lazy val classes: Seq[Class[_]] =
    Seq(classOf[SparkPlan], classOf[Expression], classOf[DataType]).flatMap(c => classesBeside(c))

  private lazy val nodes = classes.filter(classOf[SparkPlan].isAssignableFrom(_))
  private lazy val expressions = classes.filter(classOf[Expression].isAssignableFrom(_))

  private def isAbstract(c: Class[_]): Boolean = Modifier.isAbstract(c.getModifiers)

  private def rule(c: Class[_], refusal: Class[_] => Refusal.Code): String =
    AllowList.rule(c).toScala match {
      case Some(rule) => rule.toString.toLowerCase(java.util.Locale.ROOT)
      case None if isAbstract(c) => "abstract"
      case None => "refused " + refusal(c)
    }

  private def constructors(c: Class[_]): String =
    linked(c.getDeclaredConstructors)
      .map(_.map(_.getParameterTypes.map(_.getTypeName).mkString("(", ",", ")")).sorted.mkString(" "))
      .getOrElse("names a class that is in no jar of Spark")

  private def lines(kind: String, of: Seq[Class[_]], refusal: Class[_] => Refusal.Code): Seq[String] =
    of.map(c => Seq(kind, c.getName, rule(c, refusal), constructors(c)).mkString("\t")).sorted

  /** Classes that StaticInvoke may call, with the names of what could be called. */
  private lazy val statics: Seq[String] =
    AllowList.names(AllowList.Rule.STATIC).asScala.toSeq.sorted.map { name =>
      val methods = Seq(name, name + "$")
        .flatMap(n => Try(Class.forName(n, false, getClass.getClassLoader)).toOption)
        .flatMap(_.getDeclaredMethods)
        .filter(m => Modifier.isPublic(m.getModifiers) && !m.getName.contains("$"))
        .map(_.getName)
      s"static\t$name\t${methods.distinct.sorted.mkString(" ")}"
    }

  test("every node and expression has a rule or is refused, and none has another constructor than was read") {
    val now = lines("node", nodes, c => PlanEncoder.refusal(c)) ++
      lines("expression", expressions, c => ExpressionRules.refusal(c)) ++ statics
    val file = snapshot
    if (java.lang.Boolean.getBoolean("diskcache.classes.write")) {
      Files.createDirectories(file.getParent)
      Files.write(file, now.asJava, StandardCharsets.UTF_8)
    }
    val read = Files.readAllLines(file, StandardCharsets.UTF_8).asScala.toSet
    assert(nodes.size > 150 && expressions.size > 700, "the class path was walked")
    assert(now.filterNot(read) == Nil, "new or changed in this Spark, or in AllowList")
    assert(read.toSeq.filterNot(now.toSet).sorted == Nil, "gone or changed in this Spark, or in AllowList")
  }

  /** Names with a rule that the snapshots of other lines have. */
  private lazy val elsewhere: Set[String] = {
    val files = Files.list(snapshots)
    try files.iterator().asScala.filterNot(_ == snapshot).toList.flatMap(Files.readAllLines(_).asScala)
      .map(_.split("\t", -1)).filterNot(_(2).startsWith("refused")).map(_(1)).toSet
    finally files.close()
  }

  test("every name on the list is a class of its kind, here or on another line") {
    def all(rules: AllowList.Rule*) = rules.flatMap(rule => AllowList.names(rule).asScala).toSet -- elsewhere
    import AllowList.Rule._
    val listed = all(NODE_ARGUMENTS, NODE_OWN, NODE_TRANSPARENT)
    assert((listed -- nodes.filterNot(isAbstract).map(_.getName)) == Set.empty)
    val listedExpressions = all(EXPRESSION_ARGUMENTS, EXPRESSION_PARSES, EXPRESSION_OWN)
    assert((listedExpressions -- expressions.filterNot(isAbstract).map(_.getName)) == Set.empty)
    if (line == "4.2") {
      assert((all(ARGUMENT) -- classes.map(_.getName)) == Set.empty)
      assert(all(STATIC).filterNot(name => Try(Class.forName(name)).orElse(Try(Class.forName(name + "$"))).isSuccess) == Set.empty)
    }
  }

  test("nothing that is random by its kind, or cannot be evaluated alone, is on the list by mistake") {
    val random = expressions.filter(c => ExpressionRules.refusal(c) == Refusal.Code.NON_DETERMINISTIC)
    assert(random.size > 20)
    assert(random.filter(c => AllowList.rule(c).isPresent) == Nil)
  }

  test("constructor arguments outside the product hold nothing that changes rows") {
    val found = classes
      .filter(c => linked(c.getDeclaredMethods).exists(_.exists(_.getName == "otherCopyArgs")))
      .map(_.getSimpleName)
      .toSet
    // What 4.3 adds says which values of a broadcast prune a scan: of rows that no join would keep.
    val later = if (line == "4.3") Set("SubqueryAdaptiveBroadcastExec", "DynamicPruningSubquery") else Nil
    assert(found == Set("TreeNode", "Alias", "AttributeReference", "MultiCommutativeOp",
      "WholeStageCodegenExec", "StreamingExecutionRelation", "ExternalRDD", "LogicalRDD") ++ later)
  }

  test("settings that are read when an expression is made, and are no argument of it") {
    val listed = expressions.filter(c => AllowList.rule(c).isPresent)
    val found = listed.filter(readsSettings).map(_.getSimpleName).toSet
    // In the key by SettingsOfExpressions; but FormatString only checks its arguments with it, and
    // RegrReplacement hands it to a field of its superclass that it does not use.
    val later = if (line == "4.3") Set("InSubqueryExec") else Nil
    assert(
      found == Set("Cast", "In", "InSet", "CsvToStructs", "XmlToStructs", "FormatString", "RegrReplacement") ++ later)
  }

  /** Whether the constructor that calls the superclass's reads the configuration. */
  private def readsSettings(c: Class[_]): Boolean = {
    var found = false
    val in = getClass.getClassLoader.getResourceAsStream(c.getName.replace('.', '/') + ".class")
    try new ClassReader(in).accept(new ClassVisitor(Opcodes.ASM9) {
      override def visitMethod(access: Int, name: String, desc: String, signature: String,
          exceptions: Array[String]): MethodVisitor =
        if (name != "<init>") null
        else new MethodVisitor(Opcodes.ASM9) {
          private var primary = true
          private var reads = false
          override def visitMethodInsn(op: Int, owner: String, method: String, d: String, i: Boolean): Unit = {
            if (method == "<init>" && owner == c.getName.replace('.', '/')) primary = false
            if (owner.startsWith("org/apache/spark/sql/internal/SQLConf")) reads = true
          }
          override def visitEnd(): Unit = found ||= primary && reads
        }
    }, ClassReader.SKIP_FRAMES)
    finally in.close()
    found
  }

  test("expressions and nodes are products") {
    val strange = (nodes ++ expressions).filterNot(isAbstract).filterNot(classOf[Product].isAssignableFrom(_))
    assert(strange.isEmpty)
  }
}
