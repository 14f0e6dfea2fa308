// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Collects what the runs cost and prints it. */
final class DemoReport {
  private record Entry(DemoRun run, RunFigures figures, long processMillis) {}

  private static final String ROW = "%-3s %-32s %8s %8s %7s %8s %7s %12s %10s %10s %10s%n";

  private final Map<String, Entry> entries = new LinkedHashMap<>();

  void add(DemoRun run, RunFigures figures, long processMillis) {
    entries.put(run.name(), new Entry(run, figures, processMillis));
  }

  /** The runs whose summaries are not those of their plain run. */
  List<String> differentSummaries() {
    List<String> different = new ArrayList<>();
    for (Entry entry : entries.values()) {
      Map<String, String> expected = figures(entry.run().reference()).summaries();
      entry
          .figures()
          .summaries()
          .forEach(
              (output, summary) -> {
                if (!summary.equals(expected.get(output))) {
                  different.add(
                      "(%s) %s: the job counted %s; plain Spark %s"
                          .formatted(entry.run().name(), output, summary, expected.get(output)));
                }
              });
    }
    return different;
  }

  String table() {
    StringBuilder text = new StringBuilder();
    text.append(
        ROW.formatted(
            "",
            "run",
            "wall",
            "process",
            "stages",
            "skipped",
            "tasks",
            "hit/comp.",
            "read",
            "shuffled",
            "written"));
    for (Entry entry : entries.values()) {
      RunFigures figures = entry.figures();
      text.append(
          ROW.formatted(
              entry.run().name(),
              entry.run().title(),
              seconds(figures.wallMillis()),
              seconds(entry.processMillis()),
              figures.stagesRun(),
              figures.stagesSkipped(),
              figures.tasks(),
              partitions(figures.partitionsHit(), figures.partitionsComputed()),
              bytes(figures.bytesRead()),
              bytes(figures.bytesShuffled()),
              bytes(figures.bytesWritten())));
    }
    return text.toString();
  }

  String ratios() {
    return ratio(DemoRun.RERUN, DemoRun.PLAIN)
        + ratio(DemoRun.FILL, DemoRun.PLAIN)
        + ratio(DemoRun.FILL, DemoRun.DISK_ONLY)
        + ratio(DemoRun.ARRIVED, DemoRun.PLAIN_ARRIVED);
  }

  private String ratio(DemoRun run, DemoRun base) {
    double ratio = (double) figures(run.name()).wallMillis() / figures(base.name()).wallMillis();
    return String.format(
        Locale.ROOT,
        "%-9s = %.2f   %s against %s%s%n",
        "(" + run.name() + ")/(" + base.name() + ")",
        ratio,
        run.title(),
        base.title(),
        ratio < 0.95 ? String.format(Locale.ROOT, ": %.1f times faster", 1 / ratio) : "");
  }

  private RunFigures figures(String run) {
    Entry entry = entries.get(run);
    if (entry == null) {
      throw new IllegalStateException("Cannot compare with run " + run + ": it has no figures");
    }
    return entry.figures();
  }

  private static String partitions(@Nullable Long hit, @Nullable Long computed) {
    return hit == null || computed == null ? "-" : hit + " / " + computed;
  }

  static String seconds(long millis) {
    return String.format(Locale.ROOT, "%.1f s", millis / 1000.0);
  }

  static String bytes(long bytes) {
    if (bytes < 1024) {
      return bytes + " B";
    }
    String[] units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int unit = (63 - Long.numberOfLeadingZeros(bytes)) / 10;
    return String.format(Locale.ROOT, "%.1f %s", bytes / Math.pow(1024, unit), units[unit - 1]);
  }
}
