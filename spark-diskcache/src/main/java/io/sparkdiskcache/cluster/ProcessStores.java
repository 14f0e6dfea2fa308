// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.Threads;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One open store per cache directory in this process, shared by driver and tasks. All are closed
 * when the process ends in order, so that nobody takes it for a crash.
 */
public final class ProcessStores {
  private static final Logger log = LoggerFactory.getLogger(ProcessStores.class);

  /** A directory that could not be used is tried again after that, while nobody waits for it. */
  static final Duration RETRY = Duration.ofSeconds(30);

  private static final Map<Path, DiskStore> OPEN = new HashMap<>();
  private static final Map<Path, Failure> FAILED = new HashMap<>();
  private static final Set<Path> TRYING = new HashSet<>();
  private static boolean ended;

  private record Failure(StoreException cause, long nanos) {}

  static {
    Threads.atExit(ProcessStores::end, "diskcache-close");
  }

  /** Of which this process cannot tell the directory. */
  private static final Set<String> UNNAMED = new HashSet<>();

  private ProcessStores() {}

  /**
   * The store of a directory, opened at the first call.
   *
   * @throws StoreException why it cannot be opened; the same again at later calls, so that a broken
   *     directory costs those who ask one attempt
   */
  public static DiskStore get(StoreOptions options) throws StoreException {
    return get(options, System.nanoTime());
  }

  static synchronized DiskStore get(StoreOptions options, long now) throws StoreException {
    Path directory;
    try {
      directory = HostDirectory.of(options.directory());
    } catch (StoreException e) {
      if (UNNAMED.add(options.directory())) {
        log.warn("Nothing is cached on disk in this process: {}", e.getMessage());
      }
      throw e;
    }
    DiskStore store = OPEN.get(directory);
    if (store != null) {
      return store;
    }
    if (ended) {
      throw new StoreException(
          "Cannot open cache directory '" + directory + "'",
          "the process ends",
          "Nothing needs to be done");
    }
    Failure failure = FAILED.get(directory);
    if (failure != null) {
      if (now - failure.nanos > RETRY.toNanos() && TRYING.add(directory)) {
        Threads.daemon(() -> tryAgain(options, directory), "diskcache-open").start();
      }
      throw failure.cause;
    }
    try {
      store = DiskStore.open(options.at(directory));
    } catch (StoreException e) {
      log.warn(
          "Nothing is cached on disk in this process: {} It is tried again now and then.",
          e.getMessage());
      FAILED.put(directory, new Failure(e, now));
      throw e;
    }
    OPEN.put(directory, store);
    return store;
  }

  private static void tryAgain(StoreOptions options, Path directory) {
    try {
      DiskStore store = DiskStore.open(options.at(directory));
      if (!keep(directory, store)) {
        store.close();
      }
    } catch (StoreException e) {
      synchronized (ProcessStores.class) {
        FAILED.computeIfPresent(directory, (d, f) -> new Failure(e, System.nanoTime()));
      }
    } finally {
      synchronized (ProcessStores.class) {
        TRYING.remove(directory);
      }
    }
  }

  /** False if nobody waits for it any more. */
  private static synchronized boolean keep(Path directory, DiskStore store) {
    if (ended || FAILED.remove(directory) == null) {
      return false;
    }
    OPEN.put(directory, store);
    log.warn("Results are cached in '{}' from now on", directory);
    return true;
  }

  /** The store if it can be had; a task without one computes. */
  public static Optional<DiskStore> find(StoreOptions options) {
    try {
      return Optional.of(get(options));
    } catch (StoreException e) {
      return Optional.empty(); // logged once by get
    }
  }

  /** Why there is no store; empty if there is one. */
  public static Optional<String> problem(StoreOptions options) {
    try {
      DiskStore unused = get(options);
      return Optional.empty();
    } catch (StoreException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    }
  }

  /** All stores that are open. */
  public static synchronized List<DiskStore> open() {
    return List.copyOf(OPEN.values());
  }

  /** Closes the store of a directory; a later {@link #get} opens it anew. */
  public static synchronized void close(String configured) {
    UNNAMED.remove(configured);
    Path directory;
    try {
      directory = HostDirectory.of(configured);
    } catch (StoreException e) {
      return; // none was opened
    }
    FAILED.remove(directory);
    DiskStore store = OPEN.remove(directory);
    if (store != null) {
      store.close();
    }
  }

  /** Closes all stores for good, because this process ends. */
  public static void end() {
    List<DiskStore> open;
    synchronized (ProcessStores.class) {
      ended = true;
      open = List.copyOf(OPEN.values());
      OPEN.clear();
    }
    open.forEach(DiskStore::close);
  }
}
