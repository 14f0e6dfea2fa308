// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import scala.util.Random

/**
 * The part of a suite that every build runs, drawn by chance. `-Ddiskcache.seed` draws the same again;
 * docs/verification.md lists the property of each suite that runs all of it.
 */
object Sample {
  private lazy val seed: Long = java.lang.Long.getLong("diskcache.seed", System.nanoTime())

  /** Whether this property of the test JVM, or `diskcache.samples`, asks for the whole suite. */
  def whole(property: String): Boolean = Seq(property, "diskcache.samples").exists(System.getProperty(_) == "all")

  /** So many of these in their order, or all of them if the property asks for the whole suite. */
  def of[A](property: String, count: Int, all: Seq[A])(name: A => String): Seq[A] =
    if (whole(property)) all
    else {
      val drawn = new Random(seed).shuffle(all.indices.toList).take(count).sorted.map(all)
      println(s"-Ddiskcache.seed=$seed draws of $property: ${drawn.map(name).mkString("; ")}")
      drawn
    }
}
