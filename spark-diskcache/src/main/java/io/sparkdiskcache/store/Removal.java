// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * How entries leave: first the rows, in transactions of bounded size so that writers elsewhere get
 * their turn, and after the commit the files. A crash in between leaves files without rows, which
 * recovery deletes; the other order would leave rows without files.
 */
final class Removal {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final int BATCH = 256;

  /** Damaged files are evidence, but not for any price: a twentieth of the limit. */
  private static final int QUARANTINE_SHARE = 20;

  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final Trouble trouble;
  private final Front front;
  private final Counters counters;
  private final Room room;

  Removal(
      CacheDirectory directory,
      Owner owner,
      Index index,
      Trouble trouble,
      Front front,
      Counters counters,
      Room room) {
    this.directory = directory;
    this.owner = owner;
    this.index = index;
    this.trouble = trouble;
    this.front = front;
    this.counters = counters;
    this.room = room;
  }

  /**
   * Removes entries; those that another process removed meanwhile count for nothing.
   *
   * @param reason completes "Evicted N entries (M bytes), CAUSE: ..."
   * @return bytes freed
   */
  long remove(List<Entry> entries, EvictionCause cause, String reason) throws SQLException {
    if (!entries.isEmpty()) {
      announceDeletions();
    }
    long bytes = 0;
    long count = 0;
    try {
      for (int from = 0; from < entries.size(); from += BATCH) {
        List<Entry> removed =
            removeBatch(entries.subList(from, Math.min(entries.size(), from + BATCH)));
        removed.forEach(entry -> LOG.debug("Evicted {}, {}: {}", entry.key(), cause, reason));
        count += removed.size();
        bytes += removed.stream().mapToLong(Entry::bytes).sum();
      }
    } finally {
      counters.evicted(cause, count);
      if (count > 0) {
        LOG.info("Evicted {} entries ({} bytes), {}: {}", count, bytes, cause, reason);
      }
    }
    return bytes;
  }

  /** Removes the entries of a generation, unless they are a set by now. */
  void abandon(Key generation, Rows rows, String reason) throws SQLException {
    List<Entry> entries =
        index.readSnapshot(
            session ->
                SetRows.isSet(session, generation)
                    ? List.<Entry>of()
                    : rows.byGeneration(session, generation));
    remove(entries, EvictionCause.UNFINISHED, "set of generation " + generation + ": " + reason);
  }

  private List<Entry> removeBatch(List<Entry> batch) throws SQLException {
    front.removing(batch);
    try {
      List<Entry> removed =
          index.write(
              session -> {
                List<Entry> gone = new ArrayList<>();
                for (Entry entry : batch) {
                  if (Rows.delete(session, entry)) {
                    gone.add(entry);
                  }
                }
                return gone;
              });
      deleteFiles(removed);
      return removed;
    } finally {
      front.removed();
    }
  }

  /**
   * The owner's lock file is what tells the next open that a process died, perhaps between a row
   * and its file.
   */
  private void announceDeletions() throws SQLException {
    try {
      owner.token();
    } catch (IOException e) {
      throw new SQLException("the directory cannot be written: " + directory.root(), e);
    }
  }

  /** For entries whose rows the caller has removed. */
  void deleteFiles(List<Entry> entries) {
    for (Entry entry : entries) {
      front.forget(entry);
      deleteFile(entry.path());
    }
  }

  /**
   * The file of an entry that has no row any more. Readers that have it open or mapped keep its
   * bytes; nobody else finds it, above all no {@link Front} of another process.
   */
  void deleteFile(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      trouble.report("Cannot delete an entry file", e);
    }
  }

  /** Removes entry files that are in no index, up to that many bytes; returns the bytes freed. */
  long removeUnindexed(long bytes, String reason) throws SQLException {
    Map<String, Long> files = index.read(session -> Sums.someUnindexed(session, bytes));
    List<String> names = new ArrayList<>(files.keySet());
    long freed = 0;
    for (int from = 0; from < names.size(); from += BATCH) {
      List<String> batch = names.subList(from, Math.min(names.size(), from + BATCH));
      List<String> removed =
          index.write(
              session -> {
                List<String> gone = new ArrayList<>();
                for (String name : batch) {
                  if (Sums.removeUnindexed(session, name)) {
                    gone.add(name);
                  }
                }
                return gone;
              });
      for (String name : removed) {
        CacheDirectory.parseDataName(Path.of(name))
            .ifPresent(parsed -> deleteFile(directory.dataFile(parsed.key(), parsed.file())));
        freed += files.getOrDefault(name, 0L);
      }
    }
    if (!names.isEmpty()) {
      LOG.info("Evicted {} unindexed files ({} bytes): {}", names.size(), freed, reason);
    }
    return freed;
  }

  /** In a write transaction: drops the row if the entry's file is gone, and says whether it did. */
  boolean droppedAsMissing(Session session, Entry entry) throws SQLException {
    if (!Files.notExists(entry.path())) { // there, or not to be told now
      return false;
    }
    if (Rows.delete(session, entry)) {
      counters.missingFiles.increment();
    }
    return true;
  }

  /** Drops the row of an entry whose file is gone. */
  void dropMissing(Entry entry) throws SQLException {
    boolean dropped = index.write(session -> Rows.delete(session, entry));
    front.forget(entry);
    if (dropped) {
      counters.missingFiles.increment();
      LOG.info("Dropped entry {}: its file {} is gone", entry.key(), entry.path());
    }
  }

  /**
   * Sets a file aside that must not be served; the row goes even if the file cannot be moved.
   *
   * @param cause such as "its checksum is not the one written"
   */
  void quarantine(Entry entry, String cause) throws SQLException, IOException {
    counters.quarantined.increment();
    Path aside = directory.quarantine().resolve(CacheDirectory.name(entry.path()));
    LOG.warn(
        "Entry {} is set aside: {}. {} is moved to {}, and the rows are computed again",
        entry.key(),
        cause,
        entry.path(),
        aside);
    front.removing(List.of(entry));
    try {
      index.write(session -> Rows.delete(session, entry));
    } finally {
      front.forget(entry);
      try {
        Files.move(entry.path(), aside, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        front.removed();
      }
    }
    trimQuarantine(aside);
  }

  /** Newest first; the file just set aside stays in any case. */
  private void trimQuarantine(Path aside) throws IOException {
    record Old(Path path, BasicFileAttributes attributes) {}
    List<Old> files = new ArrayList<>();
    for (Path path : Directories.list(directory.quarantine())) {
      if (!path.equals(aside)) {
        try {
          files.add(new Old(path, Files.readAttributes(path, BasicFileAttributes.class)));
        } catch (NoSuchFileException e) {
          LOG.debug("Passing over {}: another process has deleted it", path);
        }
      }
    }
    files.sort(Comparator.comparing((Old old) -> old.attributes.lastModifiedTime()).reversed());
    long bytes = Files.size(aside);
    for (Old old : files) {
      bytes += old.attributes.size();
      if (bytes > room.directory().maxBytes() / QUARANTINE_SHARE) {
        Files.deleteIfExists(old.path);
      }
    }
  }
}
