// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.spark.util.AccumulatorV2;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;

/**
 * Results by partition, from tasks to the driver. Keyed by partition, so that a retried or
 * speculative task counts once; the first result stays, because it says what was computed.
 */
final class PartitionResults
    extends AccumulatorV2<Tuple2<Integer, PartitionResult>, Map<Integer, PartitionResult>> {
  private final Map<Integer, PartitionResult> results = new HashMap<>();

  /** Only on the driver, where results of tasks are merged. */
  private final transient @Nullable RelationCounters counters;

  private final transient @Nullable Outcome outcome;

  /**
   * For the driver.
   *
   * @param relation for people
   */
  PartitionResults(RelationCounters counters, String relation) {
    this.counters = counters;
    this.outcome = new Outcome(counters, relation);
  }

  private PartitionResults() {
    this.counters = null;
    this.outcome = null;
  }

  @Override
  public synchronized boolean isZero() {
    return results.isEmpty();
  }

  @Override
  public synchronized PartitionResults copy() {
    PartitionResults copy = new PartitionResults();
    copy.results.putAll(results);
    return copy;
  }

  @Override
  public synchronized void reset() {
    results.clear();
  }

  @Override
  public synchronized void add(Tuple2<Integer, PartitionResult> result) {
    results.putIfAbsent(result._1(), result._2());
  }

  @Override
  public void merge(
      AccumulatorV2<Tuple2<Integer, PartitionResult>, Map<Integer, PartitionResult>> other) {
    Map<Integer, PartitionResult> theirs = other.value();
    synchronized (this) {
      theirs.forEach(
          (partition, result) -> {
            boolean first = results.putIfAbsent(partition, result) == null;
            if (counters != null && outcome != null) {
              counters.saved(first ? result.savedMillis() : 0);
              counters.fetched(result.unitsFetched());
              counters.fromPeers(result.unitsFromPeers());
              counters.computed(result.unitsComputed());
              outcome.computed(result.unitsComputed(), result.notKept());
              counters.copied(result.batchesCopied());
              counters.audited(result.unitsAudited(), result.unitsUnequal());
            }
          });
    }
  }

  /** The driver's account of the relation. */
  Outcome outcome() {
    return Objects.requireNonNull(outcome);
  }

  /** One objection of each reason, but every function and file that one of them is about. */
  List<Objection> withheld() {
    Set<Objection> all = new LinkedHashSet<>(outcome().objections());
    Set<Objection.Reason> told = EnumSet.noneOf(Objection.Reason.class);
    all.forEach(objection -> told.add(objection.reason()));
    for (Objection objection : findings().objections()) {
      if (told.add(objection.reason()) || objection.reason().isOfFunctions()) {
        all.add(objection);
      }
    }
    return List.copyOf(all);
  }

  /** Facts about the functions that computed the partitions so far. */
  synchronized Findings findings() {
    return results.values().stream()
        .map(PartitionResult::findings)
        .reduce(Findings.NONE, Findings::and);
  }

  @Override
  public synchronized Map<Integer, PartitionResult> value() {
    return Map.copyOf(results);
  }

  synchronized int size() {
    return results.size();
  }
}
