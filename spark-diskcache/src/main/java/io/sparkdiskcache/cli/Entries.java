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

  /**
   * @param all how many there are, of which these are shown
   */
  static void print(Output out, List<Entry> entries, int all) {
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
        (all == entries.size() ? "" : "first " + entries.size() + " of ")
            + count(all)
            + ", "
            + Quantities.humanBytes(entries.stream().mapToLong(Entry::bytes).sum()));
  }

  static String count(long entries) {
    return entries + (entries == 1 ? " entry" : " entries");
  }

  static String shortened(String text) {
    String line = text.replaceAll("\\s+", " ");
    return line.length() <= DESCRIPTION_CHARS
        ? line
        : line.substring(0, DESCRIPTION_CHARS - 3) + "...";
  }

  /** For people: what they can read, and nothing that is empty. */
  static Map<String, String> described(Entry entry) {
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("key", entry.key().hex());
    lines.put("relation", entry.relation());
    entry.generation().ifPresent(generation -> lines.put("generation", generation.hex()));
    lines.put("partition", Integer.toString(entry.partition()));
    lines.put("rows", Long.toString(entry.rows()));
    lines.put("size", Quantities.humanBytes(entry.bytes()));
    lines.put("computed in", Quantities.humanDuration(entry.meta().computeTime()));
    lines.put("written in", Quantities.humanDuration(entry.meta().writeTime()));
    lines.put("hits", Long.toString(entry.hits()));
    lines.put("created", ago(entry.createdAt()));
    lines.put("last used", ago(entry.lastAccess()));
    lines.put("tag", entry.tag());
    lines.put("application", entry.application());
    lines.put("description", entry.description());
    lines.put("file", entry.path().toString());
    lines.values().removeIf(String::isEmpty);
    return lines;
  }

  private static String ago(Instant time) {
    return Quantities.humanDuration(Duration.between(time, Instant.now())) + " ago, " + time;
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
