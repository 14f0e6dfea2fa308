// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.io.File
import java.nio.channels.FileChannel
import java.nio.file.{Files, Path}
import java.nio.file.StandardOpenOption.{CREATE, WRITE}
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._
import scala.util.Using

import org.apache.spark.launcher.JavaModuleOptions

/**
 * Spark's classes as a JVM keeps them in memory (class data sharing): a fifth less work for each
 * process that the tests start. The first process of a build that starts one makes the archive, in
 * `target`. A JVM whose class path begins otherwise starts without it, as if it were not there.
 */
object ClassArchive {
  private val TimeoutSeconds = 180L

  /** None while another process makes the archive, or where it cannot be made. */
  def options: Seq[String] = synchronized {
    val target = NewJvm.jar.getParent
    val archive = target.resolve("spark-classes.jsa")
    if (!Files.exists(archive)) {
      Using.resource(FileChannel.open(target.resolve("spark-classes.lock"), CREATE, WRITE)) {
        channel => if (channel.tryLock() != null && !Files.exists(archive)) make(archive)
      }
    }
    if (Files.exists(archive)) {
      Seq(s"-XX:SharedArchiveFile=$archive", "-Xshare:auto", "-Xlog:cds*=off")
    } else {
      Nil
    }
  }

  /**
   * Records an application of plain Spark. The archive names jars only, so that the application's
   * own classes come by Spark's class loader.
   */
  private def make(archive: Path): Unit = {
    val log = Files.createTempFile(archive.getParent, "spark-classes", ".log")
    val made = archive.resolveSibling("spark-classes.new")
    val command = Seq(Path.of(System.getProperty("java.home"), "bin", "java").toString) ++
      JavaModuleOptions.defaultModuleOptionArray ++
      Seq("-Xmx1g", "-XX:TieredStopAtLevel=1", s"-XX:ArchiveClassesAtExit=$made", "-cp") ++
      Seq(NewJvm.stockClassPath.mkString(File.pathSeparator), "org.apache.spark.deploy.SparkSubmit") ++
      Seq("--master", "local[2]", "--class", StartApp.getClass.getName.stripSuffix("$")) ++
      Seq(NewJvm.testClasses + File.separator, s"$log.result")
    val process =
      new ProcessBuilder(command.asJava).redirectErrorStream(true).redirectOutput(log.toFile).start()
    if (process.waitFor(TimeoutSeconds, TimeUnit.SECONDS) && Files.exists(made)) {
      Files.move(made, archive)
    } else {
      process.destroyForcibly()
      System.err.println(s"No archive of Spark's classes was made, see $log; the tests start slower")
    }
  }
}
