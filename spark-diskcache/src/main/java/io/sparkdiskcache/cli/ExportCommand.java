// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Exported;
import io.sparkdiskcache.store.StoreException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
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
    Exported exported;
    try (ProgressLine progress = progress()) {
      exported = store.maintenance().exportTo(file, entries(store, words), progress);
    }
    if (out.isJson()) {
      out.json(
          Map.of(
              "entries",
              exported.written(),
              "leftOut",
              Map.of("members", exported.members(), "unreadable", exported.unreadable())));
      return 0;
    }
    out.line("exported " + Entries.count(exported.written()));
    if (exported.members() > 0) {
      out.line(
          "left out "
              + Entries.count(exported.members())
              + ": parts of results that are kept whole or not at all, of which nothing is found there;"
              + " compute them there");
    }
    if (exported.unreadable() > 0) {
      out.line(
          "left out "
              + Entries.count(exported.unreadable())
              + ": gone since they were listed, or damaged; see diskcache check");
    }
    try (MemoResults memo = memoResults()) {
      int results = memo.all().size();
      if (results > 0) {
        out.line(
            "left out " + MemoResults.count(results) + ": an export has entries of relations only");
      }
    }
    return 0;
  }
}
