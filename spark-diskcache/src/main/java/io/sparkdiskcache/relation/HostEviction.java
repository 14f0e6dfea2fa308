// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.memo.MemoRuntime;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has the hosts of a cluster remove what they hold: a job with a task for each directory. */
@Internal
public final class HostEviction {
  private static final Logger log = LoggerFactory.getLogger(HostEviction.class);

  private HostEviction() {}

  /**
   * Removes on all hosts that have executors; does nothing in local mode.
   *
   * @param selector of entries and memoised results; null for all entries, and no results
   * @param writer the session whose entries are meant, and no results; null for all
   * @return bytes freed
   */
  public static long evict(
      SparkContext context,
      StoreOptions options,
      @Nullable String selector,
      @Nullable String writer) {
    return onHosts(context, new Removal(options, selector, writer, false));
  }

  /** The bytes that {@link #evict} of a selector would free; removes nothing. */
  public static long wouldEvict(SparkContext context, StoreOptions options, String selector) {
    return onHosts(context, new Removal(options, selector, null, true));
  }

  private static long onHosts(SparkContext context, Removal removal) {
    Optional<ClusterLookup> cluster = ClusterLookup.of(context);
    if (cluster.isEmpty()) {
      return 0;
    }
    Set<String> silent = new HashSet<>(cluster.get().directory().directories());
    long bytes = 0;
    for (Freed freed :
        cluster.get().ask("diskcache: evict", List.copyOf(silent), d -> d, removal)) {
      silent.remove(freed.directory());
      bytes += freed.bytes();
    }
    if (!silent.isEmpty()) {
      log.warn(
          "Nothing was {} on {}: no executor there has run the task. {} again, or use the command line there.",
          removal.looksOnly() ? "counted" : "evicted",
          silent.stream().map(ClusterDirectory::host).toList(),
          removal.looksOnly() ? "Count" : "Evict");
    }
    return bytes;
  }

  private record Freed(String directory, long bytes) implements Serializable {}

  /** Runs in tasks; what it is asked is a directory. */
  private record Removal(
      StoreOptions options, @Nullable String selector, @Nullable String writer, boolean looksOnly)
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
      if (writer != null) {
        return new Freed(wanted, store.map(s -> evictOf(s, parsed, writer)).orElse(0L));
      }
      long bytes =
          store
              .map(s -> looksOnly ? bytes(s.select(parsed), Entry::bytes) : s.evict(parsed))
              .orElse(0L);
      String configured = options.directory();
      if (parsed.mayMeanMemo() && MemoStore.exists(HostDirectory.of(configured))) {
        MemoStore memo = MemoRuntime.store(configured);
        List<MemoEntry> entries = memo.entries(parsed);
        bytes += looksOnly ? bytes(entries, MemoEntry::bytes) : memo.remove(entries);
      }
      return new Freed(wanted, bytes);
    }

    private static <T> long bytes(List<T> of, ToLongFunction<T> size) {
      return of.stream().mapToLong(size).sum();
    }

    private static long evictOf(DiskStore store, Selector selector, String writer) {
      Set<Key> chosen =
          store.select(selector).stream()
              .filter(entry -> entry.session().equals(writer))
              .map(Entry::key)
              .collect(Collectors.toSet());
      return store.evict(entry -> chosen.contains(entry.key()) && entry.session().equals(writer));
    }
  }
}
