// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Entries that were looked up lately, so that the next lookup asks the file system only and not the
 * index. Sound because names of files are never used twice and whoever removes an entry, whichever
 * process, deletes or moves its file right after the row, pinned or not: while the file is there,
 * what was known of it holds, and a removal has happened elsewhere when its file is gone.
 */
final class Front {
  private static final int MAX_ENTRIES = 1 << 16;

  private final ConcurrentMap<Key, Entry> entries = new ConcurrentHashMap<>();
  private final AtomicLong removals = new AtomicLong();

  Optional<Entry> get(Key key) {
    return Optional.ofNullable(entries.get(key));
  }

  /** To be taken before the index is read whose answer is put here. */
  long ticket() {
    return removals.get();
  }

  void put(Entry entry, long ticket) {
    if (removals.get() != ticket) {
      return;
    }
    entries.put(entry.key(), entry);
    if (removals.get() != ticket) {
      entries.remove(entry.key(), entry);
    }
    for (Iterator<Key> any = entries.keySet().iterator();
        entries.size() > MAX_ENTRIES && any.hasNext(); ) {
      any.next();
      any.remove();
    }
  }

  /** The entry has just been published, perhaps while the file of another was on its way out. */
  void replace(Entry entry) {
    removals.incrementAndGet();
    entries.put(entry.key(), entry);
  }

  /** The row of the entry is gone. */
  void forget(Entry entry) {
    removals.incrementAndGet();
    entries.computeIfPresent(
        entry.key(), (key, known) -> known.path().equals(entry.path()) ? null : known);
  }
}
