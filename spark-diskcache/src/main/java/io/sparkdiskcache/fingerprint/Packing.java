// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.PlanExpression;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.exchange.BroadcastExchangeLike;
import org.apache.spark.sql.execution.exchange.Exchange;
import org.apache.spark.sql.execution.exchange.ReusedExchangeExec;
import org.apache.spark.sql.internal.SQLConf;

/**
 * How the input of a plan is cut into partitions, which the number of cores and settings decide
 * that are no part of any key.
 *
 * <p>Most plans give the same rows whatever the cuts, and their keys must not depend on them. A
 * plan whose rows may show a cut ({@link PackingSense}) has the packing in its key: the chunks of
 * files that make up each partition, the number of partitions of other leaves, and, where rows
 * cross partitions, the settings by which Spark cuts what it has shuffled.
 */
final class Packing {
  /** Settings, with all below them, that cut shuffled rows or nested relations into partitions. */
  private static final List<String> OF_SHUFFLES =
      List.of(
          "spark.default.parallelism",
          "spark.shuffle",
          "spark.io",
          "spark.rdd.compress",
          "spark.sql.adaptive",
          "spark.sql.autoBroadcastJoinThreshold",
          "spark.sql.files",
          "spark.sql.inMemoryColumnarStorage",
          "spark.sql.leafNodeDefaultParallelism",
          "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning",
          "spark.sql.shuffle",
          "spark.sql.sources.bucketing.autoBucketedScan.enabled");

  private Packing() {}

  /**
   * The digest; empty if no row can show how the input is cut.
   *
   * @param encoder that has walked the plan
   */
  static byte[] of(SparkPlan plan, PlanEncoder encoder, SQLConf conf) {
    return PackingSense.shows(plan) ? digest(plan, encoder, conf) : new byte[0];
  }

  private static byte[] digest(SparkPlan plan, PlanEncoder encoder, SQLConf conf) {
    CanonicalHasher hasher = new CanonicalHasher().putInt(encoder.scans().size());
    List<Integer> slices = encoder.leafSlices();
    boolean crosses = encoder.metOpaque() || crosses(plan);
    for (ScanFiles scan : encoder.scans()) {
      if (isPrunedLater(scan.scan())) {
        crosses = true; // the files that are packed are known when a subquery has run
      } else {
        hasher.tag('l').putBytes(scan.layout());
      }
    }
    hasher.putInt(slices.size());
    slices.forEach(hasher::putInt);
    hasher.putBoolean(crosses);
    if (crosses) {
      SortedMap<String, String> settings = new TreeMap<>();
      ScalaInterop.map(conf.getAllConfs())
          .forEach(
              (key, value) -> {
                if (OF_SHUFFLES.stream().anyMatch(tree -> ConfDigest.isIn(tree, key))) {
                  settings.put(key, value);
                }
              });
      hasher.putBytes(ConfDigest.digest(settings));
      hasher.putInt(plan.session().sparkContext().defaultParallelism());
      hasher.putInt(plan.session().leafNodeDefaultParallelism());
    }
    return hasher.digest();
  }

  private static boolean isPrunedLater(FileSourceScanExec scan) {
    for (Expression filter : ScalaInterop.list(scan.partitionFilters())) {
      if (filter.exists(ScalaInterop.predicate(PlanExpression.class))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether rows go from one partition to another, or come from a relation with its own packing.
   */
  private static boolean crosses(SparkPlan plan) {
    List<SparkPlan> below = new ArrayList<>(ScalaInterop.list(plan.children()));
    below.addAll(ScalaInterop.list(plan.subqueries()));
    return plan instanceof AdaptiveSparkPlanExec
        || (plan instanceof Exchange && !(plan instanceof BroadcastExchangeLike))
        || plan instanceof ReusedExchangeExec
        || plan instanceof InMemoryTableScanExec
        || RecursiveQueries.isOne(plan)
        || below.stream().anyMatch(Packing::crosses);
  }
}
