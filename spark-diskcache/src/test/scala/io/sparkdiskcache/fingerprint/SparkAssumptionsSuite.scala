// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.Path
import java.util.zip.ZipFile

import scala.jdk.CollectionConverters._
import scala.util.Try

import org.apache.spark.sql.catalyst.expressions.Expression
import org.apache.spark.sql.execution.SparkPlan
import org.scalatest.funsuite.AnyFunSuite

/** What the encoder takes for granted about Spark's classes; a new version of Spark must be read. */
class SparkAssumptionsSuite extends AnyFunSuite {

  private def classesBeside(witness: Class[_]): Seq[Class[_]] = {
    val jar = new ZipFile(Path.of(witness.getProtectionDomain.getCodeSource.getLocation.toURI).toFile)
    try
      jar.entries.asScala.map(_.getName).filter(_.endsWith(".class"))
        .map(_.stripSuffix(".class").replace('/', '.'))
        .flatMap(name => Try(Class.forName(name, false, getClass.getClassLoader)).toOption)
        .toSeq
    finally jar.close()
  }

  private lazy val classes = classesBeside(classOf[SparkPlan]) ++ classesBeside(classOf[Expression])

  test("constructor arguments outside the product hold nothing that changes rows") {
    val found = classes
      .filter(c => Try(c.getDeclaredMethods).toOption.exists(_.exists(_.getName == "otherCopyArgs")))
      .map(_.getSimpleName)
      .toSet
    assert(found == Set("TreeNode", "Alias", "AttributeReference", "MultiCommutativeOp",
      "WholeStageCodegenExec", "StreamingExecutionRelation", "ExternalRDD", "LogicalRDD"))
  }

  test("expressions and nodes are products") {
    val strange = classes
      .filter(c => classOf[Expression].isAssignableFrom(c) || classOf[SparkPlan].isAssignableFrom(c))
      .filter(c => !java.lang.reflect.Modifier.isAbstract(c.getModifiers))
      .filter(c => !classOf[Product].isAssignableFrom(c))
    assert(strange.isEmpty)
  }
}
