// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Which files of this process are in use, so that eviction chooses others. */
final class Pins {
  private final ConcurrentMap<Path, Integer> uses = new ConcurrentHashMap<>();

  Pin pin(Entry entry) {
    uses.merge(entry.path(), 1, Integer::sum);
    AtomicBoolean open = new AtomicBoolean(true);
    return new Pin() {
      @Override
      public Entry entry() {
        return entry;
      }

      @Override
      public void close() {
        if (open.getAndSet(false)) {
          uses.computeIfPresent(entry.path(), (path, pins) -> pins == 1 ? null : pins - 1);
        }
      }
    };
  }

  boolean isPinned(Path path) {
    return uses.containsKey(path);
  }
}
