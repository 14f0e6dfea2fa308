// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;

/**
 * Measures relations of many partitions of four rows, beside Spark's own cache on disk: storing
 * them, and in another application finding them. Arguments: {@code store} or {@code find}, a
 * directory, which is empty before {@code store}, the partitions, and how often each is measured.
 */
final class SmallBenchmark {
  private static final int WARM_UP = 3;

  /** Of the relations that only warm up. */
  private static final int WARM_UP_PARTITIONS = 200;

  private static final int ROWS = 4;
  private static final String OURS = "spark-diskcache";
  private static final String DISK = "persist(DISK_ONLY)";

  private final SparkSession spark;
  private final SparkSession plain;
  private final RunCounters counters;
  private final Path cache;
  private final int partitions;
  private final int runs;

  private SmallBenchmark(SparkSession spark, Path cache, int partitions, int runs) {
    this.spark = spark;
    this.plain = BenchSpark.plain(spark);
    this.counters = new RunCounters(spark);
    this.cache = cache;
    this.partitions = partitions;
    this.runs = runs;
  }

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[1]);
    try (SparkSession spark = BenchSpark.start(directory)) {
      spark.conf().set("spark.sql.adaptive.coalescePartitions.enabled", "false");
      SmallBenchmark benchmark =
          new SmallBenchmark(
              spark,
              directory.resolve("cache"),
              Integer.parseInt(args[2]),
              Integer.parseInt(args[3]));
      if (args[0].equals("store")) {
        benchmark.store();
      } else {
        benchmark.find();
      }
    }
  }

  /** What the partitions are made of. */
  private enum Kind {
    RANGE("a range"),
    SHUFFLED("behind a shuffle");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    /** Another relation for every number; negative ones warm up. */
    Dataset<Row> relation(SparkSession spark, int partitions, int number) {
      long rows = (long) ROWS * partitions;
      String[] columns = {"id + " + number + " as id", "concat('row ', id) as name"};
      return this == RANGE
          ? spark.range(0, rows, 1, partitions).selectExpr(columns)
          : spark.range(0, rows, 1, BenchSpark.CORES).selectExpr(columns).repartition(partitions);
    }
  }

  /** The columns that both tables begin with. */
  private static String beside(Kind kind, Interleaved.Medians seconds) {
    double ours = seconds.of(OURS);
    double disk = seconds.of(DISK);
    return String.format(
        Locale.ROOT, "| %s | %.3f | %.3f | %.2f", kind.title, ours, disk, ours / disk);
  }

  // ---- storing

  private void store() throws Exception {
    System.out.printf(Locale.ROOT, "%,d partitions of %d rows%n%n", partitions, ROWS);
    System.out.println(
        "| stored | spark-diskcache, s | persist(DISK_ONLY), s | ratio | us a partition more |"
            + " files of a relation |");
    System.out.println("|---|---|---|---|---|---|");
    for (Kind kind : Kind.values()) {
      storing(kind, WARM_UP_PARTITIONS, -WARM_UP).medians(0, WARM_UP);
      long files = files();
      Interleaved.Medians seconds = storing(kind, partitions, 0).medians(0, runs);
      System.out.printf(
          Locale.ROOT,
          "%s | %,.0f | %,d |%n",
          beside(kind, seconds),
          (seconds.of(OURS) - seconds.of(DISK)) / partitions * 1e6,
          (files() - files) / runs);
    }
    BenchSpark.requireKept(spark);
    System.out.println();
  }

  /** Every run stores another relation, which the next application finds. */
  private Interleaved storing(Kind kind, int of, int first) {
    int[] number = {first};
    return new Interleaved()
        .way(
            OURS,
            counters::begin,
            () -> count(kind.relation(spark, of, number[0]).cache()),
            counters::requireStored)
        .way(
            DISK,
            () -> count(kind.relation(plain, of, number[0]++).persist(StorageLevel.DISK_ONLY())));
  }

  private static Object count(Dataset<Row> persisted) {
    try {
      return persisted.count();
    } finally {
      persisted.unpersist(true);
    }
  }

  private long files() throws IOException {
    try (Stream<Path> paths = Files.walk(cache)) {
      return paths.filter(Files::isRegularFile).count();
    }
  }

  // ---- finding

  private void find() throws Exception {
    System.out.println(
        "| found by another application | spark-diskcache, s | persist(DISK_ONLY) filled by this one, s |"
            + " ratio | us a partition |");
    System.out.println("|---|---|---|---|---|");
    for (Kind kind : Kind.values()) {
      finding(kind, WARM_UP_PARTITIONS, -WARM_UP).medians(0, WARM_UP);
      Interleaved.Medians seconds = finding(kind, partitions, 0).medians(0, runs);
      System.out.printf(
          Locale.ROOT,
          "%s | %,.0f |%n",
          beside(kind, seconds),
          seconds.of(OURS) / partitions * 1e6);
    }
    System.out.println();
  }

  /** Every run finds a relation that this application has not looked for before. */
  private Interleaved finding(Kind kind, int of, int first) {
    Kept ours = new Kept();
    Kept disk = new Kept();
    int[] number = {first};
    return new Interleaved()
        .way(
            OURS,
            () -> {
              ours.df = kind.relation(spark, of, number[0]).cache();
              counters.begin();
            },
            () -> ours.df().count(),
            () -> {
              counters.requireFound();
              ours.df().unpersist(true);
            })
        .way(
            DISK,
            () -> {
              disk.df = kind.relation(plain, of, number[0]++).persist(StorageLevel.DISK_ONLY());
              disk.df().count();
            },
            () -> disk.df().count(),
            () -> disk.df().unpersist(true));
  }

  /** The relation of a run. */
  private static final class Kept {
    private @Nullable Dataset<Row> df;

    Dataset<Row> df() {
      return Objects.requireNonNull(df);
    }
  }
}
