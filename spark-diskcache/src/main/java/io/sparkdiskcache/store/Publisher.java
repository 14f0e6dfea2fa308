// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** How written files become entries, and entries sets; the story is told in {@link DiskStore}. */
final class Publisher {
  /** Files being written may take a quarter of the limit, and in a small cache this much. */
  private static final long MIN_WRITING = 16 << 20;

  private static final int WRITING_SHARE = 4;

  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final Rows rows;
  private final Removal removal;
  private final Evictor evictor;
  private final Background background;
  private final Counters counters;
  private final Trouble trouble;
  private final InstantSource clock;
  private final Room room;
  private final Writing writing;
  private final Trace trace;
  private final Front front;

  Publisher(
      StoreParts parts, Removal removal, Evictor evictor, Room room, Trace trace, Front front) {
    this.directory = parts.directory();
    this.owner = parts.owner();
    this.index = parts.index();
    this.rows = parts.rows();
    this.removal = removal;
    this.evictor = evictor;
    this.background = parts.background();
    this.counters = parts.counters();
    this.trouble = parts.trouble();
    this.clock = parts.clock();
    this.room = room;
    this.trace = trace;
    this.front = front;
    this.writing = new Writing(Math.max(MIN_WRITING, room.maxBytes() / WRITING_SHARE));
  }

  PendingEntry begin(Key key) throws StoreException {
    if (!Files.isDirectory(directory.tmp())) {
      throw new StoreException(
          "Cannot begin entry " + key,
          "'" + directory.tmp() + "' is gone",
          "Restart the application to have it created again");
    }
    writing.begin(key);
    try {
      requireFreeSpace(key);
      String file = owner.nextFile();
      return new PendingEntry(this, key, file, directory.tempFile(file));
    } catch (IOException e) {
      throw StoreException.failed("Cannot begin entry " + key, e);
    }
  }

  /** See {@link PendingEntry#requireRoom}. */
  void requireRoom(PendingEntry pending) throws StoreException {
    try {
      long length = Files.size(pending.path());
      writing.counts(pending, length);
      if (length > room.maxBytes()) {
        throw new EntryTooLargeException(pending.key(), "it", length, room.maxBytes());
      }
      requireFreeSpace(pending.key());
    } catch (IOException e) {
      throw StoreException.failed("Cannot write entry " + pending.key(), e);
    }
  }

  private void requireFreeSpace(Key key) throws IOException, StoreException {
    long lacking = room.lackingOnDisk(room.minFreeBytes());
    if (lacking > 0) {
      background.run("Cannot evict", evictor::run);
      throw new NoRoomException(
          "Cannot write entry " + key,
          "the disk has %d bytes less than the %d that are to stay free"
              .formatted(lacking, room.minFreeBytes()),
          "Free disk space, or lower spark.diskcache.minFreeBytes and what diskcache limits shows");
    }
  }

  Entry publish(PendingEntry pending, EntryMeta meta, Instant createdAt, Instant replacedBefore)
      throws StoreException {
    Key key = pending.key();
    String problem = "Cannot publish entry " + key;
    requireLength(problem, pending, meta);
    try {
      refuseTooLarge(key, meta);
      Path target = directory.dataFile(key, pending.file());
      Entry entry = newEntry(key, target, meta, createdAt);
      boolean added = false;
      try {
        move(pending.path(), target);
        String writer = owner.token();
        long ticket = front.ticket();
        Addition addition =
            index.write(session -> add(session, entry, meta, writer, replacedBefore));
        added = addition.existing == null;
        if (addition.replaced != null) {
          removal.deleteFiles(List.of(addition.replaced));
          counters.evicted(addition.cause, 1);
        }
        if (addition.isOver) {
          evictor.justPublished(key);
          background.run("Cannot evict", evictor::run);
        }
        if (addition.existing != null) {
          counters.duplicatesDiscarded.increment();
          Files.deleteIfExists(target);
          return addition.existing;
        }
        front.replace(entry, ticket);
        counters.published.increment();
        trace.put(entry, entry.createdAt());
        return entry;
      } finally {
        writing.counts(pending, 0);
        if (!added) {
          giveBack(target, pending.path());
        }
      }
    } catch (IOException | SQLException e) {
      trouble.report("Cannot publish an entry", e);
      throw StoreException.failed(problem, e);
    }
  }

  /**
   * @param existing the entry that was there first, or null
   * @param replaced an entry of the same key that was computed from other files, or was too old for
   *     whoever has computed this one, or null
   * @param cause why it was replaced
   * @param isOver whether a limit is exceeded now
   */
  private record Addition(
      @Nullable Entry existing, @Nullable Entry replaced, EvictionCause cause, boolean isOver) {}

  private Addition add(
      Session session, Entry entry, EntryMeta meta, String writer, Instant replacedBefore)
      throws SQLException {
    Entry existing = rows.byKey(session, entry.key()).orElse(null);
    Entry replaced = null;
    EvictionCause cause = EvictionCause.EXPIRED;
    boolean replaces = existing != null && !existing.reads().equals(meta.reads());
    if (existing != null && existing.path().equals(entry.path())) {
      // The index was lost after the move, and a Reindexer found the file before its row was added.
      Rows.delete(session, existing);
      existing = null;
    } else if (existing != null && removal.droppedAsMissing(session, existing)) {
      existing = null;
    } else if (existing != null
        && existing.generation().isEmpty()
        && isOlder(existing, entry, replacedBefore)) {
      replaced = existing;
      Rows.delete(session, existing);
      existing = null;
    }
    if (existing != null && replaces) {
      // Of two that saw files differently, this one has just looked at them.
      Rows.delete(session, existing);
      replaced = existing;
      cause = EvictionCause.FILE_CHANGED;
      existing = null;
    }
    if (existing == null) {
      if (!Files.exists(entry.path())) { // see Reindexer
        throw new SQLException("its file is gone: " + entry.path());
      }
      rows.insert(session, entry, meta.components(), writer);
      Sums.removeUnindexed(session, CacheDirectory.name(entry.path()));
    }
    return new Addition(existing, replaced, cause, isOver(session, entry));
  }

