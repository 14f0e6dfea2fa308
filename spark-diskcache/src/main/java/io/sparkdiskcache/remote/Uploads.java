// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Foreign;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.fs.Path;

/**
 * Writes in the background, with few threads and a bounded queue; what does not fit is dropped. A
 * set is written after the last of its members, and only if all of them are there.
 */
final class Uploads {
  private static final int THREADS = 4;
  private static final int QUEUE = 4096;
  private static final int SETS = 256;
  private static final int REMEMBERED = 1 << 15;

  /** Other processes may still be writing members. */
  private static final long MEMBERS_WAIT = TimeUnit.MINUTES.toNanos(2);

  private static final long POLL_MILLIS = 500;

  private final RemoteObjects objects;
  private final Availability availability;
  private final Counters counters;
  private final Erasures erasures;
  private final ThreadPoolExecutor entries = Pools.of("diskcache-upload", THREADS, QUEUE);
  private final ThreadPoolExecutor sets = Pools.of("diskcache-upload-sets", 1, SETS);
  private final AtomicInteger unfinished = new AtomicInteger();

  /** Objects that were found damaged or too old: they give way. */
  private final Set<Key> stale = ConcurrentHashMap.newKeySet();

  /** How uploads of this process ended; null while they have not. */
  private final Map<Key, Outcome> outcomes =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Outcome> eldest) {
          return size() > REMEMBERED;
        }
      };

  private enum Outcome {
    WAITING,
    THERE,
    NOT
  }

  Uploads(RemoteObjects objects, Availability availability, Counters counters, Erasures erasures) {
    this.objects = objects;
    this.erasures = erasures;
    this.availability = availability;
    this.counters = counters;
  }

  /** The next upload of that key replaces what is there. */
  void replaceNext(Key key) {
    stale.add(key);
  }

  void entry(Entry entry) {
    ended(entry.key(), Outcome.WAITING);
    boolean accepted =
        submit(
            entries,
            () -> {
              Outcome outcome = Outcome.NOT;
              try {
                outcome = write(entry) ? Outcome.THERE : Outcome.NOT;
              } finally {
                ended(entry.key(), outcome);
              }
            });
    if (!accepted) {
      ended(entry.key(), Outcome.NOT);
    }
  }

  private boolean write(Entry entry) {
    Key key = entry.key();
    try (InputStream file = Files.newInputStream(entry.path())) {
      boolean[] erased = {false};
      boolean done =
          attempt(
              objects.entry(key),
              () -> {
                erased[0] = erasures.holds(entry);
                boolean wrote =
                    !erased[0]
                        && objects.write(objects.entry(key), stale.contains(key), file::transferTo);
                if (wrote) {
                  stale.remove(key);
                }
                return wrote;
              });
      if (erased[0]) {
        counters.dropped.increment();
      }
      return done && !erased[0];
    } catch (NoSuchFileException e) {
      counters.dropped.increment(); // evicted meanwhile
    } catch (IOException e) {
      availability.failed("Cannot close entry file " + entry.path(), e);
    }
    return false;
  }

  void set(RemoteSet set, List<Key> members) {
    submit(
        sets,
        () -> {
          if (areThere(members)) {
            byte[] content = set.encode();
            attempt(
                objects.set(set.setKey()),
                () -> objects.write(objects.set(set.setKey()), true, out -> out.write(content)));
          } else {
            counters.dropped.increment();
          }
        });
  }

  /** Writes an object that tells a part of itself from the whole, in the place of an older one. */
  void small(Path name, byte[] content) {
    submit(entries, () -> attempt(name, () -> objects.overwrite(name, content)));
  }

  /** Asks what is there, which may lead to uploads. */
  interface Check {
    void run() throws IOException;
  }

  /** False if it is not done. */
  boolean check(Check check) {
    return submit(
        sets,
        () -> {
          if (!availability.isAvailable()) {
            return;
          }
          try {
            check.run();
            availability.succeeded();
          } catch (IOException e) {
            availability.failed("Cannot list the remote tier", e);
          }
        });
  }

  /** A note that must not be lost: it is written even while the tier is left alone. */
  void note(Path name, byte[] content, List<Path> toDelete) {
    submit(
        sets,
        () -> {
          try {
            objects.write(name, true, out -> out.write(content));
            for (Path object : toDelete) {
              objects.delete(object);
            }
          } catch (IOException e) {
            availability.failed("Cannot write " + name + " to the remote tier", e);
          }
        });
  }

  /** Whether there is something to be counted. */
  private interface Attempt {
    boolean run() throws IOException;
  }

  private boolean attempt(Path name, Attempt attempt) {
    if (!availability.isAvailable()) {
      counters.dropped.increment();
      return false;
    }
    try {
      if (Foreign.call("an upload", attempt::run)) {
        counters.uploads.increment();
      }
      availability.succeeded();
      return true;
    } catch (IOException e) {
      availability.failed("Cannot write " + name + " to the remote tier", e);
      return false;
    }
  }

  private boolean areThere(List<Key> members) {
    long deadline = System.nanoTime() + MEMBERS_WAIT;
    try {
      for (Key member : members) {
        while (!isThere(member)) {
          boolean hopeless = outcome(member) == Outcome.NOT || !availability.isAvailable();
          if (hopeless || System.nanoTime() > deadline) {
            return false;
          }
          Thread.sleep(POLL_MILLIS);
        }
      }
      return true;
    } catch (IOException e) {
      availability.failed("Cannot look for members of a set in the remote tier", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the application has ended
    }
    return false;
  }

  /** Waits for an upload of this process; asks the remote tier for one of another. */
  private boolean isThere(Key member) throws IOException, InterruptedException {
    synchronized (outcomes) {
      while (outcomes.get(member) == Outcome.WAITING) {
        outcomes.wait();
      }
      if (outcomes.containsKey(member)) {
        return outcomes.get(member) == Outcome.THERE;
      }
    }
    return objects.exists(objects.entry(member));
  }

  private Outcome outcome(Key key) {
    synchronized (outcomes) {
      return outcomes.getOrDefault(key, Outcome.WAITING);
    }
  }

  private void ended(Key key, Outcome outcome) {
    synchronized (outcomes) {
      outcomes.put(key, outcome);
      outcomes.notifyAll();
    }
  }

  private boolean submit(ThreadPoolExecutor pool, Runnable work) {
    unfinished.incrementAndGet();
    try {
      pool.execute(
          () -> {
            try {
              work.run();
            } catch (RuntimeException | LinkageError e) { // it would end an executor
              availability.failed("Cannot write to the remote tier", e);
            } finally {
              finished();
            }
          });
      return true;
    } catch (RejectedExecutionException e) { // full, or closed
      counters.dropped.increment();
      finished();
      return false;
    }
  }

  private void finished() {
    synchronized (unfinished) {
      unfinished.decrementAndGet();
      unfinished.notifyAll();
    }
  }

  /** Whether all was written in that time. */
  boolean await(Duration wait) {
    long deadline = System.nanoTime() + wait.toNanos();
    try {
      synchronized (unfinished) {
        long left = deadline - System.nanoTime();
        while (unfinished.get() > 0 && left > 0) {
          unfinished.wait(TimeUnit.NANOSECONDS.toMillis(left) + 1);
          left = deadline - System.nanoTime();
        }
        return unfinished.get() == 0;
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Waits until all is written, but not longer; what is not by then is dropped. */
  void close(Duration wait) {
    if (!await(wait)) {
      counters.dropped.add(unfinished.get());
    }
    entries.shutdownNow();
    sets.shutdownNow();
  }
}
