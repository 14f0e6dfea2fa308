// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.conf.DiskCacheConf;
import io.sparkdiskcache.conf.SqlFunctions;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.MemoEntry;
import io.sparkdiskcache.store.MemoUse;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import scala.jdk.javaapi.OptionConverters;

/**
 * The entries that a session may see, and evict, by SQL.
 *
 * @param session whose functions are called
 * @param cache all of it
 * @param own the session to whose entries it is limited; empty for none
 */
record SessionView(
    org.apache.spark.sql.classic.SparkSession session, DiskCache cache, Optional<String> own) {
  /** With it all connections to a Thrift server share the session that the server began with. */
  private static final String SHARED = "spark.sql.hive.thriftServer.singleSession";

  /**
   * @param function that is called
   * @throws IllegalArgumentException if functions are switched off
   */
  static SessionView of(SparkSession session, String function) {
    DiskCache cache = DiskCache.of(session);
    org.apache.spark.sql.classic.SparkSession classic =
        (org.apache.spark.sql.classic.SparkSession) session;
    SqlFunctions allowed = CacheApplication.of(classic.sparkContext()).settings().sqlFunctions();
    if (allowed == SqlFunctions.OFF) {
      throw new IllegalArgumentException(
          "Cannot call %s: %s is off. The administrator of the application can change it."
              .formatted(function, DiskCacheConf.SQL_FUNCTIONS.key()));
    }
    boolean all = allowed == SqlFunctions.ALL || isPrograms(classic);
    return new SessionView(
        classic, cache, all ? Optional.empty() : Optional.of(classic.sessionUUID()));
  }

  /**
   * Whether it is the session that the driver's own program began with, which can do anything
   * anyway. Servers give their users others, whatever server it is.
   */
  private static boolean isPrograms(org.apache.spark.sql.classic.SparkSession session) {
    boolean first =
        OptionConverters.toJava(SparkSession.getDefaultSession())
            .filter(of -> of == session)
            .isPresent();
    return first && !session.sparkContext().getConf().getBoolean(SHARED, false);
  }

  SparkContext context() {
    return session.sparkContext();
  }

  List<Entry> entries() {
    return cache.entries().stream().filter(this::mayTouch).toList();
  }

  List<Entry> select(String selector) {
    return cache.select(selector).stream().filter(this::mayTouch).toList();
  }

  /** Results of memoised functions are of nobody's session. */
  List<MemoEntry> selectMemo(String selector) {
    return own.isPresent() ? List.of() : cache.selectMemo(selector);
  }

  List<MemoUse> memoStats() {
    return own.isPresent() ? List.of() : cache.memoStats();
  }

  /** Removes what was selected here, and what of it other hosts hold. */
  void evict(String selector, List<Entry> selected, List<MemoEntry> memo) {
    Set<Key> chosen = selected.stream().map(Entry::key).collect(Collectors.toSet());
    long unused = cache.evict(entry -> chosen.contains(entry.key()) && mayTouch(entry));
    if (own.isPresent()) {
      unused += cache.evictOnHosts(selector, own.get());
    } else {
      unused += cache.evictMemoHere(memo) + cache.evictElsewhere(selector);
    }
  }

  private boolean mayTouch(Entry entry) {
    return own.isEmpty() || own.get().equals(entry.session());
  }
}
