// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.MemoFunction;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.OpenDirectories;
import io.sparkdiskcache.store.StoreException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.LoggerFactory;

/**
 * The state that all memoised functions of this process share for one cache directory: the store,
 * what of it is in memory, and the calls that are under way. Opened at the first use, closed with
 * the application, or when the JVM ends.
 */
@Internal
public final class MemoRuntime {
  private static final long FRONT_BYTES = 128L << 20;

  private static final OpenDirectories<MemoRuntime> RUNTIMES =
      new OpenDirectories<>(
          LoggerFactory.getLogger(MemoRuntime.class),
          "memo-close",
          "Memoised functions are called for every row in this process",
          MemoRuntime::close);

  private static final Map<MemoFunction, Pace> PACES = new ConcurrentHashMap<>();

  private final MemoStore store;
  private final MemoFront front = new MemoFront(FRONT_BYTES);
  private final Flights flights = new Flights();
  private volatile boolean closed;

  private MemoRuntime(MemoStore store) {
    this.store = store;
    store.onEviction(front::clear);
  }

  private static MemoRuntime get(String configured) throws StoreException {
    return RUNTIMES.get(configured, directory -> new MemoRuntime(MemoStore.open(directory)));
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

  /** Writes the results that wait and closes; a later use opens anew. */
  public static void close(String configured) {
    RUNTIMES.close(configured);
  }

  private void close() {
    closed = true;
    store.close();
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
