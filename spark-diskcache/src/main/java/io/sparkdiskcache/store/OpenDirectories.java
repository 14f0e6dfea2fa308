// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;

/**
 * Opened once for each cache directory that this process uses. A directory that cannot be used
 * costs those who ask one attempt; it is tried again now and then, while nobody waits for it. All
 * that is open is closed when the process ends in order, so that nobody takes it for a crash.
 *
 * @param <T> a store
 */
@Internal
public final class OpenDirectories<T> {
  /** A directory that could not be used is tried again after that. */
  public static final Duration RETRY = Duration.ofSeconds(30);

  /** Opens a directory. */
  public interface Opener<T> {
    T open(Path directory) throws StoreException;
  }

  private record Failure(StoreException cause, long nanos) {}

  private final Logger log;
  private final String without;
  private final Consumer<T> closer;
  private final Map<Path, T> open = new HashMap<>();
  private final Map<Path, Failure> failed = new HashMap<>();
  private final Set<Path> trying = new HashSet<>();

  /** Settings of which this process cannot tell the directory. */
  private final Set<String> unnamed = new HashSet<>();

  private boolean ended;

  /**
   * @param name of the thread that closes all at the end of the process
   * @param without a sentence without its stop: what this process does without a directory
   */
  public OpenDirectories(Logger log, String name, String without, Consumer<T> closer) {
    this.log = log;
    this.without = without;
    this.closer = closer;
    Threads.atExit(this::end, name);
  }

  /**
   * Opened at the first call.
   *
   * @param configured see {@link HostDirectory#of}
   * @throws StoreException why it cannot be opened; the same again at later calls
   */
  public T get(String configured, Opener<T> opener) throws StoreException {
    return get(configured, opener, System.nanoTime());
  }

  /**
   * The same at a time.
   *
   * @param now of {@link System#nanoTime}
   */
  public synchronized T get(String configured, Opener<T> opener, long now) throws StoreException {
    Path directory;
    try {
      directory = HostDirectory.of(configured);
    } catch (StoreException e) {
      if (unnamed.add(configured)) {
        log.warn("{}: {}", without, e.getMessage());
      }
      throw e;
    }
    T known = open.get(directory);
    if (known != null) {
      return known;
    }
    if (ended) {
      throw new StoreException(
          "Cannot open cache directory '" + directory + "'",
          "the process ends",
          "Nothing needs to be done");
    }
    Failure failure = failed.get(directory);
    if (failure != null) {
      if (now - failure.nanos > RETRY.toNanos() && trying.add(directory)) {
        Threads.daemon(() -> tryAgain(directory, opener), "diskcache-open").start();
      }
      throw failure.cause;
    }
    try {
      T opened = opener.open(directory);
      open.put(directory, opened);
      return opened;
    } catch (StoreException e) {
      log.warn("{}: {} It is tried again now and then.", without, e.getMessage());
      failed.put(directory, new Failure(e, now));
      throw e;
    }
  }

  private void tryAgain(Path directory, Opener<T> opener) {
    try {
      T opened = opener.open(directory);
      if (!keep(directory, opened)) {
        closer.accept(opened);
      }
    } catch (StoreException e) {
      synchronized (this) {
        failed.computeIfPresent(directory, (d, f) -> new Failure(e, System.nanoTime()));
      }
    } finally {
      synchronized (this) {
        trying.remove(directory);
      }
    }
  }

  /** False if nobody waits for it any more. */
  private synchronized boolean keep(Path directory, T opened) {
    if (ended || failed.remove(directory) == null) {
      return false;
    }
    open.put(directory, opened);
    log.warn("Results are cached in '{}' from now on", directory);
    return true;
  }

  /** All that is open. */
  public synchronized List<T> open() {
    return List.copyOf(open.values());
  }

  /** Closes that of a directory; a later {@link #get} waits for that and opens it anew. */
  public synchronized void close(String configured) {
    unnamed.remove(configured);
    Path directory;
    try {
      directory = HostDirectory.of(configured);
    } catch (StoreException e) {
      return; // none was opened
    }
    failed.remove(directory);
    T closing = open.remove(directory);
    if (closing != null) {
      closer.accept(closing);
    }
  }

  /** Closes all for good, because this process ends. */
  public void end() {
    List<T> closing;
    synchronized (this) {
      ended = true;
      closing = List.copyOf(open.values());
      open.clear();
    }
    closing.forEach(closer);
  }
}
