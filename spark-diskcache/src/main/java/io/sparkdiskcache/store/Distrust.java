// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The functions whose entries were found to hold other rows than they compute. One small file each,
 * so that neither a lost index nor the clearing of the cache makes them trusted again; whoever has
 * found the reason deletes the file.
 */
final class Distrust {
  private final CacheDirectory directory;

  Distrust(CacheDirectory directory) {
    this.directory = directory;
  }

  boolean contains(String function) {
    return Files.exists(file(function));
  }

  /** Idempotent; the first report stays. */
  void add(String function, String report) throws IOException {
    if (!contains(function)) {
      Directories.createPrivate(directory.distrusted());
      Directories.writeAtomically(file(function), (report + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  Path file(String function) {
    return directory.distrusted().resolve(function + ".txt");
  }
}
