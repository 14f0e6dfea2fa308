// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;

/** Counts who uses a file's memory, from one, and frees it when nobody does. */
final class References {
  private final Path file;
  private final Runnable free;
  private final AtomicInteger count = new AtomicInteger(1);

  References(Path file, Runnable free) {
    this.file = file;
    this.free = free;
  }

  boolean retain() {
    return count.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
  }

  /** For a caller who holds a reference already. */
  void retainHeld() {
    if (!retain()) {
      throw new IllegalStateException("Cannot keep " + file + ": it has been released");
    }
  }

  void release() {
    int before = count.getAndUpdate(n -> n == 0 ? 0 : n - 1);
    if (before == 0) {
      throw new IllegalStateException(
          "Cannot release " + file + ": it has been released by all who held it");
    }
    if (before == 1) {
      free.run();
    }
  }

  void require() {
    if (count.get() == 0) {
      throw new IllegalStateException("Cannot read " + file + ": it has been released");
    }
  }
}
