// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** Whole directory trees. */
final class Trees {
  private Trees() {}

  /** Deletes a directory and what is in it; nothing if it is not there. Does not follow links. */
  static void delete(Path dir) throws IOException {
    for (Path path : paths(dir)) {
      Files.deleteIfExists(path);
    }
  }

  /** Bytes of all files below. */
  static long bytes(Path dir) throws IOException {
    long bytes = 0;
    for (Path path : paths(dir)) {
      if (Files.isRegularFile(path)) {
        bytes += Files.size(path);
      }
    }
    return bytes;
  }

  /** Children before their parents. */
  private static List<Path> paths(Path dir) throws IOException {
    try (Stream<Path> walk = Files.walk(dir)) {
      return walk.sorted(Comparator.reverseOrder()).toList();
    } catch (NoSuchFileException absent) {
      return List.of();
    }
  }
}
