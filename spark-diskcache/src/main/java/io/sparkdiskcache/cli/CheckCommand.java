// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.CheckReport;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.StoreException;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "check",
    description =
        "Reads everything and compares it with the index; exit code 1 if something is wrong.")
final class CheckCommand extends CacheCommand {
  @Option(
      names = "--fix",
      description = "Set damaged files aside, drop entries without files, delete orphans.")
  private boolean fix;

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    CheckReport report;
    try (ProgressLine progress = progress()) {
      report = store.maintenance().check(fix, progress);
    }
    if (out.isJson()) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("sound", report.isSound());
      json.put("entries", report.entries());
      json.put("bytes", report.bytes());
      json.put("index", report.index());
      json.put("damaged", report.damaged().stream().map(Key::hex).toList());
      json.put("missing", report.missing().stream().map(Key::hex).toList());
      json.put("orphans", report.orphans());
      json.put("fixed", report.fixed());
      out.json(json);
    } else {
      out.line("index    " + report.index());
      out.line(
          "entries  %d, %s".formatted(report.entries(), Quantities.humanBytes(report.bytes())));
      report.damaged().forEach(key -> out.line("damaged  " + key));
      report.missing().forEach(key -> out.line("missing  " + key));
      report.orphans().forEach(file -> out.line("orphan   " + file));
      if (!report.isSound()) {
        out.line(fix ? "fixed; a damaged index is replaced by the next open" : "run check --fix");
      }
    }
    return report.isSound() ? 0 : Main.FAILED;
  }
}
