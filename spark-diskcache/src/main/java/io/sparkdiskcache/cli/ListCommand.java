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
    AGE(Comparator.comparing(Entry::createdAt)),
    SIZE(Comparator.comparingLong(Entry::bytes).reversed()),
    HITS(Comparator.comparingLong(Entry::hits).reversed()),
    USED(Comparator.comparing(Entry::lastAccess).reversed()),
    COST(Comparator.comparing((Entry e) -> e.meta().computeTime()).reversed()),
    NAME(Comparator.comparing(Entry::description));

    private final Comparator<Entry> comparator;

    Order(Comparator<Entry> comparator) {
      this.comparator = comparator;
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
    List<Entry> entries = new ArrayList<>(entries(store, selector));
    entries.sort(reverse ? order.comparator.reversed() : order.comparator);
    Entries.print(out, entries.stream().limit(limit).toList());
    return 0;
  }
}
