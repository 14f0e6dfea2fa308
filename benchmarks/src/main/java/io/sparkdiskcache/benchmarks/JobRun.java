// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;

/** One application: runs {@link TpchEtl} with the settings of its JVM and leaves its figures. */
final class JobRun {
  private JobRun() {}

  /** Arguments: input directory, output directory, file for the figures. */
  public static void main(String[] args) throws IOException, ReflectiveOperationException {
    Path figuresFile = Path.of(args[2]);
    run(Path.of(args[0]), Path.of(args[1])).write(figuresFile);
  }

  private static RunFigures run(Path input, Path output)
      throws IOException, ReflectiveOperationException {
    StageFigures stages = new StageFigures();
    Map<String, String> summaries;
    Optional<CacheFigures> cache;
    long start = System.nanoTime();
    try (SparkSession spark = SparkSession.builder().appName("tpch-etl").getOrCreate()) {
      spark.sparkContext().addSparkListener(stages);
      summaries = TpchEtl.run(spark, input, output);
      cache = CacheFigures.of(spark);
    }
    long wallMillis = (System.nanoTime() - start) / 1_000_000;
    return new RunFigures(
        wallMillis,
        stages.stagesRun(),
        stages.stagesSkipped(),
        stages.tasks(),
        stages.bytesRead(),
        stages.bytesShuffled(),
        stages.bytesWritten(),
        cache.map(CacheFigures::hits).orElse(null),
        cache.map(CacheFigures::computed).orElse(null),
        summaries);
  }
}
