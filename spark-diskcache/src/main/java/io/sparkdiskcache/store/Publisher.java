// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** How written files become entries, and entries sets; the story is told in {@link DiskStore}. */
final class Publisher {
  private static final Logger LOG = LoggerFactory.getLogger(DiskStore.class);

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
  private final long maxBytes;
  private final Map<Path, Long> privateFiles = new ConcurrentHashMap<>();

  Publisher(
      CacheDirectory directory,
      Owner owner,
      Index index,
      Rows rows,
      Removal removal,
      Evictor evictor,
      Background background,
      Counters counters,
      Trouble trouble,
      InstantSource clock,
      long maxBytes) {
    this.directory = directory;
    this.owner = owner;
    this.index = index;
    this.rows = rows;
    this.removal = removal;
    this.evictor = evictor;
    this.background = background;
    this.counters = counters;
    this.trouble = trouble;
    this.clock = clock;
    this.maxBytes = maxBytes;
  }

  PendingEntry begin(Key key) throws StoreException {
    if (!Files.isDirectory(directory.tmp())) {
      throw new StoreException(
          "Cannot begin entry " + key,
          "'" + directory.tmp() + "' is gone",
          "Restart the application to have it created again");
    }
    String file = owner.nextFile();
    return new PendingEntry(this, key, file, directory.tempFile(file));
  }

  Entry publish(PendingEntry pending, EntryMeta meta) throws StoreException {
    Key key = pending.key();
    String problem = "Cannot publish entry " + key;
    requireLength(problem, pending, meta);
    try {
      refuseTooLarge(key, meta);
      Path target = directory.dataFile(key, pending.file());
      Entry entry = newEntry(key, target, meta, false);
      boolean added = false;
      try {
        moveDurably(pending.path(), target);
        Addition addition = index.write(session -> add(session, entry, meta));
        added = addition.existing == null;
        if (evictor.isOver(addition.totals)) {
          evictor.justPublished(key);
          background.run("Cannot evict", evictor::run);
        }
        if (addition.existing != null) {
          counters.duplicatesDiscarded.increment();
          Files.deleteIfExists(target);
          return addition.existing;
        }
        counters.published.increment();
        return entry;
      } finally {
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
   */
  private record Addition(@Nullable Entry existing, Totals totals) {}

  private Addition add(Session session, Entry entry, EntryMeta meta) throws SQLException {
    Entry existing = rows.byKey(session, entry.key()).orElse(null);
    if (existing != null && !Files.exists(existing.path())) {
      Rows.delete(session, existing);
      counters.missingFiles.increment();
      existing = null;
    }
    if (existing == null) {
      rows.insert(session, entry, meta.components(), owner.token());
      Rows.removeUnindexed(session, CacheDirectory.name(entry.path()));
    }
    return new Addition(existing, Rows.totals(session));
  }

  /** Undoes the move, for the caller may still keep the file for itself. */
  private void giveBack(Path target, Path temp) {
    try {
      if (Files.exists(target)) {
        Files.move(target, temp, StandardCopyOption.ATOMIC_MOVE);
      }
    } catch (IOException e) {
      trouble.report("Cannot take back a file that was not published", e);
    }
  }

  Entry keepPrivate(PendingEntry pending, EntryMeta meta) throws StoreException {
    Key key = pending.key();
    String problem = "Cannot keep entry " + key;
    requireLength(problem, pending, meta);
    Path target =
        directory
            .privates()
            .resolve(owner.token())
            .resolve(CacheDirectory.dataName(key, pending.file()));
    try {
      Path parent = Objects.requireNonNull(target.getParent());
      Directories.createPrivate(parent);
      Directories.restrictToOwner(pending.path());
      Files.move(pending.path(), target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      trouble.report("Cannot keep an entry", e);
      throw StoreException.failed(problem, e);
    }
    privateFiles.put(target, meta.bytes());
    counters.privateKept.increment();
    return newEntry(key, target, meta, true);
  }

  /** Deletes what was written of an entry that is not to be. */
  void abandon(PendingEntry pending) {
    try {
      Files.deleteIfExists(pending.path());
    } catch (IOException e) {
      trouble.report("Cannot delete a temporary file", e);
    }
  }

  private Entry newEntry(Key key, Path path, EntryMeta meta, boolean isPrivate) {
    Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
    return new Entry(key, path, meta.withoutComponents(), now, now, 0, isPrivate);
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

  private void refuseTooLarge(Key key, EntryMeta meta) throws SQLException, EntryTooLargeException {
    long limit = maxBytes;
    if (meta.bytes() > limit) {
      throw new EntryTooLargeException(key, "it", meta.bytes(), limit);
    }
    if (meta.generation().isPresent()) {
      long unfinished = index.read(Rows::totals).unfinishedBytes() + meta.bytes();
      if (unfinished > limit) {
        throw new EntryTooLargeException(
            key, "it and what else belongs to unfinished sets", unfinished, limit);
      }
    }
  }

  /**
   * A power cut may still lose the file's new name with a folder that was just created above it;
   * that leaves a row without a file, which is a miss, and does not pay for two more fsyncs.
   */
  private void moveDurably(Path from, Path to) throws IOException {
    Path folder = Objects.requireNonNull(to.getParent());
    Directories.createPrivate(folder);
    Directories.restrictToOwner(from);
    Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    Directories.fsyncDirectory(folder);
  }

  /** Length of the private files that were not discarded. */
  long privateBytes() {
    privateFiles.keySet().removeIf(file -> !Files.exists(file));
    return privateFiles.values().stream().mapToLong(Long::longValue).sum();
  }

  /** See {@link DiskStore#completeSet}. */
  boolean completeSet(Key setKey, Key generation, int partitions, SetMeta meta)
      throws StoreException {
    record Completion(boolean complete, List<Entry> replaced) {}
    try {
      Completion completion =
          index.write(
              session -> {
                List<Entry> entries = rows.byGeneration(session, generation);
                if (!Rows.isWhole(entries, generation, partitions)) {
                  return new Completion(false, List.of());
                }
                Optional<Key> old = Rows.generationOf(session, setKey);
                List<Entry> replaced = List.of();
                if (old.isPresent()) {
                  Rows.deleteSet(session, setKey);
                  if (!old.get().equals(generation)) {
                    replaced = rows.byGeneration(session, old.get());
                    for (Entry entry : replaced) {
                      Rows.delete(session, entry);
                    }
                  }
                }
                Rows.insertSet(session, setKey, generation, partitions, meta, clock.instant());
                Rows.finish(session, generation);
                return new Completion(true, replaced);
              });
      removal.deleteFiles(completion.replaced);
      if (!completion.replaced.isEmpty()) {
        counters.evictedReplaced.add(completion.replaced.size());
        LOG.info(
            "Evicted {} entries: set {} has the newer generation {}",
            completion.replaced.size(),
            setKey,
            generation);
      }
      return completion.complete;
    } catch (SQLException e) {
      trouble.report("Cannot complete a set", e);
      throw StoreException.failed("Cannot complete set " + setKey, e);
    }
  }
}
