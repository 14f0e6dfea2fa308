// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.util.AccumulatorV2;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * Results by partition, from tasks to the driver. Keyed by partition, so that a retried or
 * speculative task counts once; the first result stays, because it says what was computed.
 */
final class PartitionResults
    extends AccumulatorV2<Tuple2<Integer, PartitionResult>, Map<Integer, PartitionResult>> {
  private static final Logger log = LoggerFactory.getLogger(PartitionResults.class);

  private final Map<Integer, PartitionResult> results = new HashMap<>();

  /** Only on the driver, where results of tasks are merged. */
  private final transient @Nullable RelationCounters counters;

  private final transient String relation;
  private transient boolean told;

  /**
   * For the driver.
   *
   * @param relation for people
   */
  PartitionResults(RelationCounters counters, String relation) {
    this.counters = counters;
    this.relation = relation;
  }

  private PartitionResults() {
    this.counters = null;
    this.relation = "";
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
              withheld(result.findings().objections());
            }
          });
    }
  }

  private void withheld(List<Objection> objections) {
    if (counters == null) {
      return;
    }
    for (Objection objection : objections) {
      counters.withheld(objection);
      if (!told) {
        told = true;
        log.info(
            "{} is kept for this application only: {}. {}.",
            relation,
            objection,
            objection.reason().cure());
      }
    }
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
