// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.time.Duration;
import java.util.Set;

/**
 * The names that were erased for good ({@code diskcache remote erase}): keys of entries and
 * functions of runs, each the name of a note in {@code erased/}. Nothing of such a name is written
 * or served. One listing of the notes holds for {@link #KNOWN}.
 */
final class Erasures {
  private static final Duration KNOWN = Duration.ofMinutes(1);

  private final RemoteObjects objects;
  private Set<String> names = Set.of(); // guarded by this
  private long listedAt; // guarded by this
  private boolean listed; // guarded by this

  Erasures(RemoteObjects objects) {
    this.objects = objects;
  }

  boolean holds(Entry entry) throws IOException {
    return holds(entry.key(), entry.generation().isPresent() ? entry.relation() : "");
  }

  /**
   * @param function whose runs may be erased; empty for an entry that is none of a run
   */
  boolean holds(Key key, String function) throws IOException {
    Set<String> erased = names();
    return erased.contains(key.hex()) || erased.contains(function);
  }

  private synchronized Set<String> names() throws IOException {
    long now = System.nanoTime();
    if (!listed || now - listedAt > KNOWN.toNanos()) {
      names = Set.copyOf(objects.names(RemoteNames.ERASED));
      listedAt = now;
      listed = true;
    }
    return names;
  }
}
