// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "import",
    description =
        "Takes in the entries of a file that export wrote; trust it as you trust its origin.")
final class ImportCommand extends CacheCommand {
  @Parameters(paramLabel = "FILE", description = "A file that export wrote.")
  private Path file = Path.of("");

  @Override
  int run(DiskStore store, Output out) throws StoreException {
    if (!Files.isRegularFile(file)) {
      throw wrong("Cannot import '" + file + "': there is no such file.");
    }
    long entries;
    try (ProgressLine progress = progress()) {
      entries = store.maintenance().importFrom(file, progress);
    }
    out.result("entries", entries, "imported " + Entries.count(entries));
    return 0;
  }
}
