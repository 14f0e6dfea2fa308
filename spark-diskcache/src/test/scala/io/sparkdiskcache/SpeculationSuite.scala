// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.{JsonNode, ObjectMapper}
import io.sparkdiskcache.harness.{Applications, ExactRows, NewJvm, SpeculationApp, StandaloneCluster}
import org.scalatest.funsuite.AnyFunSuite

/** A task that runs twice at the same time, on two hosts with one cache directory, publishes once. */
class SpeculationSuite extends AnyFunSuite with Applications {
  test("a speculated task publishes once") {
    val cache = directory("cache")
    val input = directory("input").resolve("t")
    application(cache, "spark.diskcache.enabled" -> "false") { spark =>
      spark.range(0, 4, 1, 4).write.parquet(input.toString)
    }
    val (result, executors) = run(cache, input.toString)
    assert(result.get("refused").asText == "{}")
    assert(result.get("speculated").asInt >= 1, "a task was speculated")
    val rows = result.get("rows").elements().asScala.map(_.asText).toSeq
    assert(dataFiles(cache).size == 4, s"one file for each of the four chunks:\n$executors")

    application(cache) { spark =>
      val sums = (0 until 4).map { id =>
        val n = if (id == 3) 40000000L else 2L
        (id.toLong, n * (n + 1) / 2 * id)
      }
      assert(rows == ExactRows.of(spark.createDataFrame(sums).toDF("id", "slow")))
      val entries = DiskCache.of(spark).entries().asScala.map(_.key).toSeq
      assert(entries.size == 4 && entries.distinct.size == 4, entries)
    }
  }

  private def run(cache: Path, input: String): (JsonNode, String) = {
    val result = directory("results").resolve("speculation.json")
    val cluster = new StandaloneCluster(directory("cluster"))
    val finished =
      try
        NewJvm.run(
          SpeculationApp.getClass.getName.stripSuffix("$"),
          Seq(
            input,
            result.toString,
            s"spark.master=${cluster.url}",
            s"spark.jars=${NewJvm.jar}",
            "spark.plugins=io.sparkdiskcache.DiskCachePlugin",
            s"spark.diskcache.dir=$cache",
            "spark.diskcache.inputs.settle=0s"),
          withCache = true,
          directory("logs").resolve("speculation.log"))
      finally cluster.close()
    assert(finished.exit == 0, s"the application failed:\n${finished.output.takeRight(4000)}")
    (new ObjectMapper().readTree(Files.readString(result)), cluster.executorLog)
  }
}
