// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "export",
    description = "Writes entries, all or those selected, into one file for another cache.")
final class ExportCommand extends CacheCommand {
  @Parameters(index = "0", paramLabel = "FILE", description = "A file that does not exist yet.")
  private Path file = Path.of("");

  @Parameters(index = "1..*", paramLabel = "SELECTOR", arity = "0..*", description = "Terms.")
  private List<String> words = List.of();

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    Path parent = file.toAbsolutePath().getParent();
    if (Files.exists(file) || parent == null || !Files.isDirectory(parent)) {
      throw wrong(
          "Cannot export to '" + file + "': it exists, or the directory above it does not.");
    }
    long entries;
    try (ProgressLine progress = progress()) {
      entries = store.maintenance().exportTo(file, entries(store, words), progress);
    }
    out.result("entries", entries, "exported " + Entries.count(entries));
    return 0;
  }
}