  /** Whether its reader does not believe it, and what takes its place is younger. */
  private boolean isOlder(Entry existing, Entry than, Instant limit) {
    return existing.createdAt().isBefore(than.createdAt())
        && (existing.createdAt().isBefore(limit)
            || room.isExpired(existing.createdAt(), clock.instant()));
  }

  private boolean isOver(Session session, Entry entry) throws SQLException {
    Room.Bounds all = room.directory();
    String tag = entry.tag();
    if (room.isOver(Sums.totals(session))
        || (all.tags().containsKey(tag) && Sums.tagBytes(session, tag) > all.ofTag(tag))) {
      return true;
    }
    if (!room.limitsOwn() || entry.application().isEmpty()) {
      return false;
    }
    evictor.limit(entry.application());
    return Sums.applicationBytes(session, entry.application()) > room.own().maxBytes()
        || Sums.applicationBytes(session, entry.application(), tag) > room.own().ofTag(tag);
  }

  /** Undoes the move, for a file without a row is nobody's. */
  private void giveBack(Path target, Path temp) {
    try {
      if (Files.exists(target)) {
        Files.move(target, temp, StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (IOException e) {
      trouble.report("Cannot take back a file that was not published", e);
    }
  }

  /** Deletes what was written of an entry that is not to be. */
  void abandon(PendingEntry pending) {
    writing.counts(pending, 0);
    try {
      Files.deleteIfExists(pending.path());
    } catch (IOException e) {
      trouble.report("Cannot delete a temporary file", e);
    }
  }

  private Entry newEntry(Key key, Path path, EntryMeta meta, Instant createdAt) {
    Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
    Instant created = createdAt.isBefore(now) ? createdAt.truncatedTo(ChronoUnit.MILLIS) : now;
    return new Entry(key, path, meta.withoutComponents(), created, now, 0);
  }

  private static void requireLength(String problem, PendingEntry pending, EntryMeta meta)
      throws StoreException {
    try {
      long length = Files.size(pending.path());
      if (length != meta.bytes()) {
        throw new StoreException(
            problem,
            "its file '%s' has %d bytes and was announced with %d"
                .formatted(pending.path(), length, meta.bytes()),
            "The result is computed without the cache; report this as a bug");
      }
    } catch (IOException e) {
      throw StoreException.failed(problem, e);
    }
  }

  private void refuseTooLarge(Key key, EntryMeta meta) throws SQLException, StoreException {
    long limit = room.maxBytes(meta.tag());
    if (meta.bytes() > limit) {
      throw new EntryTooLargeException(key, "it", meta.bytes(), limit);
    }
    Room.Bounds all = room.directory();
    Room.Bounds own = room.own();
    String application = Entry.application(meta);
    boolean limitsOwn = room.limitsOwn() && !application.isEmpty();
    if (meta.generation().isPresent()) {
      long ofAll = Math.min(all.maxBytes(), all.ofTag(meta.tag()));
      refuseUnfinished(key, index.read(Sums::totals).unfinishedBytes() + meta.bytes(), ofAll);
      if (limitsOwn) {
        long ofOwn = Math.min(own.maxBytes(), own.ofTag(meta.tag()));
        long unfinished = index.read(session -> Sums.unfinishedBytes(session, application));
        refuseUnfinished(key, unfinished + meta.bytes(), ofOwn);
      }
    }
    if (all.policy() == EvictionPolicy.NONE) {
      long bytes = index.read(Sums::totals).bytesOnDisk() + meta.bytes();
      long tagged = index.read(session -> Sums.tagBytes(session, meta.tag())) + meta.bytes();
      refuseWhereFull(key, bytes > all.maxBytes() || tagged > all.ofTag(meta.tag()));
    }
    if (limitsOwn && own.policy() == EvictionPolicy.NONE) {
      long bytes = index.read(session -> Sums.applicationBytes(session, application));
      long tagged = index.read(session -> Sums.applicationBytes(session, application, meta.tag()));
      refuseWhereFull(
          key,
          bytes + meta.bytes() > own.maxBytes() || tagged + meta.bytes() > own.ofTag(meta.tag()));
    }
  }

  private static void refuseUnfinished(Key key, long unfinished, long limit)
      throws EntryTooLargeException {
    if (unfinished > limit) {
      throw new EntryTooLargeException(
          key, "it and what else belongs to unfinished sets", unfinished, limit);
    }
  }

  private static void refuseWhereFull(Key key, boolean full) throws StoreException {
    if (full) {
      throw new NoRoomException(
          "Cannot publish entry " + key,
          "the cache is full and nothing is evicted under the policy 'none'",
          "Choose another policy, raise the limit, or evict by hand");
    }
  }

  /**
   * Gives the file its name; what is forced to the disk and what is not is told in {@link
   * DiskStore}.
   *
   * @throws InterruptedIOException if the thread is: a task that is killed publishes nothing
   */
  private static void move(Path from, Path to) throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("the thread was interrupted");
    }
    Directories.restrictToOwner(from);
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) { // mostly the folder is there
      Directories.createPrivate(Objects.requireNonNull(to.getParent()));
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    }
  }
}
