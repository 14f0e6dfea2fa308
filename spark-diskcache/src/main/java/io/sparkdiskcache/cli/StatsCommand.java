// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.StoreStats;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;

@Command(name = "stats", description = "Sums over all entries, and by tag.")
final class StatsCommand extends CacheCommand {
  @Override
  int run(DiskStore store, Output out) {
    StoreStats stats = store.stats();
    List<Entry> entries = store.entries();
    long hits = entries.stream().mapToLong(Entry::hits).sum();
    long saved = entries.stream().mapToLong(e -> e.hits() * e.meta().computeTime().toNanos()).sum();
    Map<String, long[]> tags = new TreeMap<>();
    for (Entry entry : entries) {
      long[] sums = tags.computeIfAbsent(entry.tag(), tag -> new long[2]);
      sums[0]++;
      sums[1] += entry.bytes();
    }
    if (out.isJson()) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("entries", stats.entries());
      json.put("bytes", stats.bytes());
      json.put("sets", stats.sets());
      json.put("hits", hits);
      json.put("savedNanos", saved);
      json.put("unindexedFiles", stats.unindexedFiles());
      json.put("unindexedBytes", stats.unindexedBytes());
      Map<String, Object> byTag = new LinkedHashMap<>();
      tags.forEach((tag, sums) -> byTag.put(tag, Map.of("entries", sums[0], "bytes", sums[1])));
      json.put("tags", byTag);
      out.json(json);
      return 0;
    }
    out.line("entries    " + stats.entries());
    out.line("size       " + Quantities.humanBytes(stats.bytes()));
    out.line("sets       " + stats.sets());
    out.line("hits       " + hits);
    out.line("saved      " + Quantities.humanDuration(Duration.ofNanos(saved)));
    if (stats.unindexedFiles() > 0) {
      out.line(
          "unindexed  %d files, %s"
              .formatted(stats.unindexedFiles(), Quantities.humanBytes(stats.unindexedBytes())));
    }
    List<List<String>> rows = new ArrayList<>();
    tags.forEach(
        (tag, sums) ->
            rows.add(
                List.of(
                    tag.isEmpty() ? "(none)" : tag,
                    Long.toString(sums[0]),
                    Quantities.humanBytes(sums[1]))));
    if (!rows.isEmpty()) {
      out.line("");
      out.table(List.of("TAG", "ENTRIES", "SIZE"), rows);
    }
    return 0;
  }
}
