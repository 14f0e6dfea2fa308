// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "ls", description = "Lists entries, all or those selected.")
final class ListCommand extends CacheCommand {
  @SuppressWarnings("ImmutableEnumChecker") // comparators of getters have no state
  private enum Order {
    AGE,
    SIZE,
    HITS,
    USED,
    COST,
    NAME;

    Comparator<Entry> comparator() {
      return switch (this) {
        case AGE -> Comparator.comparing(Entry::createdAt);
        case SIZE -> Comparator.comparingLong(Entry::bytes).reversed();
        case HITS -> Comparator.comparingLong(Entry::hits).reversed();
        case USED -> Comparator.comparing(Entry::lastAccess).reversed();
        case COST -> Comparator.comparing((Entry e) -> e.meta().computeTime()).reversed();
        case NAME -> Comparator.comparing(Entry::description);
      };
    }
  }

  @Parameters(paramLabel = "SELECTOR", arity = "0..*", description = "Terms, such as tag=nightly.")
  private List<String> selector = List.of();

  @Option(
      names = "--sort",
      paramLabel = "ORDER",
      description = "age (oldest first), size, hits, used, cost or name; default age.")
  private Order order = Order.AGE;

  @Option(names = "--reverse", description = "The other way round.")
  private boolean reverse;

  @Option(names = "--limit", paramLabel = "N", description = "Only the first N.")
  private long limit = Long.MAX_VALUE;

  @Override
  int run(DiskStore store, Output out) {
    if (limit < 0) {
      throw wrong("Cannot list " + limit + " entries: --limit takes 0 or more.");
    }
    List<Entry> entries = new ArrayList<>(entries(store, selector));
    entries.sort(reverse ? order.comparator().reversed() : order.comparator());
    Entries.print(out, entries.stream().limit(limit).toList(), entries.size());
    return 0;
  }
}
