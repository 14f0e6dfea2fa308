// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.Components;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.FileRead;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "show",
    description = "One entry: the components of its cache key, its schema and its first rows.")
final class ShowCommand extends CacheCommand {
  @Parameters(
      paramLabel = "KEY",
      description = "The key, or its first digits as far as they are unique.")
  private String key = "";

  @Option(names = "--rows", paramLabel = "N", description = "How many rows; default 5.")
  private int rows = 5;

  @Override
  int run(DiskStore store, Output out) throws IOException {
    if (rows < 0) {
      throw wrong("Cannot show " + rows + " rows: --rows takes 0 or more.");
    }
    Entry entry =
        only(store.entries().stream().filter(e -> e.key().hex().startsWith(key)).toList());
    Map<String, String> components = new TreeMap<>(store.components(entry.key()).orElse(Map.of()));
    String schema = EntryDescription.read(entry.path()).map(EntryDescription::schema).orElse("");
    Optional<ArrowPreview> preview = Optional.empty();
    String unread = "Arrow is not on the class path: run bin/diskcache with SPARK_HOME set.";
    try {
      if (components.replace(Components.ENCRYPTED, "yes") != null) {
        unread = "The entry is encrypted.";
      } else if (store.verify(entry)) {
        preview = ArrowPreview.of(entry.path(), rows);
      }
    } catch (IOException | RuntimeException | LinkageError e) {
      // Arrow asks for options of the JVM that bin/diskcache gives; all else can be shown without.
      unread = "Arrow cannot read the file: " + e;
    }
    if (out.isJson()) {
      Map<String, Object> json = Entries.json(entry);
      json.put("components", components);
      json.put("reads", entry.reads().stream().map(FileRead::path).toList());
      json.put("schema", schema);
      json.put("statistics", preview.map(ArrowPreview::statistics).orElse(null));
      json.put("firstRows", preview.map(ArrowPreview::rows).orElse(null));
      out.json(json);
      return 0;
    }
    Entries.described(entry).forEach((name, value) -> out.line("%-13s%s".formatted(name, value)));
    out.line("\ncomponents");
    components.forEach((name, value) -> out.line("  " + name + " = " + value));
    if (!entry.reads().isEmpty()) {
      out.line("\nfiles that functions read");
      entry.reads().forEach(file -> out.line("  " + file));
    }
    out.line("\nschema\n  " + (schema.isEmpty() ? "not described in the file" : schema));
    if (preview.isEmpty()) {
      out.line("\nfirst rows\n  " + unread);
    } else {
      out.line("\nstatistics");
      preview.get().statistics().forEach((name, value) -> out.line("  " + name + "  " + value));
      out.line("\nfirst rows");
      preview.get().rows().forEach(row -> out.line("  " + row));
    }
    return 0;
  }

  private Entry only(List<Entry> found) {
    if (found.size() == 1) {
      return found.get(0);
    }
    throw wrong(
        found.isEmpty()
            ? "Cannot show '" + key + "': no entry has a key that begins so. See diskcache ls."
            : "Cannot show '%s': %d keys begin so. Give more digits.".formatted(key, found.size()));
  }
}
