// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * Entries that belong together: how those of a generation become a set, and when those of one that
 * is no set go. Whoever writes one says when it may go: at once, or when room is needed. Entries
 * that a process leaves are removed when it closes its store, or, if it dies, by {@link Recovery}.
 */
@Internal
public final class SetStore {
  private static final Log LOG = Log.of(DiskStore.class);

  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final Rows rows;
  private final Removal removal;
  private final Background background;
  private final Counters counters;
  private final Trouble trouble;
  private final InstantSource clock;

  /** Generations that need not be completed, unless they have been. */
  private final Set<Key> relinquished = ConcurrentHashMap.newKeySet();

  SetStore(StoreParts parts, Removal removal) {
    this.directory = parts.directory();
    this.owner = parts.owner();
    this.index = parts.index();
    this.rows = parts.rows();
    this.removal = removal;
    this.background = parts.background();
    this.counters = parts.counters();
    this.trouble = parts.trouble();
    this.clock = parts.clock();
  }

  /**
   * Makes the published entries of a generation a set, if they are exactly the partitions 0 to n-1.
   * Replaces the set of another generation with the same key and removes its entries.
   *
   * @param partitions 0 for an empty relation
   * @return whether it is complete; false changes nothing
   */
  public boolean complete(Key setKey, Key generation, int partitions, SetMeta meta)
      throws StoreException {
    return complete(setKey, generation, partitions, meta, Instant.MAX);
  }

  /**
   * The same for a set that was made elsewhere.
   *
   * @param createdAt when; a time in the future is taken for now
   */
  public boolean complete(
      Key setKey, Key generation, int partitions, SetMeta meta, Instant createdAt)
      throws StoreException {
    return complete(
        setKey,
        generation,
        partitions,
        entries -> SetRows.isWhole(entries, generation, partitions),
        meta,
        createdAt);
  }

  /**
   * Makes published entries of a generation the part of a set that this directory has; other
   * directories have the rest. Otherwise as {@link #complete}.
   *
   * @param partKey of the part; not the key of a whole set, which must not be found incomplete
   * @param partitions of the whole set
   * @param members the partitions that are here, ascending
   * @return whether all of them are here; false changes nothing
   */
  public boolean completePart(
      Key partKey, Key generation, int partitions, List<Integer> members, SetMeta meta)
      throws StoreException {
    return completePart(partKey, generation, partitions, members, meta, clock.instant());
  }

  /**
   * The same for rows that were computed some time ago.
   *
   * @param createdAt when, at most now
   */
  public boolean completePart(
      Key partKey,
      Key generation,
      int partitions,
      List<Integer> members,
      SetMeta meta,
      Instant createdAt)
      throws StoreException {
    return complete(
        partKey,
        generation,
        partitions,
        entries -> SetRows.hasMembers(entries, members),
        meta,
        createdAt);
  }

  /** The sets and parts of sets, by the index, of generations that are wanted. */
  public List<SetPart> parts(Predicate<Key> wanted) {
    if (index.isClosed()) {
      return List.of();
    }
    try {
      return index.readSnapshot(session -> SetPart.all(session, wanted));
    } catch (SQLException e) {
      trouble.report("Cannot list sets", e);
      return List.of();
    }
  }

  private boolean complete(
      Key setKey,
      Key generation,
      int partitions,
      Predicate<List<Entry>> isComplete,
      SetMeta meta,
      Instant createdAt)
      throws StoreException {
    record Completion(boolean complete, List<Entry> replaced) {}
    try {
      Completion completion =
          index.write(
              session -> {
                List<Entry> entries = rows.byGeneration(session, generation);
                if (!isComplete.test(entries)) {
                  return new Completion(false, List.of());
                }
                Optional<Key> old = SetRows.generationOf(session, setKey);
                List<Entry> replaced = List.of();
                boolean again = old.isPresent() && old.get().equals(generation);
                if (old.isPresent()) {
                  SetRows.delete(session, setKey);
                  if (!again) {
                    replaced = rows.byGeneration(session, old.get());
                    for (Entry entry : replaced) {
                      Rows.delete(session, entry);
                    }
                  }
                }
                Instant now = clock.instant();
                Instant created = createdAt.isBefore(now) ? createdAt : now;
                SetRows.insert(session, setKey, generation, partitions, meta, created);
                if (!again && !meta.below().isZero()) {
                  SetRows.addToComputing(session, generation, meta.share(partitions));
                }
                SetRows.finish(session, generation);
                return new Completion(true, replaced);
              });
      removal.deleteFiles(completion.replaced);
      if (!completion.replaced.isEmpty()) {
        counters.evicted(EvictionCause.REPLACED, completion.replaced.size());
        LOG.info(
            "Evicted {} entries, REPLACED: set {} has the newer generation {}",
            completion.replaced.size(),
            setKey,
            generation);
      }
      if (completion.complete) {
        relinquished.remove(generation);
      }
      return completion.complete;
    } catch (SQLException e) {
      trouble.report("Cannot complete a set", e);
      throw StoreException.failed("Cannot complete set " + setKey, e);
    }
  }

  /**
   * Removes what there is of a generation that nobody will complete, in the background; a complete
   * set stays.
   */
  public void abandon(Key generation) {
    background.run(
        "Cannot remove an unfinished set",
        () -> {
          removal.abandon(generation, rows, "given up");
          relinquished.remove(generation);
        });
  }

  /**
   * The entries of a generation that may yet be completed, but need not: they are the first to go
   * when room is needed, and nobody waits for them. In the background.
   */
  public void relinquish(Key generation) {
    relinquished.add(generation);
    background.run(
        "Cannot mark an unfinished set",
        () ->
            index.write(
                session -> {
                  SetRows.finish(session, generation);
                  return true;
                }));
  }

  /** Removes a set and its entries. */
  public void drop(Key setKey) {
    trouble.attempt(
        "Cannot drop a set",
        () -> {
          Optional<Key> generation = index.read(session -> SetRows.generationOf(session, setKey));
          if (generation.isPresent()) {
            List<Entry> entries =
                index.read(session -> rows.byGeneration(session, generation.get()));
            removal.remove(entries, EvictionCause.REQUEST, "set " + setKey + " was dropped");
            index.write(
                session -> { // a set without partitions has no entry to take it along
                  if (SetRows.generationOf(session, setKey).equals(generation)) {
                    SetRows.delete(session, setKey);
                  }
                  return true;
                });
          }
        });
  }

  /** Removes what only this process could have completed. */
  void abandonOwn() throws SQLException, IOException {
    for (Key generation : relinquished) {
      removal.abandon(generation, rows, "its writer has ended");
    }
    Optional<String> token = owner.tokenIfClaimed();
    if (token.isEmpty()) {
      return;
    }
    for (Map.Entry<Key, List<String>> unfinished : index.read(SetRows::unfinished).entrySet()) {
      boolean alone = unfinished.getValue().contains(token.get());
      for (String writer : unfinished.getValue()) {
        alone &= writer.equals(token.get()) || !Owner.isAlive(directory, writer);
      }
      if (alone) {
        removal.abandon(unfinished.getKey(), rows, "its writer has ended");
      }
    }
  }
}
