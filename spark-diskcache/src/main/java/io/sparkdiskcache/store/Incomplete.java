// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Entries of generations that are no sets. Whoever writes one says when it may go: at once, or when
 * room is needed. Entries that a process leaves are removed when it closes its store, or, if it
 * dies, by {@link Recovery}.
 */
final class Incomplete {
  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final Rows rows;
  private final Removal removal;
  private final Background background;

  /** Generations that need not be completed, unless they have been. */
  private final Set<Key> relinquished = ConcurrentHashMap.newKeySet();

  Incomplete(
      CacheDirectory directory,
      Owner owner,
      Index index,
      Rows rows,
      Removal removal,
      Background background) {
    this.directory = directory;
    this.owner = owner;
    this.index = index;
    this.rows = rows;
    this.removal = removal;
    this.background = background;
  }

  /** See {@link DiskStore#abandon}. */
  void abandon(Key generation) {
    background.run(
        "Cannot remove an unfinished set",
        () -> {
          removal.abandon(generation, rows, "given up");
          relinquished.remove(generation);
        });
  }

  /** See {@link DiskStore#relinquish}. */
  void relinquish(Key generation) {
    relinquished.add(generation);
    background.run(
        "Cannot mark an unfinished set",
        () ->
            index.write(
                session -> {
                  Rows.finish(session, generation);
                  return true;
                }));
  }

  /** It is a set now. */
  void completed(Key generation) {
    relinquished.remove(generation);
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
    for (Map.Entry<Key, List<String>> unfinished : index.read(Rows::unfinished).entrySet()) {
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
