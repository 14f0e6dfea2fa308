// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.HashMap;
import java.util.Map;
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

  /** For the driver. */
  PartitionResults(RelationCounters counters) {
    this.counters = counters;
  }

  private PartitionResults() {
    this.counters = null;
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
            results.putIfAbsent(partition, result);
            if (counters != null) {
              counters.fetched(result.unitsFetched());
              counters.fromPeers(result.unitsFromPeers());
              counters.computed(result.unitsComputed());
              counters.copied(result.batchesCopied());
              counters.audited(result.unitsAudited(), result.unitsUnequal());
            }
          });
    }
  }

  @Override
  public synchronized Map<Integer, PartitionResult> value() {
    return Map.copyOf(results);
  }

  synchronized int size() {
    return results.size();
  }
}
