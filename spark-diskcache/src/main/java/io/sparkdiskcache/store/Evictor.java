// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Keeps the limits, in the background. Expired entries go first; then, where a limit is exceeded,
 * as much as {@link EvictionPolicy} says it takes to come down to a low watermark, so that not
 * every new entry costs a run.
 *
 * <h2>What stays</h2>
 *
 * Pinned entries, those of generations that a process may still complete, and those whose
 * publishing called for the run. Entries written or used in the last {@value #RECENT_SECONDS}
 * seconds, by whichever process, belong to running jobs: they go only if all others do not suffice,
 * because a limit is a limit. A set goes as a whole, valued as a whole; entries left over from sets
 * that were dropped go before all others, because nothing finds them any more.
 *
 * <p>Victims are chosen outside of any write transaction. Processes that evict at the same time
 * choose the same ones, so they do not free more than one of them would.
 */
final class Evictor {
  private static final double LOW_WATERMARK = 0.9;
  private static final int RECENT_SECONDS = 10;

  private final Index index;
  private final Rows rows;
  private final Pins pins;
  private final Removal removal;
  private final Room room;
  private final InstantSource clock;
  private final ConcurrentLinkedQueue<Key> justPublished = new ConcurrentLinkedQueue<>();
  private final Set<String> limited = ConcurrentHashMap.newKeySet();

  Evictor(Index index, Rows rows, Pins pins, Removal removal, Room room, InstantSource clock) {
    this.index = index;
    this.rows = rows;
    this.pins = pins;
    this.removal = removal;
    this.room = room;
    this.clock = clock;
  }

  /** Spares the entry in the next run. */
  void justPublished(Key key) {
    justPublished.add(key);
  }

  /** Has what an application adds held to the limits that this process was given. */
  void limit(String application) {
    limited.add(application);
  }

  void run() throws SQLException, IOException {
    Set<Key> spared = new HashSet<>();
    for (Key key = justPublished.poll(); key != null; key = justPublished.poll()) {
      spared.add(key);
    }
    Room.Bounds all = room.directory();
    evictExpired(all);
    if (all.policy() != EvictionPolicy.NONE) {
      ofDirectory(all, spared);
    }
    if (room.limitsOwn() && room.own().policy() != EvictionPolicy.NONE) {
      for (String application : limited) {
        ofApplication(application, room.own(), spared);
      }
    }
  }

  private void ofDirectory(Room.Bounds all, Set<Key> spared) throws SQLException, IOException {
    for (Map.Entry<String, Long> tag : all.tags().entrySet()) {
      long bytes = index.read(session -> Sums.tagBytes(session, tag.getKey()));
      if (bytes > tag.getValue()) {
        evict(
            Victims.ofTag(tag.getKey()),
            bytes - watermark(tag.getValue()),
            all.policy(),
            spared,
            EvictionCause.TAG_LIMIT,
            "tag '%s' has %d bytes and its limit is %d"
                .formatted(tag.getKey(), bytes, tag.getValue()));
      }
    }
    Totals totals = index.read(Sums::totals);
    if (totals.bytesOnDisk() > all.maxBytes()) {
      evictAny(
          totals.bytesOnDisk() - watermark(all.maxBytes()),
          all.policy(),
          spared,
          EvictionCause.LIMIT,
          "%d bytes were stored and the limit is %d"
              .formatted(totals.bytesOnDisk(), all.maxBytes()));
    }
    long lacking = room.lackingOnDisk(all.minFreeBytes());
    if (lacking > 0) {
      evictAny(
          lacking + all.minFreeBytes() - watermark(all.minFreeBytes()),
          all.policy(),
          spared,
          EvictionCause.FREE_SPACE,
          "the disk has %d bytes less than the %d that are to stay free"
              .formatted(lacking, all.minFreeBytes()));
    }
  }

  /** Of its own additions only: what others have stored is none of its business. */
  private void ofApplication(String application, Room.Bounds own, Set<Key> spared)
      throws SQLException {
    for (Map.Entry<String, Long> tag : own.tags().entrySet()) {
      long bytes = index.read(session -> Sums.applicationBytes(session, application, tag.getKey()));
      if (bytes > tag.getValue()) {
        evict(
            Victims.ofApplication(application, tag.getKey()),
            bytes - watermark(tag.getValue()),
            own.policy(),
            spared,
            EvictionCause.TAG_LIMIT,
            "application %s has added %d bytes with tag '%s' and its limit is %d"
                .formatted(application, bytes, tag.getKey(), tag.getValue()));
      }
    }
    long bytes = index.read(session -> Sums.applicationBytes(session, application));
    if (bytes > own.maxBytes()) {
      evict(
          Victims.ofApplication(application),
          bytes - watermark(own.maxBytes()),
          own.policy(),
          spared,
          EvictionCause.LIMIT,
          "application %s has added %d bytes and its limit is %d"
              .formatted(application, bytes, own.maxBytes()));
    }
  }

  private static long watermark(long limit) {
    return (long) (limit * LOW_WATERMARK);
  }

  private void evictExpired(Room.Bounds all) throws SQLException {
    Instant expiry = all.expiry(clock.instant());
    if (!expiry.equals(Instant.MIN)) {
      List<Entry> expired = index.read(session -> rows.createdBefore(session, expiry));
      removal.remove(expired, EvictionCause.EXPIRED, "they were created before " + expiry);
    }
  }

  private void evictAny(
      long bytes, EvictionPolicy policy, Set<Key> spared, EvictionCause cause, String reason)
      throws SQLException {
    long left = bytes - removal.removeUnindexed(bytes, reason);
    if (left > 0) {
      evict(Victims.ofAll(), left, policy, spared, cause, reason);
    }
  }

  private void evict(
      Victims.Scope scope,
      long bytes,
      EvictionPolicy policy,
      Set<Key> spared,
      EvictionCause cause,
      String reason)
      throws SQLException {
    long now = clock.instant().toEpochMilli();
    Victims victims =
        new Victims(
            bytes,
            now - RECENT_SECONDS * 1000L,
            (a, b) -> policy.compare(a, b, now),
            entry -> !pins.isPinned(entry.path()) && !spared.contains(entry.key()));
    List<Entry> chosen = index.readSnapshot(session -> victims.choose(session, rows, scope));
    Set<Path> seen = new HashSet<>();
    List<Entry> once = new ArrayList<>(chosen);
    once.removeIf(entry -> !seen.add(entry.path()));
    removal.remove(once, cause, reason);
  }
}
