// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The functions that did more, while they computed, than to compute rows from their arguments, by
 * digest: one small file each, so that the next application refuses them at once. The digest is
 * that of the function's whole code, so another version of it is another function.
 */
final class Impure {
  private final CacheDirectory directory;

  Impure(CacheDirectory directory) {
    this.directory = directory;
  }

  /** Idempotent; the first sentence stays. */
  void add(String digest, String sentence) throws IOException {
    Path file = file(digest);
    if (!Files.exists(file)) {
      Directories.createPrivate(directory.impure());
      Directories.writeAtomically(file, (sentence + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  /** The effect that was seen of a function; empty if nobody has seen any. */
  Optional<String> of(String digest) throws IOException {
    Path file = file(digest);
    return Files.exists(file) ? Optional.of(Files.readString(file).strip()) : Optional.empty();
  }

  Path file(String digest) {
    return directory.impure().resolve(digest + ".txt");
  }
}
