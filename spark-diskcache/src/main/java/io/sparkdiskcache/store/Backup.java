// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;

/**
 * A copy of the cache as it was at one moment, while others go on using it. The index is copied
 * first, by SQLite in one transaction; then the files it names, none of which ever changes. A file
 * that is evicted before it was copied takes its row in the copy along, and its set.
 */
final class Backup {
  private final Index index;
  private final Path source;

  Backup(Index index, Path source) {
    this.index = index;
    this.source = source;
  }

  /**
   * Makes the copy.
   *
   * @param target an empty directory or none
   * @return bytes copied
   */
  long to(Path target, Progress progress) throws StoreException, SQLException, IOException {
    if (Files.exists(target) && !Directories.list(target).isEmpty()) {
      throw new StoreException(
          "Cannot back up to '" + target + "'",
          "it is not empty",
          "Name an empty directory, or one that does not exist yet");
    }
    Path real = target.toAbsolutePath().normalize();
    if (real.startsWith(source)) {
      throw new StoreException(
          "Cannot back up to '" + target + "'",
          "it lies inside the cache directory",
          "Name a directory outside of it");
    }
    CacheDirectory copy = CacheDirectory.prepare(target, DirectoryProbe.system());
    String file = copy.index().toString();
    index.read(
        session -> {
          session.update("VACUUM INTO ?", file);
          return true;
        });
    Directories.restrictToOwner(copy.index());
    try (Session session = Session.open(copy.index(), Index.WAIT)) {
      session.execute("PRAGMA journal_mode=WAL");
      session.update("DELETE FROM unindexed");
      // Their writers will complete them in the original, if at all.
      session.update("DELETE FROM entries WHERE writer IS NOT NULL");
      return copyFiles(session, copy, progress);
    }
  }

  private long copyFiles(Session session, CacheDirectory copy, Progress progress)
      throws SQLException, IOException {
    Rows rows = new Rows(copy, Rows.DamageListener.IGNORE);
    List<Entry> entries = rows.byAge(session);
    long total = entries.stream().mapToLong(Entry::bytes).sum();
    long done = 0;
    long copied = 0;
    for (Entry entry : entries) {
      Path from = source.resolve(copy.root().relativize(entry.path()).toString());
      try {
        Directories.createPrivate(Objects.requireNonNull(entry.path().getParent()));
        Files.copy(from, entry.path());
        Directories.restrictToOwner(entry.path());
        copied += entry.bytes();
      } catch (NoSuchFileException e) {
        Rows.delete(session, entry);
      }
      done += entry.bytes();
      progress.at(done, total);
    }
    return copied;
  }
}
