// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One open store per cache directory in this process, shared by driver and tasks. */
public final class ProcessStores {
  private static final Logger log = LoggerFactory.getLogger(ProcessStores.class);

  private static final Map<Path, DiskStore> OPEN = new HashMap<>();
  private static final Map<Path, StoreException> FAILED = new HashMap<>();

  /** Of which this process cannot tell the directory. */
  private static final Set<String> UNNAMED = new HashSet<>();

  private ProcessStores() {}

  /**
   * The store of a directory, opened at the first call.
   *
   * @throws StoreException why it cannot be opened; the same again at every later call, so that a
   *     broken directory costs one attempt
   */
  public static synchronized DiskStore get(StoreOptions options) throws StoreException {
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
    StoreException failure = FAILED.get(directory);
    if (failure != null) {
      throw failure;
    }
    try {
      store = DiskStore.open(options.at(directory));
    } catch (StoreException e) {
      log.warn("Nothing is cached on disk in this process: {}", e.getMessage());
      FAILED.put(directory, e);
      throw e;
    }
    OPEN.put(directory, store);
    return store;
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
}
