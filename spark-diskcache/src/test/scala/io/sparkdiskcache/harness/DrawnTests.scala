// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import org.scalatest.funsuite.AnyFunSuite

/**
 * A suite that starts many applications: every build runs some of its tests, drawn by chance, and
 * shows the others as ignored. The value `all` of `property` runs every one.
 */
trait DrawnTests extends AnyFunSuite {

  /** The property of the test JVM; docs/verification.md lists it. */
  protected def property: String

  /** How many tests a build runs beside those that it always runs. */
  protected def drawn: Int

  /** Whether every build runs the test of this name. */
  protected def always(name: String): Boolean = false

  // Asked for when all tests are registered.
  private lazy val left: Seq[String] = {
    val drawable = testNames.toSeq.filterNot(always)
    drawable.diff(Sample.of(property, drawn, drawable)(identity))
  }

  override def tags: Map[String, Set[String]] = {
    val own = super.tags
    own ++ left.map(name => name -> (own.getOrElse(name, Set.empty) + "org.scalatest.Ignore"))
  }
}
