// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.conf.DiskCacheConf;
import io.sparkdiskcache.memo.HomedRows;
import io.sparkdiskcache.memo.MemoOptions;
import io.sparkdiskcache.memo.MemoRemote;
import io.sparkdiskcache.memo.MemoRuntime;
import io.sparkdiskcache.memo.Memoizer;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.relation.HostEviction;
import io.sparkdiskcache.relation.RelationInspector;
import io.sparkdiskcache.remote.RemoteMemo;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoStore;
import io.sparkdiskcache.store.MemoTotals;
import io.sparkdiskcache.store.MemoUse;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreStats;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.api.java.UDF3;
import org.apache.spark.sql.api.java.UDF4;
import org.apache.spark.sql.api.java.UDF5;
import org.apache.spark.sql.execution.CachedData;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;

/**
 * The cache of a session, for code that wants more of it than {@code df.cache()} gives: reasons,
 * contents, eviction. Cheap to make; holds no resources.
 */
public final class DiskCache {
  private static final Logger log = LoggerFactory.getLogger(DiskCache.class);

  private final org.apache.spark.sql.classic.SparkSession session;
  private final CacheApplication application;

  private DiskCache(org.apache.spark.sql.classic.SparkSession session) {
    this.session = session;
    this.application = CacheApplication.of(session.sparkContext());
  }

  /**
   * The cache of a session.
   *
   * @throws IllegalArgumentException on a bad configuration value, or for a Spark Connect client,
   *     which has no access to the driver
   */
  public static DiskCache of(SparkSession session) {
    if (session instanceof org.apache.spark.sql.classic.SparkSession classic) {
      return new DiskCache(classic);
    }
    throw new IllegalArgumentException(
        "Cannot inspect the cache through "
            + session.getClass().getName()
            + ": it runs in Spark's driver. df.cache() works through Spark Connect all the same.");
  }

  /** As {@code df.cache()}. */
  public <T> Dataset<T> persist(Dataset<T> df) {
    return persist(df, CacheOptions.defaults());
  }

  /**
   * As {@code df.persist(options.storageLevel())}, with the options remembered for its entries. A
   * frame that is cached already, with rows older than {@code options.ttl()}, is unpersisted first.
   *
   * @throws IllegalArgumentException if the frame is cached already under another input version or
   *     precision
   */
  public <T> Dataset<T> persist(Dataset<T> df, CacheOptions options) {
    PrecisionPolicy precision = options.policy();
    if (application.isOlder(builder(df), options.ttl())) {
      df.unpersist();
    }
    Dataset<T> persisted = df.persist(options.storageLevel());
    if (!options.equals(CacheOptions.defaults().withStorageLevel(options.storageLevel()))) {
      CachedRDDBuilder builder = builder(df);
      if (builder != null) {
        if (!options.tag().isEmpty()) {
          application.tag(builder, options.tag());
        }
        if (!options.inputVersion().isEmpty()) {
          application.inputVersion(builder, options.inputVersion());
        }
        if (!options.precision().isEmpty()) {
          application.precision(builder, precision);
        }
        if (!options.ttl().isZero()) {
          application.ttl(builder, options.ttl());
        }
      }
    }
    return persisted;
  }

  /** Null for a frame that is not cached. */
  private @Nullable CachedRDDBuilder builder(Dataset<?> df) {
    Option<CachedData> data =
        session
            .sharedState()
            .cacheManager()
            .lookupCachedData((org.apache.spark.sql.classic.Dataset<?>) df);
    return data.isDefined() ? data.get().cachedRepresentation().cacheBuilder() : null;
  }

  /** Whether a query is a hit, a miss or refused, and why. Runs no job and changes nothing. */
  public ExplainReport explain(Dataset<?> df) {
    return new ExplainReport(
        new RelationInspector(session).inspect((org.apache.spark.sql.classic.Dataset<?>) df));
  }

  /**
   * Everything stored in the cache directory of the driver's host, of all applications; nothing if
   * it cannot be used, which {@link #stats} tells.
   */
  public List<Entry> entries() {
    return application.findStore().map(DiskStore::entries).orElse(List.of());
  }

  /**
   * Counters of this application and the size of the store of this process. Where there is none
   * {@link CacheStats#hostsWithoutStore} says why.
   */
  public CacheStats stats() {
    return CacheStats.of(
        application,
        memoTotals(),
        application.findStore().map(DiskStore::stats).orElse(StoreStats.NONE));
  }

