// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import io.sparkdiskcache.harness.{NewJvm, RestartApp, TestDirectories}
import org.scalatest.funsuite.AnyFunSuite

/** Notebooks stop Spark and start it again in the same process. */
class RestartSuite extends AnyFunSuite with TestDirectories {
  private val Rounds = 10

  test(s"of $Rounds contexts in one JVM, with two directories in turn, nothing is left") {
    val finished = NewJvm.run(
      RestartApp.getClass.getName.stripSuffix("$"),
      Seq(directory("work").toString, Rounds.toString),
      withCache = true,
      directory("logs").resolve("restart.log"),
      properties = Map("diskcache.jar" -> NewJvm.jar.toString))
    assert(finished.exit == 0, finished.output.takeRight(4000))
    assert(finished.output.contains("nothing is left"), finished.output.takeRight(4000))
  }
}
