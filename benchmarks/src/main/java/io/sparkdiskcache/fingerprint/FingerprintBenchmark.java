// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.trino.tpch.TpchColumnType;
import io.trino.tpch.TpchTable;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.internal.SQLConf;

/**
 * Measures what a key costs: the fingerprint of TPC-H Q2, the benchmark's largest plan, and the
 * hash of a function's code. Warm, medians, in the package of what it measures. Every fingerprint
 * is taken of a plan that Spark has just made, as in an application; making the plan is not
 * counted.
 *
 * <p>Beside wall time stands the time that the thread ran, which other load on the machine does not
 * change. Argument: how often each is measured, after as many runs for warm-up.
 */
public final class FingerprintBenchmark {
  private static final int RUNS = 1000;
  private static final int FILES = 2;

  private static final String Q2 =
      """
      select s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
      from part, supplier, partsupp, nation, region
      where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS'
        and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE'
        and ps_supplycost = (
          select min(ps_supplycost) from partsupp, supplier, nation, region
          where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey
            and n_regionkey = r_regionkey and r_name = 'EUROPE')
      order by s_acctbal desc, n_name, s_name, p_partkey limit 100
      """;

  /** A function as a user would write it: a captured value, a helper, a pattern in a static. */
  private static final class Cleaner {
    private static final Pattern SPACES = Pattern.compile("\\s+");

    private Cleaner() {}

    static UDF1<String, String> withPrefix(String prefix) {
      return value -> value == null ? null : prefix + squeezed(value);
    }

    private static String squeezed(String text) {
      StringBuilder out = new StringBuilder();
      for (String word : SPACES.split(text.toLowerCase(Locale.ROOT), -1)) {
        if (word.length() > 1) {
          out.append(out.length() == 0 ? "" : " ").append(word);
        }
      }
      return out.toString();
    }
  }

  /** One measured thing: medians in nanoseconds. */
  private record Cost(double wall, double thread) {}

  private FingerprintBenchmark() {}

  public static void main(String[] args) throws IOException {
    int runs = args.length > 0 ? Integer.parseInt(args[0]) : RUNS;
    Path dir = Files.createTempDirectory("fingerprint-benchmark");
    try (SparkSession spark =
        SparkSession.builder()
            .appName("fingerprint")
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.diskcache.enabled", "false")
            .config("spark.sql.warehouse.dir", dir.resolve("warehouse").toString())
            // Sort-merge joins: the plan with the most nodes.
            .config("spark.sql.autoBroadcastJoinThreshold", "-1")
            .getOrCreate()) {
      spark.sparkContext().setLogLevel("ERROR");
      writeTables(spark, dir);
      System.out.println("| what | wall ms | thread ms |");
      System.out.println("|---|---|---|");
      print("fingerprint of TPC-H Q2", fingerprint(spark, runs));
      CodeHasher hasher = new CodeHasher(FingerprintBenchmark.class.getClassLoader());
      UDF1<String, String> function = Cleaner.withPrefix("clean: ");
      print("hash of a function", measure(runs, () -> function, f -> hasher.hash(f, "benchmark")));
    } finally {
      delete(dir);
    }
  }

  private static Cost fingerprint(SparkSession spark, int runs) {
    var state = ((org.apache.spark.sql.classic.SparkSession) spark).sessionState();
    SQLConf conf = state.conf();
    FingerprintOptions options = FingerprintOptions.of("benchmark").withSettle(Duration.ZERO);
    Supplier<SparkPlan> planned =
        () ->
            ((org.apache.spark.sql.classic.Dataset<?>) spark.sql(Q2))
                .queryExecution()
                .executedPlan();
    return measure(
        runs,
        planned,
        plan -> {
          FingerprintResult result =
              PlanFingerprinter.create(options, FingerprintBenchmark.class.getClassLoader())
                  .fingerprint(plan, conf, state.newHadoopConf());
          if (!(result instanceof Accepted)) {
            throw new IllegalStateException("Cannot measure a refusal: " + result);
          }
          return result;
        });
  }

  private interface Measured<T> {
    Object run(T input);
  }

  private static <T> Cost measure(int runs, Supplier<T> inputs, Measured<T> measured) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    double[] wall = new double[runs];
    double[] thread = new double[runs];
    int hash = 0;
    for (int i = -runs; i < runs; i++) {
      T input = inputs.get();
      long ran = threads.getCurrentThreadCpuTime();
      long start = System.nanoTime();
      hash ^= System.identityHashCode(measured.run(input));
      long end = System.nanoTime();
      if (i >= 0) {
        wall[i] = end - start;
        thread[i] = threads.getCurrentThreadCpuTime() - ran;
      }
    }
    if (hash == 0) {
      System.err.println("results were equal objects"); // keeps the results alive
    }
    return new Cost(median(wall), median(thread));
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  private static void print(String what, Cost cost) {
    System.out.printf(
        Locale.ROOT, "| %s | %.2f | %.2f |%n", what, cost.wall / 1e6, cost.thread / 1e6);
  }

  /** Rows of nulls: plans are made from schemas and files, not from rows. */
  private static void writeTables(SparkSession spark, Path dir) {
    for (TpchTable<?> table : TpchTable.getTables()) {
      String schema =
          table.getColumns().stream()
              .map(column -> column.getColumnName() + " " + type(column.getType()))
              .collect(Collectors.joining(", "));
      String path = dir.resolve(table.getTableName()).toString();
      spark
          .range(0, FILES, 1, FILES)
          .selectExpr("from_json('{}', '" + schema + "') as row")
          .select("row.*")
          .write()
          .parquet(path);
      spark.read().parquet(path).createOrReplaceTempView(table.getTableName());
    }
  }

  private static String type(TpchColumnType type) {
    return switch (type.getBase()) {
      case IDENTIFIER -> "bigint";
      case INTEGER -> "int";
      case DATE -> "date";
      case DOUBLE -> "decimal(12, 2)";
      case VARCHAR -> "string";
    };
  }

  private static void delete(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }
}
