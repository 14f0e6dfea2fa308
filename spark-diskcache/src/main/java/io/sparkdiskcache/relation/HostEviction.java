// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.memo.MemoRuntime;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has the hosts of a cluster remove what they hold: a job with a task for each directory. */
public final class HostEviction {
  private static final Logger log = LoggerFactory.getLogger(HostEviction.class);

  private HostEviction() {}

  /**
   * Removes on all hosts that have executors; does nothing in local mode.
   *
   * @param selector of entries and memoised results; null for all entries, and no results
   * @return bytes freed
   */
  public static long evict(SparkContext context, StoreOptions options, @Nullable String selector) {
    Optional<ClusterLookup> cluster = ClusterLookup.of(context);
    if (cluster.isEmpty()) {
      return 0;
    }
    Set<String> silent = new HashSet<>(cluster.get().directory().directories());
    long bytes = 0;
    for (Freed freed :
        cluster
            .get()
            .ask("diskcache: evict", List.copyOf(silent), d -> d, new Removal(options, selector))) {
      silent.remove(freed.directory());
      bytes += freed.bytes();
    }
    if (!silent.isEmpty()) {
      log.warn(
          "Nothing was evicted on {}: no executor there has run the task. Evict again, or use the command line there.",
          silent.stream().map(ClusterDirectory::host).toList());
    }
    return bytes;
  }

  private record Freed(String directory, long bytes) implements Serializable {}

  /** Runs in tasks; what it is asked is a directory. */
  private record Removal(StoreOptions options, @Nullable String selector)
      implements Function<String, Freed> {
    @Override
    public Freed call(String wanted) throws StoreException {
      Optional<ExecutorInventory> cluster = ExecutorInventory.process();
      if (cluster.isEmpty() || !WrongHost.isHere(cluster.get(), wanted)) {
        return new Freed("", 0);
      }
      Optional<DiskStore> store =
          ProcessStores.find(options); // a host that cannot use it has nothing
      if (selector == null) {
        return new Freed(wanted, store.map(DiskStore::clear).orElse(0L));
      }
      Selector parsed = Selector.parse(selector);
      long bytes = store.map(s -> s.evict(parsed)).orElse(0L);
      Path configured = options.path();
      if (parsed.mayMeanMemo() && MemoStore.exists(HostDirectory.at(configured))) {
        MemoStore memo = MemoRuntime.store(configured);
        bytes += memo.remove(memo.entries(parsed));
      }
      return new Freed(wanted, bytes);
    }
  }
}
