// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Keeps the entry files below the limit. Runs on the store's own thread after a publish that went
 * over it, and goes down to 90 % so that it does not run after every publish.
 *
 * <p>Order: files that are in no index (they cannot be served), what is left of dropped sets (nor
 * can these), then the oldest. A set goes as a whole, because the rest of it would be useless.
 * Never: pinned entries, sets with a pinned entry, entries of generations that a living process may
 * still complete, and the entries whose publishing called for the run.
 *
 * <p>Victims are chosen outside of any write transaction. Processes that evict at the same time
 * choose the same ones, so they do not free more than one of them would.
 */
final class Evictor {
  private static final double LOW_WATERMARK = 0.9;

  private final Index index;
  private final Rows rows;
  private final Pins pins;
  private final Removal removal;
  private final Counters counters;
  private final long maxBytes;
  private final ConcurrentLinkedQueue<Key> justPublished = new ConcurrentLinkedQueue<>();

  Evictor(Index index, Rows rows, Pins pins, Removal removal, Counters counters, long maxBytes) {
    this.index = index;
    this.rows = rows;
    this.pins = pins;
    this.removal = removal;
    this.counters = counters;
    this.maxBytes = maxBytes;
  }

  boolean isOver(Totals totals) {
    return totals.bytesOnDisk() > maxBytes;
  }

  /** Spares the entry in the next run. */
  void justPublished(Key key) {
    justPublished.add(key);
  }

  void run() throws SQLException {
    Set<Key> spared = new HashSet<>();
    for (Key key = justPublished.poll(); key != null; key = justPublished.poll()) {
      spared.add(key);
    }
    Totals totals = index.read(Rows::totals);
    if (!isOver(totals)) {
      return;
    }
    String reason = totals.bytesOnDisk() + " bytes were stored and the limit is " + maxBytes;
    long excess = totals.bytesOnDisk() - (long) (maxBytes * LOW_WATERMARK);
    if (totals.unindexedFiles() > 0) {
      excess -= removal.removeUnindexed(excess, reason);
    }
    if (excess > 0) {
      long wanted = excess;
      List<Entry> victims =
          index.readSnapshot(session -> new Choice(session, spared, wanted).victims());
      removal.remove(victims, reason, counters.evictedForLimit);
    }
  }

  /** One walk over the candidates. */
  private final class Choice {
    private final Session session;
    private final Set<Key> spared;
    private final List<Entry> victims = new ArrayList<>();
    private final Set<Path> chosen = new HashSet<>();
    private final Set<Key> setsSeen = new HashSet<>();
    private long missing;

    Choice(Session session, Set<Key> spared, long bytes) {
      this.session = session;
      this.spared = spared;
      this.missing = bytes;
    }

    List<Entry> victims() throws SQLException {
      rows.forEachLeftover(session, this::choose);
      if (missing > 0) {
        rows.forEachFinished(session, this::chooseWithSet);
      }
      return victims;
    }

    private boolean chooseWithSet(Entry entry) throws SQLException {
      Optional<Key> generation = entry.generation();
      if (generation.isEmpty()) {
        return choose(entry);
      }
      if (!setsSeen.add(generation.get())) {
        return true;
      }
      List<Entry> set = rows.byGeneration(session, generation.get());
      if (set.stream().allMatch(this::isFree)) {
        for (Entry member : set) {
          if (!choose(member)) {
            return false;
          }
        }
      }
      return true;
    }

    private boolean choose(Entry entry) {
      if (isFree(entry) && chosen.add(entry.path())) {
        victims.add(entry);
        missing -= entry.bytes();
      }
      return missing > 0;
    }

    private boolean isFree(Entry entry) {
      return !pins.isPinned(entry.path()) && !spared.contains(entry.key());
    }
  }
}
