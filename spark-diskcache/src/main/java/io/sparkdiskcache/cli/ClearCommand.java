// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Quantities;
import picocli.CommandLine.Command;

@Command(name = "clear", description = "Removes all entries.")
final class ClearCommand extends CacheCommand {
  @Override
  int run(DiskStore store, Output out) {
    long bytes = store.clear();
    out.result("bytes", bytes, "removed " + Quantities.humanBytes(bytes));
    return 0;
  }
}
