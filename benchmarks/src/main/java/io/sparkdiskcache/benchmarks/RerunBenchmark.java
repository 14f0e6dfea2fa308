// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.DiskCache;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The 22 queries of TPC-H, each cached and collected: the first run of a result, and in another
 * application the run that finds it, beside plain Spark. Arguments: {@code first} or {@code warm},
 * a directory, which is empty before {@code first}, the scale, how often each query is measured,
 * and the jar of Spark's own tests.
 */
final class RerunBenchmark {
  private static final int WARM_UP = 1;
  private static final String PLAIN = "plain";
  private static final String OWN = "Spark's cache()";
  private static final String FIRST = "first";
  private static final String WARM = "warm";
  private static final String FLOOR = "planning and a job";

  private final SparkSession spark;
  private final SparkSession plain;
  private final Map<Integer, String> queries;
  private final int runs;
  private final RunCounters counters;
  private final TaskTime tasks;

  private RerunBenchmark(SparkSession spark, Path tables, Map<Integer, String> queries, int runs) {
    this.spark = spark;
    this.plain = BenchSpark.plain(spark);
    this.queries = queries;
    this.runs = runs;
    this.counters = new RunCounters(spark);
    this.tasks = TaskTime.of(spark.sparkContext());
    TpchTables.register(spark, tables);
    TpchTables.register(plain, tables);
  }

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[1]);
    Path tables = directory.resolve("tables");
    Map<Integer, String> queries = TpchTables.queries(Path.of(args[4]));
    int runs = Integer.parseInt(args[3]);
    try (SparkSession spark = BenchSpark.start(directory)) {
      if (args[0].equals("first")) {
        TpchTables.generate(BenchSpark.plain(spark), Double.parseDouble(args[2]), tables);
        System.out.printf(
            Locale.ROOT, "Scale %s, %,d bytes of Parquet%n%n", args[2], Trees.bytes(tables));
        new RerunBenchmark(spark, tables, queries, runs).first();
      } else {
        new RerunBenchmark(spark, tables, queries, runs).warm();
      }
    }
  }

  // ---- the first run

  private void first() throws Exception {
    List<Interleaved.Medians> all = new ArrayList<>();
    System.out.println(
        "| query | rows | plain, s | cache(), s | first, s | of plain | of cache() |");
    System.out.println("|---|---|---|---|---|---|---|");
    for (Map.Entry<Integer, String> query : queries.entrySet()) {
      String sql = query.getValue();
      Interleaved.Medians seconds =
          new Interleaved()
              .way(PLAIN, () -> answer(plain.sql(sql)))
              .way(OWN, () -> {}, () -> answer(plain.sql(sql).cache()), this::forget)
              .way(
                  FIRST,
                  counters::begin,
                  () -> answer(spark.sql(sql).cache()),
                  () -> {
                    counters.requireStored();
                    forget();
                    DiskCache.of(spark).clear();
                  })
              .medians(WARM_UP, runs);
      all.add(seconds);
      System.out.printf(
          Locale.ROOT,
          "| %d | %,d | %.3f | %.3f | %.3f | %.2f | %.2f |%n",
          query.getKey(),
          answer(plain.sql(sql)).rows().size(),
          seconds.of(PLAIN),
          seconds.of(OWN),
          seconds.of(FIRST),
          seconds.of(FIRST) / seconds.of(PLAIN),
          seconds.of(FIRST) / seconds.of(OWN));
    }
    System.out.printf(
        Locale.ROOT,
        "| geometric mean | | %.3f | %.3f | %.3f | %.2f | %.2f |%n%n",
        mean(all, seconds -> seconds.of(PLAIN)),
        mean(all, seconds -> seconds.of(OWN)),
        mean(all, seconds -> seconds.of(FIRST)),
        mean(all, seconds -> seconds.of(FIRST) / seconds.of(PLAIN)),
        mean(all, seconds -> seconds.of(FIRST) / seconds.of(OWN)));
    // What the next application finds.
    for (String sql : queries.values()) {
      counters.begin();
      spark.sql(sql).cache().collectAsList();
      counters.requireStored();
      forget();
    }
    BenchSpark.requireKept(spark);
  }

  private static Answer answer(Dataset<Row> df) {
    return new Answer(df.collectAsList());
  }

  /** Spark's catalog of cached relations is one for all sessions. */
  private void forget() {
    spark.catalog().clearCache();
  }

  // ---- the run that finds it

  private void warm() throws Exception {
    List<Found> all = new ArrayList<>();
    System.out.println(
        "| query | first time: plain, s | warm, s | again: plain, s | warm, s | planning and a job, s |"
            + " of plain, first time | of plain | of planning and a job |"
            + " saved, says the cache, ms | task time of plain, ms |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|---|");
    for (Map.Entry<Integer, String> query : queries.entrySet()) {
      Found found = find(query.getValue());
      all.add(found);
      print(Integer.toString(query.getKey()), found::figure, found.saved(), found.taskTime());
    }
    print(
        "geometric mean; the sum",
        figure -> mean(all, found -> found.figure(figure)),
        all.stream().mapToLong(Found::saved).sum(),
        all.stream().mapToLong(Found::taskTime).sum());
  }

  private static void print(String query, ToDoubleFunction<Figure> figure, long saved, long tasks) {
    StringBuilder line = new StringBuilder("| ").append(query);
    for (Figure of : Figure.values()) {
      line.append(" | ").append(String.format(Locale.ROOT, "%.3f", figure.applyAsDouble(of)));
    }
    System.out.printf(Locale.ROOT, "%s | %,d | %,d |%n", line, saved, tasks);
  }

  private enum Figure {
    PLAIN_AT_FIRST,
    WARM_AT_FIRST,
    PLAIN_AGAIN,
    WARM_AGAIN,
    FLOOR_AGAIN,
    RATIO_AT_FIRST,
    RATIO_AGAIN,
    RATIO_TO_FLOOR
  }

  /**
   * @param first by an application that has not asked before
   * @param again by the same application, medians
   * @param saved milliseconds that the cache says it saved in one run
   * @param taskTime milliseconds that the tasks of plain Spark take, median
   */
  private record Found(
      Interleaved.Medians first, Interleaved.Medians again, long saved, long taskTime) {
    double figure(Figure figure) {
      return switch (figure) {
        case PLAIN_AT_FIRST -> first.of(PLAIN);
        case WARM_AT_FIRST -> first.of(WARM);
        case PLAIN_AGAIN -> again.of(PLAIN);
        case WARM_AGAIN -> again.of(WARM);
        case FLOOR_AGAIN -> again.of(FLOOR);
        case RATIO_AT_FIRST -> first.of(WARM) / first.of(PLAIN);
        case RATIO_AGAIN -> again.of(WARM) / again.of(PLAIN);
        case RATIO_TO_FLOOR -> again.of(WARM) / again.of(FLOOR);
      };
    }
  }

  private Found find(String sql) throws Exception {
    Interleaved.Way run = () -> answer(plain.sql(sql));
    Interleaved.Way hit = () -> answer(spark.sql(sql).cache());
    long before = DiskCache.of(spark).stats().savedMillis();
    Interleaved.Medians first =
        new Interleaved()
            .way(WARM, counters::begin, hit, this::requireFound)
            .way(PLAIN, run)
            .medians(0, 1);
    long saved = DiskCache.of(spark).stats().savedMillis() - before;
    Dataset<Row> result = plain.sql(sql);
    Dataset<Row> local = plain.createDataFrame(result.collectAsList(), result.schema());
    List<Long> taskTimes = new ArrayList<>();
    Interleaved.Medians again =
        new Interleaved()
            .way(PLAIN, tasks::next, run, () -> taskTimes.add(tasks.next()))
            .way(WARM, counters::begin, hit, this::requireFound)
            .way(
                FLOOR,
                () -> {
                  plain.sql(sql).queryExecution().executedPlan();
                  return answer(local.coalesce(1)); // which makes a job of it
                })
            .medians(WARM_UP, runs);
    Collections.sort(taskTimes);
    return new Found(first, again, saved, taskTimes.get(taskTimes.size() / 2));
  }

  private void requireFound() {
    counters.requireFound();
    forget();
  }

  // ----

  private static <T> double mean(List<T> all, ToDoubleFunction<T> figure) {
    return Math.exp(all.stream().mapToDouble(figure).map(Math::log).average().orElseThrow());
  }
}
