// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.ColumnPrecision;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.FileLook;
import io.sparkdiskcache.store.FileRead;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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
 * @param computeTime task time that computing it took, with the stages below
 * @param complete whether a query would compute nothing
 * @param entries of what is stored
 * @param tooOld units that are stored and older than the relation's time to live
 * @param changed units that are stored and not used, by the file that a function read for them and
 *     that has changed since
 */
record StoredPart(
    int found,
    int wanted,
    long bytes,
    Duration computeTime,
    boolean complete,
    List<Entry> entries,
    int tooOld,
    Map<FileRead, Integer> changed) {
  private static final Logger log = LoggerFactory.getLogger(StoredPart.class);
  private static final StoredPart NOTHING =
      new StoredPart(0, 0, 0, Duration.ZERO, false, List.of(), 0, Map.of());

  /** Runs no job and changes nothing. */
  static StoredPart of(DiskCachedRelationBuilder builder, Accepted now, DiskStore store) {
    Instant notBefore = builder.notBefore();
    return unitKeys(builder, now)
        .map(keys -> of(store.peek(keys), (int) keys.stream().distinct().count(), notBefore))
        .or(() -> store.peekSet(Units.setKey(now)).map(set -> of(set, notBefore)))
        .orElse(NOTHING);
  }

  /** The same on a cluster, where the driver knows of entries that they are there and no more. */
  static StoredPart of(
      DiskCachedRelationBuilder builder, Accepted now, ClusterDirectory directory) {
    Optional<List<Key>> keys = unitKeys(builder, now);
    if (keys.isPresent()) {
      return there(
          directory.holders(now.relation(), keys.get()).size(),
          (int) keys.get().stream().distinct().count());
    }
    Key setKey = Units.setKey(now);
    return directory
        .findSet(now.relation(), setKey, Units.partKey(setKey))
        .map(
            set -> {
              int n = set.holders().size();
              return set.createdAt().isBefore(builder.notBefore())
                  ? of(List.of(), 0, n, Map.of())
                  : there(n, n);
            })
        .orElse(NOTHING);
  }

  private static StoredPart there(int found, int wanted) {
    return new StoredPart(found, wanted, 0, Duration.ZERO, found == wanted, List.of(), 0, Map.of());
  }

  /** Of the units that are kept one by one; empty if those of a run are, all or none. */
  private static Optional<List<Key>> unitKeys(DiskCachedRelationBuilder builder, Accepted now) {
    if (now.planClass() == PlanClass.ROW_LOCAL) {
      return Optional.of(now.chunks().stream().map(chunk -> Units.chunkKey(now, chunk)).toList());
    }
    SparkPlan plan = builder.cachedPlan();
    return now.planClass() == PlanClass.PARTITION_LOCAL && !PlanShapes.runsJobs(plan)
        ? builder
            .materialization()
            .map(built -> built.rdd().unitKeys())
            .or(() -> Units.ofPartitions(now, plan.execute()).map(StoredPart::keys))
        : Optional.empty();
  }

  private static List<Key> keys(List<List<CacheUnit>> units) {
    return units.stream().flatMap(List::stream).map(CacheUnit::storeKey).toList();
  }

  /** Used whole or not at all. */
  private static StoredPart of(EntrySet set, Instant notBefore) {
    int n = set.entries().size();
    if (set.isOlderThan(notBefore)) {
      return of(List.of(), 0, n, Map.of());
    }
    StoredPart members = of(set.entries(), n, notBefore);
    return members.changed.isEmpty() ? members : of(List.of(), 0, 0, members.changed);
  }

  private static StoredPart of(List<Entry> found, int wanted, Instant notBefore) {
    List<Entry> young = new ArrayList<>();
    Map<FileRead, Integer> changed = new LinkedHashMap<>();
    FileLook files = new FileLook();
    int tooOld = 0;
    for (Entry entry : found) {
      Optional<FileRead> other = files.changed(entry.reads());
      if (entry.isOlderThan(notBefore)) {
        tooOld++;
      } else if (other.isPresent()) {
        changed.merge(other.get(), 1, Integer::sum);
      } else {
        young.add(entry);
      }
    }
    return of(young, wanted, tooOld, changed);
  }

  private static StoredPart of(
      List<Entry> found, int wanted, int tooOld, Map<FileRead, Integer> changed) {
    Duration computing = Duration.ZERO;
    long bytes = 0;
    for (Entry entry : found) {
      computing = computing.plus(entry.meta().computeTime());
      bytes += entry.bytes();
    }
    return new StoredPart(
        found.size(),
        wanted,
        bytes,
        computing,
        found.size() == wanted && tooOld == 0 && changed.isEmpty(),
        found,
        tooOld,
        changed);
  }

  /** Files that functions read to compute what is stored. */
  List<FileRead> reads() {
    return entries.stream().flatMap(entry -> entry.reads().stream()).distinct().toList();
  }

  /**
   * The precision of the columns that need not be exact, all files together.
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
        log.info("Cannot read how the numbers in {} are kept: {}", entry.path(), e.toString());
      }
    }
    return List.copyOf(columns.values());
  }

  /** Where the store cannot be used. */
  static StoredPart nothing() {
    return NOTHING;
  }
}
