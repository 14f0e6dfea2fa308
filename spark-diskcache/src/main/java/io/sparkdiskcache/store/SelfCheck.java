// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Compares every row with its file and every file with its row. Reads all bytes of the cache. */
final class SelfCheck {
  private final CacheDirectory directory;
  private final Index index;
  private final Rows rows;
  private final Removal removal;

  SelfCheck(CacheDirectory directory, Index index, Rows rows, Removal removal) {
    this.directory = directory;
    this.index = index;
    this.rows = rows;
    this.removal = removal;
  }

  CheckReport run(boolean fix, Progress progress) throws SQLException, IOException {
    String sound =
        index.read(
            session ->
                session
                    .first("PRAGMA integrity_check(1)", row -> row.getString(1))
                    .orElse("no answer"));
    if (!sound.equals("ok")) {
      index.suspect(Rows.corrupt(sound)); // the next open replaces it
    }
    List<Entry> entries = index.read(rows::byAge);
    long total = entries.stream().mapToLong(Entry::bytes).sum();
    Verifier verifier = new Verifier(VerifyMode.ALWAYS);
    List<Entry> damaged = new ArrayList<>();
    List<Entry> missing = new ArrayList<>();
    long done = 0;
    for (Entry entry : entries) {
      try {
        if (!verifier.matches(entry)) {
          damaged.add(entry);
        }
      } catch (NoSuchFileException e) {
        if (isStillIndexed(entry)) { // and not evicted a moment ago
          missing.add(entry);
        }
      }
      done += entry.bytes();
      progress.at(done, total);
    }
    List<Path> orphans = orphans();
    if (fix) {
      for (Entry entry : damaged) {
        removal.quarantine(entry, "its length or checksum is not the one written");
      }
      for (Entry entry : missing) {
        removal.dropMissing(entry);
      }
      for (Path orphan : orphans) {
        Files.deleteIfExists(orphan);
      }
    }
    return new CheckReport(
        entries.size(),
        total,
        damaged.stream().map(Entry::key).toList(),
        missing.stream().map(Entry::key).toList(),
        orphans.stream().map(path -> directory.root().relativize(path).toString()).toList(),
        sound,
        fix);
  }

  private boolean isStillIndexed(Entry entry) throws SQLException {
    return index
        .read(
            session ->
                rows.byKey(session, entry.key()).map(Entry::path).filter(entry.path()::equals))
        .isPresent();
  }

  /** A writer that lives may be about to add the row. */
  private List<Path> orphans() throws SQLException, IOException {
    Map<String, Boolean> alive = new HashMap<>();
    List<Path> orphans = new ArrayList<>();
    Recovery.forEachDataFile(
        directory,
        (path, name) -> {
          Boolean lives = alive.get(name.owner());
          if (lives == null) {
            lives = Owner.isAlive(directory, name.owner());
            alive.put(name.owner(), lives);
          }
          if (!lives
              && !index.read(
                  session ->
                      Rows.holds(session, name)
                          || Sums.isUnindexed(session, CacheDirectory.name(path)))) {
            orphans.add(path);
          }
        });
    return orphans;
  }
}
