// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * How entries are found: {@link Front} knows what was found lately, the index the rest, and in both
 * cases the file has to be there, and the files that functions read for it have to be what they
 * were. Nothing here throws: what cannot be read is not found.
 */
final class Lookups {
  private final Index index;
  private final Rows rows;
  private final Removal removal;
  private final Background background;
  private final Counters counters;
  private final Trouble trouble;
  private final InstantSource clock;
  private final Room room;
  private final Front front;
  private final AccessLog accesses;
  private final Trace trace;
  private final ReadAhead readAhead;

  Lookups(
      StoreParts parts, Removal removal, Room room, Front front, AccessLog accesses, Trace trace) {
    this.index = parts.index();
    this.rows = parts.rows();
    this.removal = removal;
    this.background = parts.background();
    this.counters = parts.counters();
    this.trouble = parts.trouble();
    this.clock = parts.clock();
    this.room = room;
    this.front = front;
    this.accesses = accesses;
    this.trace = trace;
    this.readAhead = new ReadAhead(index, rows, front, background);
  }

  /** See {@link DiskStore#find}. */
  Optional<Entry> find(Key key) {
    Instant now = clock.instant();
    Usable usable = new Usable(now);
    Optional<Entry> entry = known(key, usable);
    if (entry.isEmpty()) {
      long ticket = front.ticket();
      try {
        entry = index.read(session -> rows.byKey(session, key));
      } catch (SQLException e) {
        trouble.report("Cannot look up an entry", e);
      }
      if (entry.isEmpty() || !usable.test(entry.get())) {
        usable.removeStale();
        return missed(1, Optional.empty());
      }
      read(entry.get(), ticket);
    }
    counters.hits.increment();
    used(entry.get(), now);
    return entry;
  }

  /** See {@link DiskStore#findAll}. */
  Map<Key, Entry> findAll(Collection<Key> keys) {
    Instant now = clock.instant();
    Map<Key, Entry> found = new HashMap<>();
    List<Key> unknown = new ArrayList<>();
    Usable usable = new Usable(now);
    for (Key key : keys) {
      known(key, usable).ifPresentOrElse(entry -> found.put(key, entry), () -> unknown.add(key));
    }
    long ticket = front.ticket();
    for (Entry entry : unknown.isEmpty() ? List.<Entry>of() : byKeys(unknown)) {
      if (usable.test(entry)) {
        read(entry, ticket);
        found.put(entry.key(), entry);
      }
    }
    usable.removeStale();
    Map<Key, Entry> ordered = new LinkedHashMap<>();
    for (Key key : keys) {
      Entry entry = found.get(key);
      if (entry != null && ordered.put(key, entry) == null) {
        used(entry, now);
      }
    }
    counters.hits.add(ordered.size());
    return missed(keys.size() - ordered.size(), ordered);
  }

  private List<Entry> byKeys(List<Key> keys) {
    try {
      return index.readSnapshot(
          session -> {
            List<Entry> entries = new ArrayList<>();
            for (Key key : keys) {
              rows.byKey(session, key).ifPresent(entries::add);
            }
            return entries;
          });
    } catch (SQLException e) {
      trouble.report("Cannot look up entries", e);
      return List.of();
    }
  }

  /** See {@link DiskStore#findSet}. */
  Optional<EntrySet> findSet(Key setKey) {
    Instant now = clock.instant();
    Optional<EntrySet> set = Optional.empty();
    try {
      set = index.readSnapshot(session -> SetRows.find(session, rows, setKey));
    } catch (SQLException e) {
      trouble.report("Cannot look up a set", e);
    }
    Usable usable = new Usable(now);
    // Every file is looked at, so that all missing ones are dropped at once.
    if (set.isEmpty()
        || set.get().entries().stream().filter(entry -> !usable.test(entry)).count() > 0) {
      usable.removeStale();
      return missed(1, Optional.empty());
    }
    counters.hits.increment();
    set.get().entries().forEach(entry -> used(entry, now));
    return set;
  }

  /** Counts what was not found, and returns the answer. */
  <T> T missed(int count, T answer) {
    counters.misses.add(count);
    return answer;
  }

  /** Entries that are there and have not expired, for those who only look. */
  List<Entry> peek(Collection<Key> keys) {
    return byKeys(List.copyOf(keys)).stream().filter(this::isThere).toList();
  }

  /** {@link #peek} for a set. */
  Optional<EntrySet> peekSet(Key setKey) {
    try {
      return index
          .readSnapshot(session -> SetRows.find(session, rows, setKey))
          .filter(set -> set.entries().stream().allMatch(this::isThere));
    } catch (SQLException e) {
      trouble.report("Cannot look up a set", e);
      return Optional.empty();
    }
  }

  private boolean isThere(Entry entry) {
    return !room.isExpired(entry.createdAt(), clock.instant()) && Files.exists(entry.path());
  }

  private Optional<Entry> known(Key key, Usable usable) {
    return front.get(key).filter(usable::test);
  }

  private void read(Entry entry, long ticket) {
    front.put(entry, ticket);
    readAhead.indexAnswered();
  }

  private void used(Entry entry, Instant now) {
    accesses.record(entry.key(), now);
    trace.hit(entry, now);
  }

  /** One lookup's judgement of entries. */
  private final class Usable {
    private final Instant now;
    private final FileLook files = new FileLook();
    private final Map<FileRead, List<Entry>> stale = new LinkedHashMap<>();
    private final Set<FileRead> unknown = new HashSet<>();

    Usable(Instant now) {
      this.now = now;
    }

    /**
     * Whether it has not expired, its file is there and what its functions read is unchanged; the
     * row of one whose file is gone is dropped in the background.
     */
    boolean test(Entry entry) {
      if (room.isExpired(entry.createdAt(), now)) {
        return false;
      }
      if (!Files.exists(entry.path())) {
        if (Files.notExists(entry.path())) {
          background.run("Cannot drop an entry without a file", () -> removal.dropMissing(entry));
        }
        return false;
      }
      Optional<FileRead> changed =
          entry.reads().isEmpty() ? Optional.empty() : files.changed(entry.reads());
      changed.ifPresent(file -> notServed(entry, file));
      return changed.isEmpty();
    }

    /** Only a file that has changed is a reason to remove an entry. */
    private void notServed(Entry entry, FileRead file) {
      if (files.look(file) == FileRead.Look.CHANGED) {
        stale.computeIfAbsent(file, f -> new ArrayList<>()).add(entry);
      } else if (unknown.add(file)) {
        trouble.report(
            "Cannot look at a file that a function read",
            new IOException(file.path() + " cannot be read now"));
      }
    }

    /** At once, so that what is computed instead can take the place. */
    void removeStale() {
      stale.forEach(
          (file, entries) -> {
            try {
              removal.remove(
                  entries,
                  EvictionCause.FILE_CHANGED,
                  "a function read " + file + ", which has changed");
            } catch (SQLException e) {
              trouble.report("Cannot remove entries of a changed file", e);
            }
          });
    }
  }
}
