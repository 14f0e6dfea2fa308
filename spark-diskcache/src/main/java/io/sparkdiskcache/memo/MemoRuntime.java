// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.MemoFunction;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.Threads;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The state that all memoised functions of this process share for one cache directory: the store,
 * what of it is in memory, and the calls that are under way. Opened at the first use, closed with
 * the application, or when the JVM ends.
 */
public final class MemoRuntime {
  private static final Logger log = LoggerFactory.getLogger(MemoRuntime.class);
  private static final long FRONT_BYTES = 128L << 20;
  private static final Map<Path, MemoRuntime> OPEN = new HashMap<>();
  private static final Map<Path, StoreException> FAILED = new HashMap<>();

  static {
    Threads.atExit(MemoRuntime::closeAll, "memo-close");
  }

  private static final Map<MemoFunction, Pace> PACES = new ConcurrentHashMap<>();

  private final MemoStore store;
  private final MemoFront front = new MemoFront(FRONT_BYTES);
  private final Flights flights = new Flights();
  private volatile boolean closed;

  private MemoRuntime(MemoStore store) {
    this.store = store;
    store.onEviction(front::clear);
  }

  private static synchronized MemoRuntime get(String configured) throws StoreException {
    Path directory = HostDirectory.of(configured);
    MemoRuntime runtime = OPEN.get(directory);
    if (runtime != null) {
      return runtime;
    }
    StoreException failure = FAILED.get(directory);
    if (failure != null) {
      throw failure;
    }
    try {
      runtime = new MemoRuntime(MemoStore.open(directory));
    } catch (StoreException e) {
      log.warn("Memoised functions are called for every row in this process: {}", e.getMessage());
      FAILED.put(directory, e);
      throw e;
    }
    OPEN.put(directory, runtime);
    return runtime;
  }

  /** Empty if the directory cannot be used; said once in the log. */
  public static Optional<MemoRuntime> find(String directory) {
    try {
      return Optional.of(get(directory));
    } catch (StoreException e) {
      return Optional.empty(); // logged once by get, or with the directory of relations
    }
  }

  /**
   * The results of a cache directory.
   *
   * @throws StoreException if it cannot be used
   */
  public static MemoStore store(String directory) throws StoreException {
    return get(directory).store;
  }

  /** Writes what waits and closes; a later use opens anew. */
  public static void close(String configured) {
    try {
      close(HostDirectory.of(configured));
    } catch (StoreException e) {
      return; // none was opened
    }
  }

  private static void close(Path directory) {
    MemoRuntime closing;
    synchronized (MemoRuntime.class) {
      FAILED.remove(directory);
      closing = OPEN.remove(directory);
    }
    if (closing != null) {
      closing.closed = true;
      closing.store.close();
    }
  }

  private static void closeAll() {
    List<Path> directories;
    synchronized (MemoRuntime.class) {
      directories = List.copyOf(OPEN.keySet());
    }
    directories.forEach(MemoRuntime::close);
  }

  boolean isClosed() {
    return closed;
  }

  MemoStore store() {
    return store;
  }

  MemoFront front() {
    return front;
  }

  Flights flights() {
    return flights;
  }

  /** Shared by the tasks of this process. */
  static Pace pace(MemoFunction function, double callsPerSecond) {
    return PACES.computeIfAbsent(function, f -> new Pace(callsPerSecond, System::nanoTime));
  }
}
