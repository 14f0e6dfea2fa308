// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.ColumnPrecision;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.sql.execution.SparkPlan;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How much of a relation is stored, for those who only look.
 *
 * @param found units that are stored
 * @param wanted units there are; 0 where only an execution could tell
 * @param bytes size of what is stored
 * @param computeTime task time that computing it took, without the stages below
 * @param complete whether a query would compute nothing
 * @param entries of what is stored
 */
record StoredPart(
    int found,
    int wanted,
    long bytes,
    Duration computeTime,
    boolean complete,
    List<Entry> entries) {
  private static final Logger log = LoggerFactory.getLogger(StoredPart.class);
  private static final StoredPart NOTHING =
      new StoredPart(0, 0, 0, Duration.ZERO, false, List.of());

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
    return of(set.entries(), set.entries().size());
  }

  private static StoredPart of(List<Key> keys, Map<Key, Entry> found) {
    return of(found.values(), (int) keys.stream().distinct().count());
  }

  private static StoredPart of(Collection<Entry> found, int wanted) {
    Duration computing = Duration.ZERO;
    long bytes = 0;
    for (Entry entry : found) {
      computing = computing.plus(entry.meta().computeTime());
      bytes += entry.bytes();
    }
    return new StoredPart(
        found.size(), wanted, bytes, computing, found.size() == wanted, List.copyOf(found));
  }

  /**
   * What became of the columns that need not be exact, all files together.
   *
   * @param encryption of the entries; null if they are plain
   */
  List<ColumnPrecision> precision(@Nullable Encryption encryption) {
    SortedMap<Integer, ColumnPrecision> columns = new TreeMap<>();
    for (Entry entry : entries) {
      try {
        MappedEntry.precision(entry.path(), Encryption.ofEntry(encryption, entry.key().hex()))
            .forEach(column -> columns.merge(column.column(), column, ColumnPrecision::and));
      } catch (IOException e) {
        log.info("What is kept in {} cannot be told: {}", entry.path(), e.toString());
      }
    }
    return List.copyOf(columns.values());
  }

  /** Where the store cannot be used. */
  static StoredPart nothing() {
    return NOTHING;
  }
}
