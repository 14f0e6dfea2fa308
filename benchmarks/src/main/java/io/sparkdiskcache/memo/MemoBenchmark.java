// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.fingerprint.MemoizableFunction;
import io.sparkdiskcache.store.MemoFunction;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongFunction;
import java.util.stream.LongStream;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/**
 * Hits of a memoised function per second, by one thread: from memory, and from the files by a
 * process that has just started. Medians of {@link #RUNS} after {@link #WARM_UP}; in the package of
 * what it measures. Arguments: the cache directory, and how many distinct inputs there are.
 */
public final class MemoBenchmark {
  private static final int RUNS = 7;
  private static final int WARM_UP = 3;
  private static final int ROWS_FROM_MEMORY = 1_000_000;
  private static final String KILOBYTE = "x".repeat(1_000);

  private MemoBenchmark() {}

  private interface Measured {
    void run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    int distinct = Integer.parseInt(args[1]);
    Files.createDirectories(directory);
    System.out.println("| argument | from memory, rows/s | from the files, rows/s |");
    System.out.println("|---|---|---|");
    measure(directory, distinct, "long", i -> i);
    measure(directory, distinct, "short string", i -> "input-" + i);
    measure(directory, distinct, "string of 1 KB", i -> KILOBYTE + i);
  }

  private static void measure(
      Path directory, int distinct, String what, LongFunction<Object> argument) throws Exception {
    Object[] inputs = LongStream.range(0, distinct).mapToObj(argument).toArray();
    boolean[] filling = {true};
    UDF1<Object, String> answer = value -> "answer to " + value.hashCode();
    MemoizedFunction function =
        new MemoizedFunction(
            row -> {
              if (!filling[0]) {
                throw new IllegalStateException("called for " + row[0]);
              }
              return answer.call(row[0]);
            },
            new MemoFunction("benchmark " + what, "benchmark", "", "", ""),
            MemoizableFunction.of(answer, MemoBenchmark.class.getClassLoader()).proof(),
            MemoOptions.defaults(),
            new Values(DataTypes.StringType),
            1,
            directory.toString(),
            MemoRemote.NONE);
    all(function, inputs, distinct);
    filling[0] = false;
    double fromMemory = rate(ROWS_FROM_MEMORY, () -> all(function, inputs, ROWS_FROM_MEMORY));
    double fromFiles =
        rate(
            distinct,
            () -> all(function, inputs, distinct),
            () -> MemoRuntime.close(directory.toString())); // and with it what is in memory
    MemoRuntime.close(directory.toString());
    System.out.printf(Locale.ROOT, "| %s | %,.0f | %,.0f |%n", what, fromMemory, fromFiles);
  }

  private static void all(MemoizedFunction function, Object[] inputs, int rows) throws Exception {
    for (int i = 0; i < rows; i++) {
      if (function.call(inputs[i % inputs.length]) == null) {
        throw new IllegalStateException("an answer is missing");
      }
    }
  }

  private static double rate(int rows, Measured measured) throws Exception {
    return rate(rows, measured, () -> {});
  }

  private static double rate(int rows, Measured measured, Measured before) throws Exception {
    double[] seconds = new double[RUNS];
    for (int i = -WARM_UP; i < RUNS; i++) {
      before.run();
      long start = System.nanoTime();
      measured.run();
      if (i >= 0) {
        seconds[i] = (System.nanoTime() - start) / 1e9;
      }
    }
    Arrays.sort(seconds);
    return rows / seconds[RUNS / 2];
  }
}
