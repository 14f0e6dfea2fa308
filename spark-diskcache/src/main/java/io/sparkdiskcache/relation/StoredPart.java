// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.execution.SparkPlan;

/**
 * How much of a relation is stored, for those who only look.
 *
 * @param found units that are stored
 * @param wanted units there are; 0 where only an execution could tell
 * @param bytes size of what is stored
 * @param complete whether a query would compute nothing
 */
record StoredPart(int found, int wanted, long bytes, boolean complete) {
  private static final StoredPart NOTHING = new StoredPart(0, 0, 0, false);

  /** Runs no job and changes nothing. */
  static StoredPart of(DiskCachedRelationBuilder builder, Accepted now, DiskStore store) {
    if (now.planClass() == PlanClass.ROW_LOCAL) {
      List<Key> keys = now.chunks().stream().map(chunk -> Units.chunkKey(now, chunk)).toList();
      return of(keys, store.findAll(keys));
    }
    SparkPlan plan = builder.cachedPlan();
    if (now.planClass() == PlanClass.PARTITION_LOCAL && !PlanShapes.runsJobs(plan)) {
      Optional<List<Key>> keys =
          builder
              .materialization()
              .map(built -> built.rdd().unitKeys())
              .or(() -> Units.ofPartitions(now, plan.execute()).map(StoredPart::keys));
      if (keys.isPresent()) {
        return of(keys.get(), store.findAll(keys.get()));
      }
    }
    return store.findSet(Units.setKey(now)).map(StoredPart::of).orElse(NOTHING);
  }

  private static List<Key> keys(List<List<CacheUnit>> units) {
    return units.stream().flatMap(List::stream).map(CacheUnit::storeKey).toList();
  }

  private static StoredPart of(EntrySet set) {
    int n = set.entries().size();
    return new StoredPart(n, n, set.bytes(), true);
  }

  private static StoredPart of(List<Key> keys, Map<Key, Entry> found) {
    int wanted = (int) keys.stream().distinct().count();
    long bytes = found.values().stream().mapToLong(Entry::bytes).sum();
    return new StoredPart(found.size(), wanted, bytes, found.size() == wanted);
  }

  /** Where the store cannot be used. */
  static StoredPart nothing() {
    return NOTHING;
  }
}
