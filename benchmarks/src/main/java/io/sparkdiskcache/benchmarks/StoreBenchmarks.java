// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.SyntheticCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.util.Statistics;

/**
 * Runs {@link StoreOpen}, {@link StoreLookup}, {@link StoreFirstLookup} and {@link StorePut} over
 * caches of several sizes and prints a table. Usage: {@code StoreBenchmarks DIR [ENTRIES ...]},
 * where DIR is made, on the disk to be measured, and deleted afterwards.
 */
public final class StoreBenchmarks {
  private static final String DIRECTORY = "bench.directory";
  private static final List<String> ENTRIES = List.of("1000", "100000", "1000000");

  private StoreBenchmarks() {}

  public static void main(String[] arguments)
      throws IOException, SQLException, StoreException, RunnerException {
    Path directory = Path.of(arguments[0]).toAbsolutePath();
    System.setProperty(DIRECTORY, directory.toString());
    List<String> entries =
        arguments.length > 1 ? List.of(arguments).subList(1, arguments.length) : ENTRIES;
    Files.createDirectory(directory); // fails if it is there: what is in it would be deleted
    try {
      for (String size : entries) {
        System.out.println("filling a cache with " + size + " entries");
        SyntheticCache.fill(cache(Integer.parseInt(size)), Integer.parseInt(size));
      }
      List<RunResult> results =
          new ArrayList<>(run(directory, entries, StoreOpen.class, StoreLookup.class));
      List<String> many =
          entries.stream()
              .filter(size -> Integer.parseInt(size) >= StoreFirstLookup.MIN_ENTRIES)
              .toList();
      if (!many.isEmpty()) {
        results.addAll(run(directory, many, StoreFirstLookup.class));
      }
      results.addAll(run(directory, entries, StorePut.class));
      print(results);
    } finally {
      Trees.delete(directory);
    }
  }

  private static Collection<RunResult> run(
      Path directory, List<String> entries, Class<?>... benchmarks) throws RunnerException {
    OptionsBuilder options = new OptionsBuilder();
    for (Class<?> benchmark : benchmarks) {
      options.include(benchmark.getName());
    }
    options
        .param("entries", entries.toArray(String[]::new))
        .jvmArgs("-Xmx1g", "-D" + DIRECTORY + "=" + directory)
        .shouldFailOnError(true);
    return new Runner(options.build()).run();
  }

  /** Of the run; also in the JVMs that JMH starts. */
  static Path directory() {
    return Path.of(System.getProperty(DIRECTORY, "."));
  }

  /** The cache with that many entries. */
  static Path cache(int entries) {
    return directory().resolve("cache-" + entries);
  }

  private static void print(Collection<RunResult> results) {
    List<String> lines = new ArrayList<>();
    for (RunResult result : results) {
      String name = result.getParams().getBenchmark();
      String entries = result.getParams().getParam("entries");
      Statistics micros = result.getPrimaryResult().getStatistics();
      lines.add(
          String.format(
              Locale.ROOT,
              "| %s | %s | %.1f | %.1f | %.1f |",
              name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1),
              entries == null ? "" : entries,
              micros.getPercentile(50),
              micros.getPercentile(99),
              micros.getMax()));
    }
    System.out.println();
    System.out.println("| benchmark | entries | p50 us | p99 us | max us |");
    System.out.println("|---|---|---|---|---|");
    lines.forEach(System.out::println);
  }
}
