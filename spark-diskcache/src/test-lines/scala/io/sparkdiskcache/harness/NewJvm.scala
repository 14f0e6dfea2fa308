// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.io.File
import java.nio.file.{Files, Path}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._

import org.apache.spark.launcher.JavaModuleOptions

/**
 * Runs a main class of the tests in a JVM of its own, as another application would be: on the class
 * path are Spark with its dependencies, the tests' classes, and our one packaged jar or nothing of
 * ours.
 */
object NewJvm {
  private val TimeoutSeconds = 300L
  private val NotStock = Seq(
    "arrow-codec",
    "spark-diskcache",
    "sqlite-jdbc",
    "picocli",
    "spark-hive",
    "spark-sql-kafka",
    "spark-token-provider-kafka",
    "kafka")

  /** The packaged, self-contained jar, given by the build. */
  def jar: Path = {
    val path = System.getProperty("diskcache.jar")
    require(path != null && Files.exists(Path.of(path)), s"the packaged jar is missing: $path")
    Path.of(path)
  }

  /** Spark, Scala and their dependencies: nothing of this project, and nothing it brings. */
  def stockClassPath: Seq[String] =
    System
      .getProperty("java.class.path")
      .split(File.pathSeparator)
      .toSeq
      .filter { entry =>
        val name = new File(entry).getName
        name.endsWith(".jar") && !NotStock.exists(name.startsWith)
      }

  def testClasses: String =
    new File(getClass.getProtectionDomain.getCodeSource.getLocation.toURI).getPath

  /** The exit code and the output of a finished process. */
  final case class Finished(exit: Int, output: String)

  def run(
      mainClass: String,
      args: Seq[String],
      withCache: Boolean,
      log: Path,
      properties: Map[String, String] = Map.empty,
      classPath: Seq[String] = Nil,
      environment: Map[String, String] = Map.empty,
      jvmOptions: Seq[String] = Nil,
      prefix: Seq[String] = Nil,
      timeoutSeconds: Long = TimeoutSeconds): Finished = {
    val process =
      start(mainClass, args, withCache, log, properties, classPath, environment, jvmOptions, prefix)
    await(process, mainClass, log, timeoutSeconds)
  }

  /** Waits for what [[start]] started. */
  def await(process: Process, what: String, log: Path, timeoutSeconds: Long = TimeoutSeconds): Finished = {
    if (!process.waitFor(timeoutSeconds, TimeUnit.SECONDS)) {
      process.destroyForcibly()
      throw new AssertionError(s"$what did not end in $timeoutSeconds s, see $log")
    }
    Finished(process.exitValue(), Files.readString(log))
  }

  /**
   * @param prefix
   *   a command that starts the command it is given
   */
  def start(
      mainClass: String,
      args: Seq[String],
      withCache: Boolean,
      log: Path,
      properties: Map[String, String] = Map.empty,
      more: Seq[String] = Nil,
      environment: Map[String, String] = Map.empty,
      jvmOptions: Seq[String] = Nil,
      prefix: Seq[String] = Nil): Process = {
    val classPath =
      more ++ stockClassPath ++ (if (withCache) Seq(jar.toString) else Nil) :+ testClasses
    val command = prefix ++ Seq(Path.of(System.getProperty("diskcache.java", System.getProperty("java.home")), "bin", "java").toString) ++
      JavaModuleOptions.defaultModuleOptionArray ++
      Seq("-Xmx1g", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", "-ea") ++
      ClassArchive.options ++
      properties.map { case (k, v) => s"-D$k=$v" } ++
      jvmOptions ++
      Seq("-cp", classPath.mkString(File.pathSeparator), mainClass) ++ args
    val builder = new ProcessBuilder(command.asJava)
      .redirectErrorStream(true)
      .redirectOutput(log.toFile)
    builder.environment().putAll(environment.asJava)
    builder.start()
  }
}
