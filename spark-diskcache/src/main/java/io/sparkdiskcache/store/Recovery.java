// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;

/**
 * Clears away what dead processes left behind: their temporary files, generations that none of
 * their writers can complete any more, and entry files that never got a row. The look at open is
 * cheap, two short listings and an index range; the work, if any, is done on the store's own
 * thread.
 *
 * <p>A file without a row is deleted only if its writer was found dead <em>before</em> the row was
 * looked for: a living writer may be about to add it.
 *
 * <p>Entry files that were there before the index (its predecessor was damaged or deleted) are no
 * orphans: {@link IndexFile} listed them in the table {@code unindexed}, where they wait to be
 * indexed again from what they say about themselves. They count towards the limit, which is there
 * for the disk and not for the index, and when room is needed they are the first to go, because
 * they cannot be served. Nothing else deletes them but {@link DiskStore#clear}.
 */
final class Recovery {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final Pattern OWNER = Pattern.compile(Owner.TOKEN);
  private static final Pattern TWO_DIGITS = Pattern.compile("[0-9a-f]{2}");

  private final CacheDirectory directory;
  private final Set<String> crashed;
  private final Set<String> gone;

  private Recovery(CacheDirectory directory, Set<String> crashed, Set<String> gone) {
    this.directory = directory;
    this.crashed = crashed;
    this.gone = gone;
  }

  /** Looks for owners that died. */
  static Recovery inspect(CacheDirectory directory) throws IOException {
    Set<String> crashed = new HashSet<>();
    Set<String> named = new HashSet<>();
    for (Path path : Directories.list(directory.tmp())) {
      String name = CacheDirectory.name(path);
      if (name.endsWith(Owner.LOCK_SUFFIX)) {
        String token = name.substring(0, name.length() - Owner.LOCK_SUFFIX.length());
        if (OWNER.matcher(token).matches() && !Owner.isAlive(directory, token)) {
          crashed.add(token);
        }
      } else {
        CacheDirectory.tempOwner(path).ifPresent(named::add);
      }
    }
    Set<String> gone = new HashSet<>(crashed);
    for (String token : named) {
      if (!gone.contains(token) && !Owner.isAlive(directory, token)) {
        gone.add(token);
      }
    }
    return new Recovery(directory, crashed, gone);
  }

  /** Whether a process ended without closing its store. */
  boolean afterCrash() {
    return !crashed.isEmpty();
  }

  /** Whether {@link #run} has anything to do. */
  boolean isNeeded(Index index) throws SQLException, IOException {
    return !gone.isEmpty() || !abandoned(index).isEmpty();
  }

  /** Lock files go last: if this is interrupted, the next open finds them and begins again. */
  void run(Index index, Rows rows, Removal removal, BooleanSupplier stopping)
      throws SQLException, IOException {
    for (Path path : Directories.list(directory.tmp())) {
      Optional<String> owner = CacheDirectory.tempOwner(path);
      if ((owner.isPresent() && gone.contains(owner.get())) || isDeadLease(path)) {
        Files.deleteIfExists(path);
      }
    }
    for (Key generation : abandoned(index)) {
      List<Entry> entries = index.read(session -> rows.byGeneration(session, generation));
      removal.remove(
          entries, EvictionCause.UNFINISHED, "nobody is left to complete generation " + generation);
    }
    removeLeftovers(index, rows, removal);
    if (afterCrash()) {
      deleteOrphans(index, stopping);
    }
    if (!stopping.getAsBoolean()) {
      for (String token : crashed) {
        Files.deleteIfExists(directory.tmp().resolve(token + Owner.LOCK_SUFFIX));
      }
    }
  }

  private boolean isDeadLease(Path path) throws IOException {
    if (!CacheDirectory.name(path).endsWith(Leases.SUFFIX)) {
      return false;
    }
    try {
      return gone.contains(Files.readString(path));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Unfinished generations all of whose writers are gone. */
  private Set<Key> abandoned(Index index) throws SQLException, IOException {
    Map<Key, List<String>> unfinished = index.read(SetRows::unfinished);
    Map<String, Boolean> alive = new HashMap<>();
    Set<Key> abandoned = new HashSet<>();
    for (Map.Entry<Key, List<String>> generation : unfinished.entrySet()) {
      boolean dead = true;
      for (String writer : generation.getValue()) {
        dead &= !isAlive(writer, alive);
      }
      if (dead) {
        abandoned.add(generation.getKey());
      }
    }
    return abandoned;
  }

  /** Entries of sets that were dropped, or that need not be completed, whose writers are gone. */
  private void removeLeftovers(Index index, Rows rows, Removal removal)
      throws SQLException, IOException {
    List<Entry> leftovers = new ArrayList<>();
    index.readSnapshot(
        session -> {
          rows.forEachLeftover(session, Victims.ofAll(), leftovers::add);
          return true;
        });
    Map<String, Boolean> alive = new HashMap<>();
    List<Entry> dead = new ArrayList<>();
    for (Entry entry : leftovers) {
      Optional<CacheDirectory.DataName> name = CacheDirectory.parseDataName(entry.path());
      if (name.isPresent() && !isAlive(name.get().owner(), alive)) {
        dead.add(entry);
      }
    }
    removal.remove(dead, EvictionCause.UNFINISHED, "nobody is left who could use them");
  }

  private void deleteOrphans(Index index, BooleanSupplier stopping)
      throws SQLException, IOException {
    Map<String, Boolean> alive = new HashMap<>();
    long[] deleted = {0, 0};
    forEachDataFile(
        directory,
        (path, name) -> {
          if (stopping.getAsBoolean() || isAlive(name.owner(), alive)) {
            return;
          }
          boolean known =
              index.read(
                  session ->
                      Rows.holds(session, name)
                          || Sums.isUnindexed(session, CacheDirectory.name(path)));
          if (!known) {
            deleted[0]++;
            deleted[1] += Files.size(path);
            Files.deleteIfExists(path);
          }
        });
    if (deleted[0] > 0) {
      LOG.info(
          "Deleted {} entry files ({} bytes) in {} that a process left without an index row",
          deleted[0],
          deleted[1],
          directory.root());
    }
  }

  private boolean isAlive(String token, Map<String, Boolean> known) throws IOException {
    Boolean alive = known.get(token);
    if (alive == null) {
      alive = Owner.isAlive(directory, token);
      known.put(token, alive);
    }
    return alive;
  }

  /** Takes a published file. */
  interface DataFileVisitor {
    void visit(Path path, CacheDirectory.DataName name) throws IOException, SQLException;
  }

  /** Walks the files under {@code data}; files that vanish meanwhile are passed over. */
  static void forEachDataFile(CacheDirectory directory, DataFileVisitor visitor)
      throws IOException, SQLException {
    for (Path first : Directories.list(directory.data())) {
      if (!TWO_DIGITS.matcher(CacheDirectory.name(first)).matches()) {
        continue;
      }
      for (Path second : Directories.list(first)) {
        for (Path file : Directories.list(second)) {
          Optional<CacheDirectory.DataName> name = CacheDirectory.parseDataName(file);
          if (name.isPresent()) {
            try {
              visitor.visit(file, name.get());
            } catch (NoSuchFileException e) {
              LOG.debug("Passing over {}: it has just been deleted", file);
            }
          }
        }
      }
    }
  }
}
