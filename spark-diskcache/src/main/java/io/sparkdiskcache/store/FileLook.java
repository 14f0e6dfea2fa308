// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One look at files that functions have read: a file of many entries is asked for once. Used by one
 * thread, and for one answer.
 */
@Internal
public final class FileLook {
  private final Map<FileRead, FileRead.Look> seen = new HashMap<>();

  /**
   * A file that is not what it was, or cannot be looked at now; empty if all are what they were.
   */
  public Optional<FileRead> changed(Collection<FileRead> reads) {
    return reads.stream().filter(read -> look(read) != FileRead.Look.SAME).findFirst();
  }

  FileRead.Look look(FileRead read) {
    return seen.computeIfAbsent(read, FileRead::look);
  }

  /** Whether all files are what they were. */
  public boolean isUnchanged(List<FileRead> reads) {
    return reads.isEmpty() || changed(reads).isEmpty();
  }
}
