// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.io.{ByteArrayOutputStream, PrintStream, PrintWriter, StringWriter}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Path}
import java.util.{ArrayList => JArrayList, LinkedHashMap => JLinkedHashMap}

import scala.jdk.CollectionConverters._
import scala.tools.nsc.Settings
import scala.tools.nsc.interpreter.{IMain, Results}
import scala.tools.nsc.interpreter.shell.ReplReporterImpl

import com.fasterxml.jackson.databind.ObjectMapper
import io.sparkdiskcache.DiskCache
import org.apache.spark.sql.SparkSession

/**
 * Runs a note of Zeppelin without Zeppelin: `%spark` paragraphs, each as a whole, in Scala's
 * interpreter with the options, the bindings and the imports that Zeppelin's interpreter for Scala
 * 2.13 gives it, `%spark.sql` paragraphs in `spark.sql`. Others are passed over.
 *
 * Arguments: the note, result file, directory for compiled classes, then `key=value` settings. The
 * result has what each paragraph printed, or its rows, and figures.
 */
object NoteApp {
  private val Paragraph = """(?s)%([\w.]+)\s(.*)""".r

  def main(args: Array[String]): Unit = {
    val note = new ObjectMapper().readTree(Files.readString(Path.of(args(0))))
    val texts = note.get("paragraphs").elements().asScala.map(_.get("text").asText).toSeq
    val classes = args(2)
    val builder = SparkSession
      .builder()
      .appName("note")
      .config("spark.ui.enabled", "false")
      .config("spark.driver.host", "127.0.0.1")
      .config("spark.sql.shuffle.partitions", "4")
      .config("spark.repl.class.outputDir", classes)
    args.drop(3).foreach { setting =>
      val Array(key, value) = setting.split("=", 2)
      builder.config(key, value)
    }
    val scala = new Interpreter(classes)
    Thread.currentThread.setContextClassLoader(scala.loader)
    val spark = builder.getOrCreate()
    val results = new JLinkedHashMap[String, Any]()
    try {
      scala.bind(spark)
      val shown = new JArrayList[Any]()
      val (_, figures) = StageFigures.of(spark.sparkContext) {
        texts.foreach {
          case Paragraph("spark", code) => shown.add(scala.run(code))
          case Paragraph("spark.sql", query) =>
            shown.add(new JArrayList(spark.sql(query).collect().map(ExactRows.text).toSeq.asJava))
          case _ =>
        }
      }
      val stats = DiskCache.of(spark).stats()
      results.put("shown", shown)
      results.put("mapTasks", figures.mapTasks)
      results.put("tasks", figures.tasks)
      results.put("hits", stats.hits)
      results.put("computed", stats.computed)
      results.put("stagesSkipped", stats.stagesSkipped)
      results.put("refused", stats.refused)
    } finally {
      spark.stop()
    }
    Files.writeString(Path.of(args(1)), new ObjectMapper().writeValueAsString(results))
  }

  private final class Interpreter(classes: String) {
    private val messages = new StringWriter()
    private val main = {
      val settings = new Settings()
      settings.processArguments(List("-Yrepl-class-based", "-Yrepl-outdir", classes), processAll = true)
      settings.usejavacp.value = true
      new IMain(settings, new ReplReporterImpl(settings, new PrintWriter(messages)))
    }

    def loader: ClassLoader = main.classLoader

    def bind(spark: SparkSession): Unit = {
      val transient = List("@transient")
      expect(main.bind("spark", classOf[SparkSession].getName, spark, transient), "spark")
      expect(
        main.bind("sc", "org.apache.spark.SparkContext", spark.sparkContext, transient),
        "sc")
      Seq(
        "import org.apache.spark.SparkContext._",
        "import spark.implicits._",
        "import spark.sql",
        "import org.apache.spark.sql.functions._").foreach(run)
    }

    /** The text that the code prints. */
    def run(code: String): String = {
      val printed = new ByteArrayOutputStream()
      val out = new PrintStream(printed, true, UTF_8)
      expect(Console.withOut(out)(main.interpret(code)), code)
      printed.toString(UTF_8)
    }

    private def expect(result: Results.Result, code: String): Unit =
      require(result == Results.Success, s"the paragraph failed:\n$code\n$messages")
  }
}
