// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "trace",
    description = {
      "Records which entries are asked for, to try eviction policies on.",
      "Without an option: how many requests were recorded."
    })
final class TraceCommand extends CacheCommand {
  private static final class Action {
    @Option(names = "--on", description = "Start; running processes follow in seconds.")
    private boolean on;

    @Option(names = "--off", description = "Stop, and delete the records.")
    private boolean off;

    @Option(names = "--out", paramLabel = "FILE", description = "Write the records.")
    private @Nullable Path out;
  }

  @ArgGroup private @Nullable Action action;

  @Override
  int run(DiskStore store, Output out) throws IOException, StoreException {
    Action chosen = action == null ? new Action() : action;
    if (chosen.on || chosen.off) {
      store.maintenance().recordTrace(chosen.on);
      return 0;
    }
    List<String> lines = store.maintenance().trace();
    if (chosen.out != null) {
      if (Files.exists(chosen.out)) {
        throw wrong("Cannot write '" + chosen.out + "': it exists.");
      }
      Files.write(chosen.out, lines);
    }
    out.result("requests", lines.size(), lines.size() + " requests recorded");
    return 0;
  }
}
