// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Entries that were read from the index lately, or ahead ({@link ReadAhead}), so that the next
 * lookup asks the file system only and not the index. Sound because names of files are never used
 * twice and whoever removes an entry, whichever process, deletes or moves its file right after the
 * row, pinned or not: while the file is there, what was known of it holds, and a removal has
 * happened elsewhere when its file is gone.
 *
 * <p>Within a process that is not enough: between the row and the file, a removal of the same entry
 * by another thread finds nothing to do and is over. So what is to be removed is forgotten before
 * its row goes, and nothing is taken in until its file is gone.
 *
 * <p>An entry takes about 180 bytes here, its share of what it has in common with others included
 * at most 256; all of them an eighth of the heap at most.
 */
final class Front {
  private static final int MAX_ENTRIES = 1 << 20;
  private static final int MAX_ENTRY_BYTES = 256;
  private static final int HEAP_SHARE = 8;

  /** One in so many leaves when there is no room. */
  private static final int LEAVING = 8;

  /** Entries of a relation and process, on average, below which sharing does not pay. */
  private static final int MIN_SHARING = 16;

  private final CacheDirectory directory;
  private final int capacity;
  private final ConcurrentMap<KnownEntry.Bits, KnownEntry> entries = new ConcurrentHashMap<>();
  private final ConcurrentMap<KnownEntry.Common, KnownEntry.Common> commons =
      new ConcurrentHashMap<>();
  private final List<ChangeListener> listeners = new CopyOnWriteArrayList<>();
  private final AtomicLong changes = new AtomicLong();
  private final AtomicInteger removals = new AtomicInteger();

  Front(CacheDirectory directory) {
    this(
        directory,
        (int)
            Math.min(MAX_ENTRIES, Runtime.getRuntime().maxMemory() / HEAP_SHARE / MAX_ENTRY_BYTES));
  }

  Front(CacheDirectory directory, int capacity) {
    this.directory = directory;
    this.capacity = capacity;
  }

  /** Every removal by this process comes by here, and every entry that it adds. */
  void onChange(ChangeListener listener) {
    listeners.add(listener);
  }

  Optional<Entry> get(Key key) {
    KnownEntry known = entries.get(KnownEntry.Bits.of(key));
    return known == null ? Optional.empty() : Optional.of(known.entry(directory, key));
  }

  boolean isFull() {
    return entries.size() >= capacity;
  }

  /** To be taken before the index is read whose answer is put here. */
  long ticket() {
    return changes.get();
  }

  void put(Entry entry, long ticket) {
    Optional<KnownEntry> known = KnownEntry.of(entry);
    if (known.isEmpty() || isStale(ticket)) {
      return;
    }
    if (isFull() || commons.size() > capacity / MIN_SHARING) {
      makeRoom();
    }
    KnownEntry.Common common = known.get().common();
    KnownEntry.Common held = commons.putIfAbsent(common, common);
    KnownEntry sharing = held == null ? known.get() : known.get().with(held);
    KnownEntry.Bits key = KnownEntry.Bits.of(entry.key());
    entries.put(key, sharing);
    if (isStale(ticket)) {
      entries.remove(key, sharing);
    }
  }

  private boolean isStale(long ticket) {
    return removals.get() > 0 || changes.get() != ticket;
  }

  /** Many at a time, any of them, because a walk over all of them takes long. */
  private synchronized void makeRoom() {
    if (commons.size() > capacity / MIN_SHARING) {
      commons.clear();
      entries.clear();
    }
    if (isFull()) {
      int number = 0;
      for (Iterator<?> all = entries.keySet().iterator(); all.hasNext(); number++) {
        all.next();
        if (number % LEAVING == 0) {
          all.remove();
        }
      }
    }
  }

  /** The entry has just been published, perhaps while the file of another was on its way out. */
  void replace(Entry entry, long ticket) {
    listeners.forEach(listener -> listener.added(entry.key()));
    entries.remove(KnownEntry.Bits.of(entry.key()));
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
    listeners.forEach(listener -> listener.removed(entry.key()));
    changes.incrementAndGet();
    entries.computeIfPresent(
        KnownEntry.Bits.of(entry.key()),
        (bits, known) ->
            known.entry(directory, entry.key()).path().equals(entry.path()) ? null : known);
  }

  /** Something is to be removed on request, and another process may have taken the rows already. */
  void clear() {
    changes.incrementAndGet();
    entries.clear();
  }
}
