// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.store.Pin;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The mapped entries of this process.
 *
 * <p>Two kinds. An entry that a relation <em>holds</em> stays mapped until the relation is
 * unpersisted: the entries of a detached relation, which cannot be computed again, and private
 * ones, whose file has no name any more. Other entries are <em>recent</em>: kept for the next task,
 * dropped when too many. Whoever gets an entry from here gets a reference of his own and releases
 * it.
 */
final class OpenEntries {
  /** Mappings are a scarce resource: Linux allows about 65,000 in a process. */
  private static final int MAX_RECENT = 1024;

  private static final OpenEntries PROCESS = new OpenEntries();

  private final Map<Integer, Map<String, MappedEntry>> held = new HashMap<>();
  private final Map<Integer, List<Pin>> pins = new HashMap<>();
  private final Map<Integer, Set<Integer>> announced = new HashMap<>();
  private final Map<Integer, Set<Integer>> shown = new HashMap<>();
  private final LinkedHashMap<String, MappedEntry> recent = new LinkedHashMap<>(64, 0.75f, true);

  static OpenEntries process() {
    return PROCESS;
  }

  /** An entry that the relation holds, with a reference for the caller. */
  synchronized Optional<MappedEntry> held(int rddId, String key) {
    MappedEntry entry = held.getOrDefault(rddId, Map.of()).get(key);
    return entry != null && entry.retain() ? Optional.of(entry) : Optional.empty();
  }

  /** An entry that was used lately, with a reference for the caller. */
  synchronized Optional<MappedEntry> recent(String key) {
    MappedEntry entry = recent.get(key);
    return entry != null && entry.retain() ? Optional.of(entry) : Optional.empty();
  }

  /** Keeps {@code entry} until {@link #release}; takes a reference of its own. */
  synchronized void hold(int rddId, String key, MappedEntry entry) {
    if (entry.retain()) {
      MappedEntry previous = held.computeIfAbsent(rddId, id -> new HashMap<>()).put(key, entry);
      if (previous != null) {
        previous.release();
      }
    }
  }

  /** Keeps an entry of the relation from being evicted by this process until {@link #release}. */
  synchronized void pin(int rddId, Pin pin) {
    pins.computeIfAbsent(rddId, id -> new ArrayList<>()).add(pin);
  }

  /** Keeps {@code entry} for a while; takes a reference of its own. */
  synchronized void remember(String key, MappedEntry entry) {
    if (entry.retain()) {
      MappedEntry previous = recent.put(key, entry);
      if (previous != null) {
        previous.release();
      }
    }
    while (recent.size() > MAX_RECENT) {
      String eldest = recent.keySet().iterator().next();
      recent.remove(eldest).release();
    }
  }

  /** True once per partition of an RDD. */
  synchronized boolean firstAnnouncement(int rddId, int partition) {
    return announced.computeIfAbsent(rddId, id -> new HashSet<>()).add(partition);
  }

  /** Notes that a task of this process hands out the rows of a partition. */
  synchronized void show(int rddId, int partition) {
    shown.computeIfAbsent(rddId, id -> new HashSet<>()).add(partition);
  }

  /** Whether {@link #show} was called: being announced says only that the rows are here. */
  synchronized boolean wasShown(int rddId, int partition) {
    return shown.getOrDefault(rddId, Set.of()).contains(partition);
  }

  /** Lets go of all that the relation holds here. */
  synchronized void release(int rddId) {
    announced.remove(rddId);
    shown.remove(rddId);
    List<Pin> pinned = pins.remove(rddId);
    if (pinned != null) {
      pinned.forEach(Pin::close);
    }
    Map<String, MappedEntry> entries = held.remove(rddId);
    if (entries != null) {
      entries.values().forEach(MappedEntry::release);
    }
  }

  /** Lets go of everything; for the end of the application. */
  synchronized void releaseAll() {
    announced.clear();
    shown.clear();
    pins.values().forEach(pinned -> pinned.forEach(Pin::close));
    pins.clear();
    held.values().forEach(entries -> entries.values().forEach(MappedEntry::release));
    held.clear();
    recent.values().forEach(MappedEntry::release);
    recent.clear();
  }

  /** How many entries relations hold, for leak tests. */
  synchronized int heldCount() {
    return held.values().stream().mapToInt(Map::size).sum();
  }

  /** How many entries are kept, for leak tests. */
  synchronized int size() {
    return recent.size() + heldCount();
  }
}