  /** Looking creates nothing; a ledger that cannot be read says so where it is asked for itself. */
  private MemoTotals memoTotals() {
    try {
      Path directory = HostDirectory.of(application.settings().directory());
      return MemoStore.exists(directory) ? MemoTotals.of(memo().ledger()) : MemoTotals.NONE;
    } catch (StoreException e) {
      log.warn("The counts of memoised functions are missing: {}", e.getMessage());
      return MemoTotals.NONE;
    }
  }

  /**
   * Removes the entries on the driver's host that {@code selector} holds for.
   *
   * @return bytes freed
   */
  public long evict(Predicate<Entry> selector) {
    return ofStore(store -> store.evict(selector), 0L);
  }

  /**
   * Removes what a selector such as {@code tag=nightly older=7d} selects: entries and memoised
   * results on all hosts that have executors, and memoised results in the remote tier.
   *
   * @return bytes freed on the hosts
   * @throws IllegalArgumentException if it is not one, see {@link Selector}
   * @throws IllegalStateException if the remote system does not remove results
   */
  public long evict(String selector) {
    Selector parsed = Selector.parse(selector);
    long bytes = ofStore(store -> store.evict(parsed), 0L) + evictMemoHere(selectMemo(selector));
    return bytes + evictElsewhere(selector);
  }

  /**
   * The bytes that {@link #evict(String)} would free on the hosts; removes nothing.
   *
   * @throws IllegalArgumentException if it is not a selector
   */
  public long wouldEvict(String selector) {
    long bytes = select(selector).stream().mapToLong(Entry::bytes).sum();
    bytes += selectMemo(selector).stream().mapToLong(MemoEntry::bytes).sum();
    return bytes
        + HostEviction.wouldEvict(session.sparkContext(), application.settings().store(), selector);
  }

  /**
   * Evicts what other hosts hold, and have written to the remote tier; returns the bytes freed on
   * the hosts.
   */
  long evictElsewhere(String selector) {
    Selector parsed = Selector.parse(selector);
    Instant now = Instant.now();
    long bytes = evictOnHosts(selector, null);
    if (parsed.mayMeanMemo()) {
      inRemoteMemo(remote -> remote.removeAll(entry -> parsed.matches(entry, now)));
    }
    return bytes;
  }

  /**
   * @param selector null for all entries
   * @param writer the session whose entries are meant; null for all, and memoised results too
   */
  long evictOnHosts(@Nullable String selector, @Nullable String writer) {
    return HostEviction.evict(
        session.sparkContext(), application.settings().store(), selector, writer);
  }

  private void inRemoteMemo(RemoteRemoval removal) {
    RemoteOptions remote = application.settings().remote();
    Optional<RemoteTier> tier = RemoteTier.of(remote, session.sparkContext().hadoopConfiguration());
    if (tier.isPresent()) {
      try {
        removal.from(tier.get().memo());
      } catch (IOException e) {
        throw new IllegalStateException(
            "Cannot remove memoised results from %s: %s. Evict them again when it answers."
                .formatted(remote.directory(), e.getMessage()),
            e);
      }
    }
  }

  private interface RemoteRemoval {
    void from(RemoteMemo remote) throws IOException;
  }

  /**
   * Removes results of memoised functions, also from the remote tier.
   *
   * @return bytes freed on the driver's host
   * @throws IllegalStateException if the remote system does not remove them
   */
  public long evictMemo(List<MemoEntry> entries) {
    long bytes = evictMemoHere(entries);
    inRemoteMemo(remote -> remote.remove(entries));
    return bytes;
  }

  /** On the driver's host only; bytes freed. */
  long evictMemoHere(List<MemoEntry> entries) {
    return ofMemo(memo -> memo.remove(entries), 0L);
  }

  /** The entries of relations that {@link #evict(String)} would remove, oldest first. */
  public List<Entry> select(String selector) {
    Selector parsed = Selector.parse(selector);
    return ofStore(store -> store.select(parsed), List.of());
  }

  /** The memoised results that {@link #evict(String)} would remove, oldest first. */
  public List<MemoEntry> selectMemo(String selector) {
    Selector parsed = Selector.parse(selector);
    return ofMemo(memo -> memo.entries(parsed), List.of());
  }

  /** Calls, hits, time and money of memoised functions, by day; nothing if they cannot be read. */
  public List<MemoUse> memoStats() {
    try {
      return memo().ledger();
    } catch (StoreException e) {
      log.warn("The ledger of memoised functions cannot be read: {}", e.getMessage());
      return List.of();
    }
  }

