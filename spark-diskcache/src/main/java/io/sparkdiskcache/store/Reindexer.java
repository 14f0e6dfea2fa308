// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * Takes the files that are in no index, because theirs was lost, into the new one. Runs on the
 * store's own thread, a file at a time, while lookups work; what is not done yet is a miss.
 *
 * <p>A file is taken if every byte of it is what was written, by the seal in its {@link
 * EntryDescription}. Others are deleted: damaged ones, those of earlier formats, and members of
 * sets, because only the lost index knew which sets were complete and published. One that cannot be
 * read now, for want of descriptors or memory, is left to the next open.
 *
 * <p>The writer of a file may still live and be about to add its row, to this index instead of the
 * lost one. So the file is deleted inside the transaction that takes it off the list: the writer,
 * in its own, either finds the file gone and publishes nothing, or was first.
 */
final class Reindexer {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final int MAX_UNREADABLE = 100;

  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final Rows rows;
  private final Removal removal;
  private final Counters counters;
  private final InstantSource clock;

  Reindexer(
      CacheDirectory directory,
      Owner owner,
      Index index,
      Rows rows,
      Removal removal,
      Counters counters,
      InstantSource clock) {
    this.directory = directory;
    this.owner = owner;
    this.index = index;
    this.rows = rows;
    this.removal = removal;
    this.counters = counters;
    this.clock = clock;
  }

  void run(BooleanSupplier stopping) throws SQLException, IOException {
    long taken = 0;
    long dropped = 0;
    Set<String> unreadable = new HashSet<>(); // now: the next open tries again
    Optional<String> next = next(unreadable);
    while (next.isPresent() && !stopping.getAsBoolean()) {
      String name = next.get();
      try {
        if (take(name)) {
          taken++;
        } else {
          dropped++;
        }
      } catch (IOException e) {
        LOG.warn("Cannot read entry file {}, so it is not indexed now: {}", name, e.toString());
        if (unreadable.size() == MAX_UNREADABLE) {
          throw e;
        }
        unreadable.add(name);
      }
      next = next(unreadable);
    }
    if (taken + dropped > 0) {
      LOG.info(
          "Indexed {} entry files in {} again; {} others did not describe themselves, or only"
              + " together, and were deleted",
          taken,
          directory.root(),
          dropped);
    }
  }

  private Optional<String> next(Set<String> without) throws SQLException {
    return index.read(session -> Sums.oneUnindexed(session, without));
  }

  private boolean take(String name) throws SQLException, IOException {
    Optional<CacheDirectory.DataName> parsed = CacheDirectory.parseDataName(Path.of(name));
    if (parsed.isEmpty()) {
      index.write(session -> Sums.removeUnindexed(session, name));
      return false;
    }
    Path file = directory.dataFile(parsed.get().key(), parsed.get().file());
    Optional<EntryDescription> description = describe(file, parsed.get().key());
    if (description.isEmpty()) {
      owner.token(); // before a row goes without its file
    }
    boolean taken =
        index.write(
            session -> {
              if (!Sums.removeUnindexed(session, name)) {
                return false; // another process has taken, evicted or published it meanwhile
              }
              Optional<Entry> existing = rows.byKey(session, parsed.get().key());
              if (description.isEmpty()
                  || (existing.isPresent() && !removal.droppedAsMissing(session, existing.get()))) {
                removal.deleteFile(file);
                return false;
              }
              rows.insert(session, entry(description.get(), file), components(description), "");
              return true;
            });
    if (taken) {
      counters.reindexed.increment();
    }
    return taken;
  }

  private static Optional<EntryDescription> describe(Path file, Key key) throws IOException {
    try {
      return EntryDescription.readVerified(file)
          .filter(found -> found.key().equals(key) && found.meta().generation().isEmpty());
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private Entry entry(EntryDescription found, Path file) {
    return new Entry(
        found.key(), file, found.meta().withoutComponents(), found.createdAt(), clock.instant(), 0);
  }

  private static Map<String, String> components(Optional<EntryDescription> found) {
    return found.map(description -> description.meta().components()).orElse(Map.of());
  }
}
