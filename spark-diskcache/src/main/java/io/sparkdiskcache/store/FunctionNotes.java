// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Findings about functions that hold for all processes: whose entries held other rows than the
 * function computes, and which function did more than to compute rows from its arguments. One small
 * file each, so that neither a lost index nor the clearing of the cache forgets it; whoever has
 * found the reason deletes the file.
 */
@Internal
public final class FunctionNotes {
  private final CacheDirectory directory;
  private final Trouble trouble;

  FunctionNotes(CacheDirectory directory, Trouble trouble) {
    this.directory = directory;
    this.trouble = trouble;
  }

  /**
   * Remembers that entries of a function are not to be believed. It is for the caller to ask.
   * Idempotent; the first report stays.
   *
   * @param function as in {@link EntryMeta#relation}
   * @param report what was found, for whoever looks into it
   * @return the file that says so
   */
  public Path distrust(String function, String report) {
    Path file = ofDistrusted(function);
    trouble.attempt(
        "Cannot note a distrusted function", () -> note(directory.distrusted(), file, report));
    return file;
  }

  /** The file by which a function is distrusted; empty if it is trusted. */
  public Optional<Path> distrusted(String function) {
    return Optional.of(ofDistrusted(function)).filter(Files::exists);
  }

  /**
   * Remembers that a function did more than to compute rows, so that the next application refuses
   * it at once. Idempotent; the first sentence stays.
   *
   * @param digest of the function's whole code alone, in hexadecimal: another version of it is
   *     another function
   * @param sentence what it did, for people
   */
  public void markImpure(String digest, String sentence) {
    trouble.attempt(
        "Cannot note an impure function",
        () -> note(directory.impure(), ofImpure(digest), sentence));
  }

  /** The effect that was seen of a function; empty if nobody has seen any. */
  public Optional<String> impure(String digest) {
    Path file = ofImpure(digest);
    try {
      return Files.exists(file)
          ? Optional.of(Files.readString(file).strip() + "; delete " + file + " to try it again")
          : Optional.empty();
    } catch (IOException e) {
      return Optional.of(file + " cannot be read: " + e.getMessage());
    }
  }

  private static void note(Path folder, Path file, String text) throws IOException {
    if (!Files.exists(file)) {
      Directories.createPrivate(folder);
      Directories.writeAtomically(file, (text + "\n").getBytes(StandardCharsets.UTF_8));
    }
  }

  private Path ofDistrusted(String function) {
    return directory.distrusted().resolve(function + ".txt");
  }

  private Path ofImpure(String digest) {
    return directory.impure().resolve(digest + ".txt");
  }
}
