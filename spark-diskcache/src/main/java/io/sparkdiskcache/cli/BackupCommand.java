// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Quantities;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "backup",
    description =
        "Copies the cache as it is now, while it is in use; the copy is a cache directory.")
final class BackupCommand extends CacheCommand {
  @Parameters(paramLabel = "DIR", description = "An empty directory, or one that does not exist.")
  private Path target = Path.of("");

  @Override
  int run(DiskStore store, Output out) throws IOException, StoreException {
    if (Files.exists(target) && !isEmptyDirectory(target)) {
      throw wrong("Cannot back up to '" + target + "': it is not an empty directory.");
    }
    long bytes;
    try (ProgressLine progress = progress()) {
      bytes = store.maintenance().backup(target, progress);
    }
    out.result("bytes", bytes, "copied " + Quantities.humanBytes(bytes));
    return 0;
  }

  private static boolean isEmptyDirectory(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return false;
    }
    try (Stream<Path> inside = Files.list(path)) {
      return inside.findAny().isEmpty();
    }
  }
}
