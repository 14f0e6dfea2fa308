// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.columnar.CachedBatchSerializer;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import scala.Option;

/**
 * The answers of a builder to Spark 4.0 and 4.1, whose planner reads the figures of a loaded
 * relation from accumulators.
 */
abstract class SparkLineBuilder extends CachedRDDBuilder implements HeldRelation {
  SparkLineBuilder(CachedBatchSerializer serializer, CachedRDDBuilder original) {
    super(
        serializer,
        original.storageLevel(),
        original.cachedPlan(),
        original.tableName(),
        original.logicalPlan());
  }

  @Override
  public LongAccumulator sizeInBytesStats() {
    return holding(knownBytes());
  }

  @Override
  public LongAccumulator rowCountStats() {
    return holding(knownRows());
  }

  /** It is registered nowhere: Spark only asks it for its value. */
  private static LongAccumulator holding(long value) {
    LongAccumulator figure = new LongAccumulator();
    figure.setValue(value);
    return figure;
  }

  /** Spark copies a builder to cache a refreshed plan: that is decided on anew. */
  @Override
  public CachedRDDBuilder copy(
      CachedBatchSerializer serializer,
      StorageLevel storageLevel,
      SparkPlan cachedPlan,
      Option<String> tableName,
      LogicalPlan logicalPlan) {
    return new CachedRDDBuilder(
        serializerOfCopy(serializer), storageLevel, cachedPlan, tableName, logicalPlan);
  }
}
