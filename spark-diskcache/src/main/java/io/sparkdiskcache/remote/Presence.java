// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Sees to it that what a host serves from its SSD stays in the remote tier: objects expire there,
 * by rules of the store or by {@code diskcache remote gc}, and are written again while they are
 * used.
 *
 * <p>Entries are asked for together: those whose keys begin alike by one listing, if they are some,
 * the others one by one; none more often than every {@link #AGAIN}.
 */
final class Presence {
  static final Duration AGAIN = Duration.ofHours(1);

  private static final long GATHER_MILLIS = 1000;
  private static final int MAX_WAITING = 10_000;
  private static final int REMEMBERED = 1 << 16;

  /** Keys with the same beginning for which a listing is cheaper than a request for each. */
  private static final int LIST_FROM = 4;

  private final RemoteObjects objects;
  private final Uploads uploads;
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Map<Key, Entry> waiting = new LinkedHashMap<>(); // guarded by this
  private final Map<Key, Long> seen = // guarded by this: when a key was last asked for
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Long> eldest) {
          return size() > REMEMBERED;
        }
      };
  private boolean scheduled; // guarded by this

  Presence(RemoteObjects objects, Uploads uploads) {
    this.objects = objects;
    this.uploads = uploads;
  }

  /** An entry of a run is there with its set, or of no use. */
  synchronized void used(Entry entry) {
    if (entry.generation().isEmpty() && isDue(entry.key()) && waiting.size() < MAX_WAITING) {
      waiting.put(entry.key(), entry);
      if (!scheduled) {
        scheduled = uploads.check(this::askForWaiting);
      }
    }
  }

  synchronized void used(EntrySet set) {
    if (isDue(set.setKey())) {
      boolean asked = uploads.check(() -> askFor(set));
      if (!asked) {
        seen.remove(set.setKey());
      }
    }
  }

  /** This process writes it now. */
  synchronized void written(Key key) {
    seen.put(key, System.nanoTime());
  }

  private boolean isDue(Key key) {
    long now = System.nanoTime();
    Long before = seen.get(key);
    if (before != null && now - before < AGAIN.toNanos()) {
      return false;
    }
    seen.put(key, now);
    return true;
  }

  private synchronized List<Entry> take() {
    scheduled = false;
    List<Entry> taken = List.copyOf(waiting.values());
    waiting.clear();
    return taken;
  }

  private void askForWaiting() throws IOException {
    try {
      closing.await(GATHER_MILLIS, TimeUnit.MILLISECONDS); // others come
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    Map<String, List<Entry>> alike = new HashMap<>();
    for (Entry entry : take()) {
      alike.computeIfAbsent(RemoteNames.folder(entry.key()), f -> new ArrayList<>()).add(entry);
    }
    for (Map.Entry<String, List<Entry>> folder : alike.entrySet()) {
      Set<String> there = new HashSet<>();
      if (folder.getValue().size() >= LIST_FROM) {
        there.addAll(objects.names(folder.getKey()));
      }
      for (Entry entry : folder.getValue()) {
        boolean listed = folder.getValue().size() >= LIST_FROM;
        boolean isThere =
            listed
                ? there.contains(objects.entry(entry.key()).getName())
                : objects.exists(objects.entry(entry.key()));
        if (!isThere) {
          uploads.entry(entry);
        }
      }
    }
  }

  private void askFor(EntrySet set) throws IOException {
    if (objects.exists(objects.set(set.setKey()))) {
      return;
    }
    set.entries().forEach(uploads::entry);
    uploads.set(
        new RemoteSet(
            set.setKey(), set.generation(), set.entries().size(), set.meta(), set.createdAt()),
        set.entries().stream().map(Entry::key).toList());
  }

  /** All waiting keys are asked for at once. */
  void close() {
    closing.countDown();
  }
}
