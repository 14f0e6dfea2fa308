// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where the rows of a relation are held, and where those that tasks compute will be: in the store
 * of this process, or in the stores of a cluster's hosts. On the driver; the only place that knows
 * which of the two it is.
 */
sealed interface Holdings permits HeldHere, HeldInCluster {

  static Holdings of(CacheApplication application, DiskCachedRelationBuilder builder) {
    return ClusterDirectory.of(application.context())
        .<Holdings>map(directory -> new HeldInCluster(application, builder, directory))
        .orElseGet(() -> new HeldHere(application, builder));
  }

  /** Why nothing can be held at all. */
  Optional<Objection> obstacle();

  /** Units that are stored and young enough; those that are too old are computed again. */
  Found find(List<List<CacheUnit>> units, Accepted now);

  /** The partitions that will be read and not computed; counts hits. */
  HeldPartitions use(List<List<CacheUnit>> units, Found found);

  /**
   * A relation without a parent, if every unit can be opened, verified and held now: an entry that
   * is missing means a miss here and not a failure later.
   */
  Optional<Detached> detach(
      List<List<CacheUnit>> units, Found found, RelationSpec spec, PartitionResults results);

  /** All partitions of an earlier run. */
  FoundRun findRun(Key setKey, RelationSpec spec, PartitionResults results, SetPublisher sets);

  /** The generation of the run that {@link #findRun} would find; changes nothing. */
  Optional<Key> generation(Accepted now);

  /** Whether partitions of a run can become a set. */
  boolean keepsRuns();

  /** From now on the partitions of the run are collected; the last one publishes the set. */
  void begin(SetPublisher.Run run, SetPublisher sets);

  /** Tells the scheduler who can read which partition. */
  void announce(DiskCachedRDD rdd, HeldPartitions held, String relation);

  /** How much is stored, for those who only look. */
  StoredPart storedPart(Accepted now);

  /**
   * The stored units.
   *
   * @param here entries of this process's store
   * @param elsewhere directories of other hosts that should have the entry
   */
  record Found(Map<Key, Entry> here, Map<Key, List<String>> elsewhere) {
    boolean contains(Key key) {
      return here.containsKey(key) || elsewhere.containsKey(key);
    }

    int size() {
      return here.size() + elsewhere.size();
    }
  }

  /**
   * Partitions that are held before any task runs.
   *
   * @param holders directories by partition, of executors that hold it or most of it; empty if this
   *     process reads them itself
   * @param known what is known of their content, by partition
   * @param oldest when the oldest of their rows was computed
   */
  record HeldPartitions(
      List<List<String>> holders, Map<Integer, PartitionResult> known, Instant oldest) {
    static HeldPartitions none() {
      return new HeldPartitions(List.of(), Map.of(), Instant.now());
    }

    HeldPartitions notAfter(Instant time) {
      return time.isBefore(oldest) ? new HeldPartitions(holders, known, time) : this;
    }

    /** The directories that hold any of them. */
    List<String> directories() {
      return holders.stream().flatMap(List::stream).distinct().toList();
    }
  }

  /** A relation of which all rows are held. */
  record Detached(DiskCachedRDD rdd, HeldPartitions held) {
    Detached notAfter(Instant time) {
      return new Detached(rdd, held.notAfter(time));
    }
  }

  /** All partitions of one run. */
  record DetachedRun(Key generation, Detached relation) {}

  /**
   * The answer to a search for a run.
   *
   * @param run empty if there is none, or it has to be compared with another run first
   * @param toCompare the audit that was chosen for it
   */
  record FoundRun(Optional<DetachedRun> run, Optional<SetPublisher.Comparison> toCompare) {}
}
