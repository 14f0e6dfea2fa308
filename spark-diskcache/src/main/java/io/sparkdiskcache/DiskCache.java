// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.relation.RelationInspector;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Selector;
import io.sparkdiskcache.store.StoreException;
import java.util.List;
import java.util.function.Predicate;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.CachedData;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import scala.Option;

/**
 * The cache of a session, for code that wants more of it than {@code df.cache()} gives: reasons,
 * contents, eviction. Cheap to make; holds no resources.
 */
public final class DiskCache {
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
   * As {@code df.persist(options.storageLevel())}, with the options remembered for its entries.
   *
   * @throws IllegalArgumentException if the frame is cached already under another input version or
   *     precision
   */
  public <T> Dataset<T> persist(Dataset<T> df, CacheOptions options) {
    PrecisionPolicy precision = options.policy();
    Dataset<T> persisted = df.persist(options.storageLevel());
    if (!options.equals(CacheOptions.defaults().withStorageLevel(options.storageLevel()))) {
      Option<CachedData> data =
          session
              .sharedState()
              .cacheManager()
              .lookupCachedData((org.apache.spark.sql.classic.Dataset<T>) df);
      if (data.isDefined()) {
        CachedRDDBuilder builder = data.get().cachedRepresentation().cacheBuilder();
        if (!options.tag().isEmpty()) {
          application.tag(builder, options.tag());
        }
        if (!options.inputVersion().isEmpty()) {
          application.inputVersion(builder, options.inputVersion());
        }
        if (!options.precision().isEmpty()) {
          application.precision(builder, precision);
        }
      }
    }
    return persisted;
  }

  /** What the cache makes of a query, and why. Runs no job and changes nothing. */
  public ExplainReport explain(Dataset<?> df) {
    return new ExplainReport(
        new RelationInspector(session).inspect((org.apache.spark.sql.classic.Dataset<?>) df));
  }

  /** Everything stored in the cache directory, of all applications. */
  public List<Entry> entries() {
    return store().entries();
  }

  /** Counters of this application and the size of the store. */
  public CacheStats stats() {
    return CacheStats.of(application, store().stats());
  }

  /**
   * Removes the entries that {@code selector} holds for.
   *
   * @return bytes freed
   */
  public long evict(Predicate<Entry> selector) {
    return store().evict(selector);
  }

  /**
   * Removes what a selector such as {@code tag=nightly older=7d} selects.
   *
   * @return bytes freed
   * @throws IllegalArgumentException if it is not one, see {@link Selector}
   */
  public long evict(String selector) {
    return store().evict(Selector.parse(selector));
  }

  /** What {@link #evict(String)} would remove, oldest first. */
  public List<Entry> select(String selector) {
    return store().select(Selector.parse(selector));
  }

  /**
   * Removes everything that is stored. Relations in use keep what they have open.
   *
   * @return bytes freed
   */
  public long clear() {
    return store().clear();
  }

  private DiskStore store() {
    try {
      return application.store();
    } catch (StoreException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }
}
