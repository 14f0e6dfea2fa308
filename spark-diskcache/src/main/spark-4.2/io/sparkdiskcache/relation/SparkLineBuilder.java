// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.columnar.CachedBatchSerializer;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.storage.StorageLevel;
import scala.Option;

/**
 * The answers of a builder to Spark 4.2, whose planner asks for the figures of a loaded relation.
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
  public synchronized long materializedRowCount() {
    return knownRows();
  }

  @Override
  public synchronized long materializedSizeInBytes() {
    return knownBytes();
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
