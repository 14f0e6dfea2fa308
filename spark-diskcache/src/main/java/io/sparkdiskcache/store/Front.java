// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.Collection;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Entries that were looked up lately, so that the next lookup asks the file system only and not the
 * index. Sound because names of files are never used twice and whoever removes an entry, whichever
 * process, deletes or moves its file right after the row, pinned or not: while the file is there,
 * what was known of it holds, and a removal has happened elsewhere when its file is gone.
 *
 * <p>Within a process that is not enough: between the row and the file, a removal of the same entry
 * by another thread finds nothing to do and is over. So what is to be removed is forgotten before
 * its row goes, and nothing is taken in until its file is gone.
 */
final class Front {
  private static final int MAX_ENTRIES = 1 << 16;

  private final ConcurrentMap<Key, Entry> entries = new ConcurrentHashMap<>();
  private final AtomicLong changes = new AtomicLong();
  private final AtomicInteger removals = new AtomicInteger();

  Optional<Entry> get(Key key) {
    return Optional.ofNullable(entries.get(key));
  }

  /** To be taken before the index is read whose answer is put here. */
  long ticket() {
    return changes.get();
  }

  void put(Entry entry, long ticket) {
    if (isStale(ticket)) {
      return;
    }
    entries.put(entry.key(), entry);
    if (isStale(ticket)) {
      entries.remove(entry.key(), entry);
    }
    for (Iterator<Key> any = entries.keySet().iterator();
        entries.size() > MAX_ENTRIES && any.hasNext(); ) {
      any.next();
      any.remove();
    }
  }

  private boolean isStale(long ticket) {
    return removals.get() > 0 || changes.get() != ticket;
  }

  /** The entry has just been published, perhaps while the file of another was on its way out. */
  void replace(Entry entry, long ticket) {
    entries.remove(entry.key());
    put(entry, ticket);
  }

  /** The rows of these entries are about to go; to be followed by {@link #removed}. */
  void removing(Collection<Entry> going) {
    removals.incrementAndGet();
    changes.incrementAndGet();
    going.forEach(this::forget);
  }

  /** Rows and files are gone, or the attempt failed. */
  void removed() {
    changes.incrementAndGet(); // first: lookups that began meanwhile may have seen the rows
    removals.decrementAndGet();
  }

  /** The file of the entry is gone. */
  void forget(Entry entry) {
    changes.incrementAndGet();
    entries.computeIfPresent(
        entry.key(), (key, known) -> known.path().equals(entry.path()) ? null : known);
  }

  /** Something is to be removed on request, and another process may have taken the rows already. */
  void clear() {
    changes.incrementAndGet();
    entries.clear();
  }
}
