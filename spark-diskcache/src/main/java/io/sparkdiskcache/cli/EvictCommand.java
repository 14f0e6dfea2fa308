// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.Selector;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "evict", description = "Removes the entries that a selector selects.")
final class EvictCommand extends CacheCommand {
  @Parameters(paramLabel = "SELECTOR", arity = "1..*", description = "Terms, such as older=7d.")
  private List<String> words = List.of();

  @Option(names = "--dry-run", description = "List them and remove nothing.")
  private boolean dryRun;

  @Override
  int run(DiskStore store, Output out) {
    Selector selector = selector(words);
    List<Entry> selected = store.select(selector);
    if (dryRun) {
      Entries.print(out, selected, selected.size());
      return 0;
    }
    long bytes = store.evict(selector);
    if (out.isJson()) {
      out.json(Map.of("entries", selected.size(), "bytes", bytes));
    } else {
      out.line("evicted " + Entries.count(selected.size()) + ", " + Quantities.humanBytes(bytes));
    }
    return 0;
  }
}
