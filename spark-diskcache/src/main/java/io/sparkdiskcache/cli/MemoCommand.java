// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.MemoUse;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.StoreException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "memo",
    description = "Costs and savings of memoised functions, by day; or their results.")
final class MemoCommand extends CacheCommand {
  private static final List<String> HEADER =
      List.of(
          "DAY",
          "FUNCTION",
          "VERSION",
          "TAG",
          "CALLS",
          "HITS",
          "ERRORS",
          "SPENT",
          "SAVED",
          "PAID",
          "NOT PAID");

  @Option(names = "--results", description = "List the results instead.")
  private boolean results;

  @Parameters(paramLabel = "SELECTOR", arity = "0..*", description = "Which results to list.")
  private List<String> words = List.of();

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    try (MemoResults memo = memoResults()) {
      if (results || !words.isEmpty()) {
        MemoResults.print(out, words.isEmpty() ? memo.all() : memo.select(selector(words)));
      } else if (out.isJson()) {
        out.json(memo.ledger().stream().map(MemoCommand::json).toList());
      } else {
        out.table(HEADER, rows(memo.ledger()));
      }
    }
    return 0;
  }

  private static List<List<String>> rows(List<MemoUse> ledger) {
    List<List<String>> rows = new ArrayList<>();
    for (MemoUse use : ledger) {
      rows.add(
          List.of(
              use.day(),
              use.name(),
              use.version(),
              use.tag(),
              Long.toString(use.calls()),
              Long.toString(use.hits()),
              Long.toString(use.errors()),
              Quantities.humanDuration(use.spent()),
              Quantities.humanDuration(use.saved()),
              money(use.paid()),
              money(use.notPaid())));
    }
    return rows;
  }

  private static String money(double amount) {
    return String.format(Locale.ROOT, "%.4f", amount);
  }

  private static Map<String, Object> json(MemoUse use) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("day", use.day());
    json.put("function", use.name());
    json.put("version", use.version());
    json.put("tag", use.tag());
    json.put("calls", use.calls());
    json.put("hits", use.hits());
    json.put("errors", use.errors());
    json.put("unkept", use.unkept());
    json.put("nanosSpent", use.spent().toNanos());
    json.put("nanosSaved", use.saved().toNanos());
    json.put("paid", use.paid());
    json.put("notPaid", use.notPaid());
    return json;
  }
}
