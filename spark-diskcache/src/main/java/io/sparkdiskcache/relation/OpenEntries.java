// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.KeptEntry;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.FileLook;
import io.sparkdiskcache.store.Pin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mapped entries that this process refers to without reading them. Whoever takes one from here
 * refers to it himself: letting go here frees nothing that is still read.
 *
 * <p>Two kinds. An entry that a relation <em>holds</em> stays mapped until the relation is
 * unpersisted: the entries of a detached relation, which cannot be computed again, and private
 * ones, whose file has no name any more. Other entries are <em>recent</em>: kept for the next task,
 * dropped when too many.
 */
final class OpenEntries {
  private static final Logger log = LoggerFactory.getLogger(OpenEntries.class);

  /** Mappings are a scarce resource: Linux allows about 65,000 in a process. */
  private static final int MAX_RECENT = 1024;

  private static final OpenEntries PROCESS = new OpenEntries();

  private final Map<Integer, Map<String, Held>> held = new HashMap<>();
  private final Map<Integer, List<Pin>> pins = new HashMap<>();
  private final Map<Integer, Set<Integer>> announced = new HashMap<>();
  private final Map<Integer, Set<Integer>> shown = new HashMap<>();
  private final LinkedHashMap<String, Recent> recent = new LinkedHashMap<>(64, 0.75f, true);

  /** An entry that a relation holds, and the findings about the functions that computed it. */
  private record Held(KeptEntry entry, Findings findings) {}

  /**
   * An entry that was open.
   *
   * @param saved what computing it had taken, where nobody has counted that yet
   */
  record Open(MappedEntry entry, Findings findings, Duration saved) {
    Open(MappedEntry entry, Findings findings) {
      this(entry, findings, Duration.ZERO);
    }
  }

  /** The mapping of an entry of the store. */
  private record Recent(Entry stored, KeptEntry entry) {
    Path file() {
      return stored.path();
    }
  }

  static OpenEntries process() {
    return PROCESS;
  }

  /** An entry that the relation holds. */
  Optional<Open> held(int rddId, String key) {
    KeptEntry kept;
    Findings findings;
    synchronized (this) {
      Held found = held.getOrDefault(rddId, Map.of()).get(key);
      if (found == null) {
        return Optional.empty();
      }
      kept = found.entry;
      findings = found.findings;
    }
    return reader(kept).map(entry -> new Open(entry, findings));
  }

  /**
   * An entry that was used lately and has not been evicted since, by whomever, and for which no
   * function read a file that has changed.
   *
   * @param notBefore what was stored before is passed over
   */
  Optional<Open> recent(String key, Instant notBefore) {
    KeptEntry kept;
    Entry stored;
    synchronized (this) {
      Recent found = recent.get(key);
      if (found == null || found.stored.isOlderThan(notBefore)) {
        return Optional.empty();
      }
      stored = found.stored;
      kept = found.entry;
    }
    if (!Files.exists(stored.path()) || !new FileLook().isUnchanged(stored.reads())) {
      forget(key, stored.path());
      return Optional.empty();
    }
    return reader(kept)
        .map(
            entry ->
                new Open(entry, Findings.ofStored(stored.reads()), stored.meta().computeTime()));
  }

  private synchronized void forget(String key, Path file) {
    Recent found = recent.get(key);
    if (found != null && found.file().equals(file)) {
      recent.remove(key);
    }
  }

  /** Outside of the lock, because decrypting takes its time. */
  private static Optional<MappedEntry> reader(KeptEntry kept) {
    try {
      return Optional.of(kept.reader());
    } catch (IOException e) {
      log.warn("An entry that was open cannot be read: {}", e.getMessage());
      return Optional.empty();
    }
  }

  /** Keeps {@code entry} until {@link #release}. */
  synchronized void hold(int rddId, String key, KeptEntry entry, Findings findings) {
    held.computeIfAbsent(rddId, id -> new HashMap<>()).put(key, new Held(entry, findings));
  }

  void hold(int rddId, String key, MappedEntry entry, Findings findings) {
    hold(rddId, key, entry.kept(), findings);
  }

  synchronized boolean isHeld(int rddId, String key) {
    return held.getOrDefault(rddId, Map.of()).containsKey(key);
  }

  /** Keeps an entry of the relation from being evicted by this process until {@link #release}. */
  synchronized void pin(int rddId, Pin pin) {
    pins.computeIfAbsent(rddId, id -> new ArrayList<>()).add(pin);
  }

  /** Keeps {@code entry} for a while. */
  synchronized void remember(Entry stored, MappedEntry entry) {
    recent.put(stored.key().hex(), new Recent(stored, entry.kept()));
    while (recent.size() > MAX_RECENT) {
      recent.remove(recent.keySet().iterator().next());
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
    held.remove(rddId);
  }

  /** Lets go of everything; for the end of the application. */
  synchronized void releaseAll() {
    announced.clear();
    shown.clear();
    pins.values().forEach(pinned -> pinned.forEach(Pin::close));
    pins.clear();
    held.clear();
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
