// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Runs {@link CodecColumns} and {@link CodecMemory} and prints a table: plain bytes of Arrow per
 * second. Usage: {@code CodecBenchmarks DIR [ROWS [TYPE...]]}, where DIR is on the disk to be
 * measured; all types by default.
 */
public final class CodecBenchmarks {
  private static final String DIRECTORY = "bench.directory";
  private static final String ROWS = "1000000";

  private CodecBenchmarks() {}

  public static void main(String[] arguments) throws IOException, RunnerException {
    Path directory = Path.of(arguments[0]).toAbsolutePath();
    String rows = arguments.length > 1 ? arguments[1] : ROWS;
    Files.createDirectories(directory);
    System.setProperty(DIRECTORY, directory.toString());
    List<String> options = new ArrayList<>(List.of("-Xmx2g", "-D" + DIRECTORY + "=" + directory));
    for (String option : System.getProperty("bench.options", "").split(" ", -1)) {
      if (!option.isEmpty()) {
        options.add(option);
      }
    }
    ChainedOptionsBuilder builder =
        new OptionsBuilder().jvmArgs(options.toArray(String[]::new)).shouldFailOnError(true);
    List<String> types =
        arguments.length > 2 ? List.of(arguments).subList(2, arguments.length) : CodecState.TYPES;
    table(builder, rows, types).forEach(System.out::println);
  }

  /** The lines of the table. */
  static List<String> table(ChainedOptionsBuilder options, String rows, List<String> types)
      throws RunnerException {
    options
        .include(CodecColumns.class.getName())
        .include(CodecMemory.class.getName())
        .param("rows", rows)
        .param("type", types.toArray(String[]::new));
    Map<String, Map<String, Double>> rates = new TreeMap<>();
    for (RunResult result : new Runner(options.build()).run()) {
      String name = result.getParams().getBenchmark();
      String type = result.getParams().getParam("type");
      String what = name.substring(name.lastIndexOf('.') + 1);
      long bytes =
          type == null
              ? Long.parseLong(rows) * (what.equals("memcpy") ? Long.BYTES : Float.BYTES)
              : new CodecState(type, Integer.parseInt(rows)).plainBytes();
      // Bytes per nanosecond are gigabytes per second.
      rates
          .computeIfAbsent(type == null ? "" : type, of -> new TreeMap<>())
          .put(what, bytes / result.getPrimaryResult().getStatistics().getPercentile(50));
    }
    List<String> lines = new ArrayList<>();
    lines.add("Java " + Runtime.version().feature() + ", " + rows + " rows, GB/s of plain values");
    lines.add("| column | read | write |");
    lines.add("|---|---|---|");
    for (String type : types) {
      Map<String, Double> of = rates.getOrDefault(type, Map.of());
      lines.add(
          String.format(
              Locale.ROOT, "| %s | %.2f | %.2f |", type, of.get("read"), of.get("write")));
    }
    rates
        .getOrDefault("", Map.of())
        .forEach(
            (what, rate) -> lines.add(String.format(Locale.ROOT, "| %s | %.2f | |", what, rate)));
    return lines;
  }

  /** Of the run; also in the JVMs that JMH starts. */
  static Path directory() {
    return Path.of(System.getProperty(DIRECTORY, System.getProperty("java.io.tmpdir")));
  }
}
