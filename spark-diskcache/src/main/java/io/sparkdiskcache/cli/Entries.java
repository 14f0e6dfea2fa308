// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.Quantities;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Entries as rows of a table and as JSON. */
final class Entries {
  static final int KEY_DIGITS = 12;
  private static final int DESCRIPTION_CHARS = 60;
  private static final List<String> HEADER =
      List.of("KEY", "SIZE", "ROWS", "COMPUTED IN", "HITS", "AGE", "TAG", "DESCRIPTION");

  private Entries() {}

  static void print(Output out, List<Entry> entries) {
    if (out.isJson()) {
      out.json(entries.stream().map(Entries::json).toList());
      return;
    }
    List<List<String>> rows = new ArrayList<>();
    Instant now = Instant.now();
    for (Entry entry : entries) {
      rows.add(
          List.of(
              entry.key().hex().substring(0, KEY_DIGITS),
              Quantities.humanBytes(entry.bytes()),
              Long.toString(entry.rows()),
              Quantities.humanDuration(entry.meta().computeTime()),
              Long.toString(entry.hits()),
              Quantities.humanDuration(Duration.between(entry.createdAt(), now)),
              entry.tag(),
              shortened(entry.description())));
    }
    out.table(HEADER, rows);
    out.line(
        entries.size()
            + " entries, "
            + Quantities.humanBytes(entries.stream().mapToLong(Entry::bytes).sum()));
  }

  private static String shortened(String text) {
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= DESCRIPTION_CHARS
        ? line
        : line.substring(0, DESCRIPTION_CHARS - 3) + "...";
  }

  static Map<String, Object> json(Entry entry) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("key", entry.key().hex());
    json.put("relation", entry.relation());
    json.put("generation", entry.generation().map(Key::hex).orElse(null));
    json.put("partition", entry.partition());
    json.put("rows", entry.rows());
    json.put("bytes", entry.bytes());
    json.put("computeNanos", entry.meta().computeTime().toNanos());
    json.put("writeNanos", entry.meta().writeTime().toNanos());
    json.put("hits", entry.hits());
    json.put("created", entry.createdAt().toString());
    json.put("lastAccess", entry.lastAccess().toString());
    json.put("tag", entry.tag());
    json.put("application", entry.application());
    json.put("description", entry.description());
    json.put("path", entry.path().toString());
    return json;
  }
}
