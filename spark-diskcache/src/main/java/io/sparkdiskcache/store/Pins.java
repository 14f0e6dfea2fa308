// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Which files of this process are in use, and the only place where published files are deleted: the
 * file of a pinned entry that lost its row is deleted by its last pin.
 */
final class Pins {
  /**
   * @param doomed to be deleted with the last pin
   */
  private record Use(int pins, boolean doomed) {}

  private final ConcurrentMap<Path, Use> uses = new ConcurrentHashMap<>();
  private final Trouble trouble;

  Pins(Trouble trouble) {
    this.trouble = trouble;
  }

  Pin pin(Entry entry) {
    uses.merge(entry.path(), new Use(1, false), (a, b) -> new Use(a.pins + 1, a.doomed));
    AtomicBoolean open = new AtomicBoolean(true);
    return new Pin() {
      @Override
      public Entry entry() {
        return entry;
      }

      @Override
      public void close() {
        if (open.getAndSet(false)) {
          release(entry.path());
        }
      }
    };
  }

  boolean isPinned(Path path) {
    return uses.containsKey(path);
  }

  /** Deletes the file, now or with its last pin. */
  void delete(Path path) {
    uses.compute(
        path,
        (p, use) -> {
          if (use != null) {
            return new Use(use.pins, true);
          }
          deleteNow(p);
          return null;
        });
  }

  private void release(Path path) {
    uses.computeIfPresent(
        path,
        (p, use) -> {
          if (use.pins > 1) {
            return new Use(use.pins - 1, use.doomed);
          }
          if (use.doomed) {
            deleteNow(p);
          }
          return null;
        });
  }

  private void deleteNow(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      trouble.report("Cannot delete an entry file", e);
    }
  }

  /** Deletes what was only kept for its pins. */
  void close() {
    uses.forEach(
        (path, use) -> {
          if (use.doomed) {
            deleteNow(path);
          }
        });
    uses.clear();
  }
}
