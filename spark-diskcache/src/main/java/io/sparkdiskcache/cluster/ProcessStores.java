// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.OpenDirectories;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.util.List;
import java.util.Optional;
import org.slf4j.LoggerFactory;

/** One open store per cache directory in this process, shared by driver and tasks. */
@Internal
public final class ProcessStores {
  private static final OpenDirectories<DiskStore> STORES =
      new OpenDirectories<>(
          LoggerFactory.getLogger(ProcessStores.class),
          "diskcache-close",
          "Nothing is cached on disk in this process",
          DiskStore::close);

  private ProcessStores() {}

  /**
   * The store of a directory, opened at the first call.
   *
   * @throws StoreException why it cannot be opened, see {@link OpenDirectories}
   */
  public static DiskStore get(StoreOptions options) throws StoreException {
    return get(options, System.nanoTime());
  }

  static DiskStore get(StoreOptions options, long now) throws StoreException {
    return STORES.get(options.directory(), directory -> DiskStore.open(options.at(directory)), now);
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
  public static List<DiskStore> open() {
    return STORES.open();
  }

  /** Closes the store of a directory; a later {@link #get} opens it anew. */
  public static void close(String configured) {
    STORES.close(configured);
  }

  /** Closes all stores for good, because this process ends. */
  public static void end() {
    STORES.end();
  }
}
