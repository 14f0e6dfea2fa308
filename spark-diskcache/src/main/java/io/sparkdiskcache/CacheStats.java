// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.remote.RemoteStats;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.MemoTotals;
import io.sparkdiskcache.store.StoreStats;
import java.util.Map;

/**
 * Counters of the cache in this application, and the sizes of its contents.
 *
 * @param hits partitions (file chunks, for row-local plans) found when a relation was first used;
 *     on a cluster a task computes one all the same, and counts it, where a file that a function
 *     read has changed on its host
 * @param savedMillis task time that computing what was found had taken, its share of the stages
 *     below included
 * @param computed partitions (file chunks) computed and written
 * @param stagesSkipped exchanges below relations that were found whole and so not executed
 * @param privateRelations relations kept for this application only, because an input or a setting
 *     moved under them
 * @param audits hits that were computed all the same and compared with what was stored
 * @param auditMismatches audits that found other rows: their functions are not cached any more
 * @param notAudited relations chosen for an audit whose rows may differ from run to run
 * @param refused relations left to Spark, by name of the reason
 * @param withheld partitions (file chunks) that were computed and are not kept, by name of the
 *     reason
 * @param hostsWithoutStore hosts whose processes cannot use their cache directories, or are not set
 *     up as the driver is, and why; the driver's only in local mode
 * @param fetched partitions (file chunks) that tasks fetched from the remote tier
 * @param fromPeers partitions (file chunks) that tasks read from another host of the cluster
 * @param remote the remote tier, as this process used it
 * @param memo memoised functions, of all applications on the driver's host
 * @param store the store of this process
 */
public record CacheStats(
    long hits,
    long savedMillis,
    long computed,
    long stagesSkipped,
    long privateRelations,
    long audits,
    long auditMismatches,
    long notAudited,
    Map<String, Long> refused,
    Map<String, Long> withheld,
    Map<String, String> hostsWithoutStore,
    long fetched,
    long fromPeers,
    RemoteStats remote,
    MemoTotals memo,
    StoreStats store) {

  static CacheStats of(CacheApplication application, MemoTotals memo, StoreStats store) {
    Map<String, Long> refused = new java.util.TreeMap<>();
    application.counters().refused().forEach((code, count) -> refused.put(code.name(), count));
    Map<String, Long> withheld = new java.util.TreeMap<>();
    application.counters().withheld().forEach((why, count) -> withheld.put(why.name(), count));
    return new CacheStats(
        application.counters().hits(),
        application.counters().savedMillis(),
        application.counters().computed(),
        application.counters().stagesSkipped(),
        application.counters().privateRelations(),
        application.counters().audits(),
        application.counters().auditMismatches(),
        application.counters().notAudited(),
        refused,
        withheld,
        application.hostsWithoutStore(),
        application.counters().fetched(),
        application.counters().fromPeers(),
        RemoteTier.stats(application.settings().remote()),
        memo,
        store);
  }
}
