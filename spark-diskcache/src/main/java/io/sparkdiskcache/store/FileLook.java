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
  private final Map<FileRead, Boolean> unchanged = new HashMap<>();

  /** A file that is not what it was; empty if all are. */
  public Optional<FileRead> changed(Collection<FileRead> reads) {
    for (FileRead read : reads) {
      if (!unchanged.computeIfAbsent(read, FileRead::isUnchanged)) {
        return Optional.of(read);
      }
    }
    return Optional.empty();
  }

  /** Whether all files are what they were. */
  public boolean isUnchanged(List<FileRead> reads) {
    return reads.isEmpty() || changed(reads).isEmpty();
  }
}
