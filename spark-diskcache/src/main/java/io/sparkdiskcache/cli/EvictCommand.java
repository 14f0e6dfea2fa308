// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "evict",
    description = "Removes the entries and memoised results that a selector selects.")
final class EvictCommand extends CacheCommand {
  @Parameters(paramLabel = "SELECTOR", arity = "1..*", description = "Terms, such as older=7d.")
  private List<String> words = List.of();

  @Option(names = "--dry-run", description = "List them and remove nothing.")
  private boolean dryRun;

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    Selector selector = selector(words);
    List<Entry> selected = store.select(selector);
    try (MemoResults memo = memoResults()) {
      List<MemoEntry> results = memo.select(selector);
      if (dryRun) {
        list(out, selected, results);
        return 0;
      }
      long bytes = store.evict(selector) + memo.remove(results);
      if (out.isJson()) {
        out.json(Map.of("entries", selected.size(), "results", results.size(), "bytes", bytes));
      } else {
        String kept = results.isEmpty() ? "" : ", " + MemoResults.count(results.size());
        out.line(
            "evicted "
                + Entries.count(selected.size())
                + kept
                + ", "
                + Quantities.humanBytes(bytes));
      }
      return 0;
    }
  }

  private static void list(Output out, List<Entry> selected, List<MemoEntry> results) {
    if (results.isEmpty() || !selected.isEmpty()) {
      Entries.print(out, selected, selected.size());
    }
    if (!results.isEmpty()) {
      MemoResults.print(out, results);
    }
  }
}
