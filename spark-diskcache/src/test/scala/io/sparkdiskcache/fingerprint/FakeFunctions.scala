// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.lang.invoke.SerializedLambda
import java.util.{List => JList, Optional, TreeMap}

/** Tells functions apart by the name of their method and by what they capture, which tests need. */
object FakeFunctions extends FunctionIdentity {
  override def hash(function: AnyRef, place: String): CodeIdentity =
    identity(describe(function), mutable = describe(function).contains("[I"))

  override def hashClass(c: Class[_], place: String): CodeIdentity =
    identity(c.getName, mutable = false)

  private def identity(name: String, mutable: Boolean): CodeIdentity =
    new CodeIdentity(
      new CanonicalHasher().putString(name).digest(),
      JList.of(name),
      new TreeMap[String, String](),
      if (mutable) Optional.of("an array") else Optional.empty[String](),
      java.util.Map.of())

  private def describe(value: AnyRef): String =
    if (value == null) "null"
    else
      value.getClass.getDeclaredMethods.find(_.getName == "writeReplace") match {
        case Some(method) if value.getClass.getName.contains("Lambda") =>
          method.setAccessible(true)
          method.invoke(value) match {
            case lambda: SerializedLambda =>
              val captured =
                (0 until lambda.getCapturedArgCount).map(i => describe(lambda.getCapturedArg(i)))
              lambda.getImplClass + "." + lambda.getImplMethodName + captured.mkString("(", ",", ")")
            case other => other.toString
          }
        case _ =>
          value match {
            case s: String => s
            case n: java.lang.Number => n.toString
            case _: Array[Int] => "[I"
            case other => other.getClass.getName
          }
      }
}
