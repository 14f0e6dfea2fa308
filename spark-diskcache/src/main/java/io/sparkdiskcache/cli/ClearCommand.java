// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Quantities;
import java.util.Map;
import picocli.CommandLine.Command;

@Command(name = "clear", description = "Removes all entries.")
final class ClearCommand extends CacheCommand {
  @Override
  int run(DiskStore store, Output out) {
    long bytes = store.clear();
    if (out.isJson()) {
      out.json(Map.of("bytes", bytes));
    } else {
      out.line("removed " + Quantities.humanBytes(bytes));
    }
    return 0;
  }
}