  /**
   * A column function that calls {@code function} once per distinct input, whichever application,
   * process or task sees it first. For the DataFrame API, and for {@code spark.udf().register}.
   *
   * @throws IllegalArgumentException if the function's code or captured values have no identity, or
   *     arguments or results no encoding
   */
  @SuppressWarnings("overloads") // a lambda needs a cast to either
  public UserDefinedFunction memoize(UDF1<?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /** As for a {@link UDF1}; the function must be serializable. */
  @SuppressWarnings("overloads")
  public UserDefinedFunction memoize(Function<?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /** As for a {@link UDF1}. */
  public UserDefinedFunction memoize(UDF2<?, ?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /** As for a {@link UDF1}. */
  public UserDefinedFunction memoize(
      UDF3<?, ?, ?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /** As for a {@link UDF1}. */
  public UserDefinedFunction memoize(
      UDF4<?, ?, ?, ?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /** As for a {@link UDF1}. */
  public UserDefinedFunction memoize(
      UDF5<?, ?, ?, ?, ?, ?> function, DataType type, MemoOptions options) {
    return memoizer().memoize(function, type, options);
  }

  /**
   * {@code df} with a column that a memoised function makes of others, each row on the host where
   * the result of its arguments is, if one has run it before: the partitions are by the hash of the
   * arguments, and have their homes among the hosts. For clusters; needs a shuffle, which is
   * executed at once where plans are adaptive.
   *
   * @param name of the new column
   * @param function of {@link #memoize}
   */
  public Dataset<Row> memoApply(
      Dataset<Row> df, String name, UserDefinedFunction function, Column... arguments) {
    return HomedRows.of(df, arguments).withColumn(name, function.apply(arguments));
  }

  /**
   * Removes everything that is stored of relations, on all hosts that have executors; results of
   * memoised functions stay, see {@link #evict(String)}. Relations in use keep what they have open.
   *
   * @return bytes freed
   */
  public long clear() {
    return ofStore(DiskStore::clear, 0L) + evictOnHosts(null, null);
  }

  private Memoizer memoizer() {
    return new Memoizer(
        Thread.currentThread().getContextClassLoader(),
        keptMemoDirectory(),
        MemoRemote.of(application.settings().remote(), session.sparkContext()));
  }

  /** Empty where the cache is off, or must not write what is not encrypted. */
  private String keptMemoDirectory() {
    String enabled =
        session
            .conf()
            .get(DiskCacheConf.ENABLED.key(), Boolean.toString(application.settings().enabled()));
    return DiskCacheConf.ENABLED.parse(enabled) && application.keepsMemo() ? memoDirectory() : "";
  }

  /**
   * As {@link #keptMemoDirectory}, examined where this process runs the tasks: for those who open
   * it by other means.
   */
  String usableMemoDirectory() {
    String directory = keptMemoDirectory();
    boolean here = session.sparkContext().isLocal();
    return directory.isEmpty() || (here && MemoRuntime.find(directory).isEmpty()) ? "" : directory;
  }

  /** Effects of a Python function besides its rows; empty if there are none, or unknown. */
  String impure(String digest) {
    try {
      return application.store().functions().impure(digest).orElse("");
    } catch (StoreException e) {
      return ""; // nothing is cached then
    }
  }

  String remoteDirectory() {
    return application.settings().remote().directory();
  }

  private String memoDirectory() {
    String directory = application.settings().directory();
    application.atEnd("memo", () -> MemoRuntime.close(directory));
    if (!application.settings().fileSystems().isEmpty()) {
      // Remembers in the directory what is accepted, for processes that are told its path only.
      boolean unused = ofStore(store -> true, false);
    }
    return directory;
  }

  private MemoStore memo() throws StoreException {
    return MemoRuntime.store(memoDirectory());
  }

  private interface MemoQuestion<T> {
    T of(MemoStore memo) throws StoreException;
  }

  /**
   * @param otherwise on a cluster whose driver has no store
   */
  private <T> T ofMemo(MemoQuestion<T> question, T otherwise) {
    try {
      return question.of(memo());
    } catch (StoreException e) {
      if (application.needsStoreHere()) {
        throw new IllegalStateException(e.getMessage(), e);
      }
      return otherwise;
    }
  }

  /**
   * @param otherwise on a cluster whose driver has no store
   */
  private <T> T ofStore(Function<DiskStore, T> question, T otherwise) {
    try {
      return question.apply(application.store());
    } catch (StoreException e) {
      if (application.needsStoreHere()) {
        throw new IllegalStateException(e.getMessage(), e);
      }
      return otherwise;
    }
  }
}
