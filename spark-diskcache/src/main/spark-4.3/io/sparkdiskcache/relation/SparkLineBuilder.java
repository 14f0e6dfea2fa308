// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.rdd.DeterministicLevel;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.FileSourceOptions;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.columnar.CachedBatchSerializer;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.execution.columnar.InMemoryRelation$;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.storage.StorageLevel;
import scala.Option;
import scala.Tuple2;
import scala.collection.immutable.Map;
import scala.collection.immutable.Seq;

/**
 * The answers of a builder to Spark 4.3. Its planner takes the figures of a loaded relation from
 * {@code loadedMaterializedStats}; {@code materializedMetadata}, which Spark makes of them, adds
 * whether the rows would be the same if they were computed again. Runtime filters and dynamic
 * partition pruning ask for that before they read a relation twice.
 */
abstract class SparkLineBuilder extends CachedRDDBuilder implements HeldRelation {
  SparkLineBuilder(CachedBatchSerializer serializer, CachedRDDBuilder original) {
    super(
        serializer,
        original.storageLevel(),
        original.cachedPlan(),
        original.tableName(),
        original.logicalPlan(),
        original.isCachedLogicalPlanRepeatable(),
        original.hasSelectivePredicate(),
        original.fileSourceOptions());
  }

  @Override
  public synchronized long materializedRowCount() {
    return knownRows();
  }

  @Override
  public synchronized long materializedSizeInBytes() {
    return knownBytes();
  }

  /** Rows, then bytes; none as long as the relation is not loaded. */
  @Override
  public synchronized Option<Tuple2<Object, Object>> loadedMaterializedStats() {
    return isCachedColumnBuffersLoaded()
        ? Option.apply(new Tuple2<>(knownRows(), knownBytes()))
        : Option.empty();
  }

  /** By the rules of Spark's own builder, of the rows that are held. */
  @Override
  public boolean isCachedPlanRepeatable() {
    RDD<CachedBatch> buffers = knownBuffers();
    return isCachedLogicalPlanRepeatable()
        && buffers != null
        && !buffers.outputDeterministicLevel().equals(DeterministicLevel.INDETERMINATE())
        && InMemoryRelation$.MODULE$.hasRepeatablePhysicalPlan(cachedPlan())
        && readsStrictly(SQLConf.get())
        && readsStrictly(cachedPlan().conf());
  }

  /** Whether a missing or damaged file is an error for every scan. */
  private boolean readsStrictly(SQLConf conf) {
    return SQLConf.withExistingConf(
        conf,
        () ->
            fileSourceOptions()
                .forall(options -> new FileSourceOptions(options).hasStrictFileReads()));
  }

  /** Spark copies a builder to cache a refreshed plan: that is decided on anew. */
  @Override
  public CachedRDDBuilder copy(
      CachedBatchSerializer serializer,
      StorageLevel storageLevel,
      SparkPlan cachedPlan,
      Option<String> tableName,
      LogicalPlan logicalPlan,
      boolean isCachedLogicalPlanRepeatable,
      boolean hasSelectivePredicate,
      Seq<Map<String, String>> fileSourceOptions) {
    return new CachedRDDBuilder(
        serializerOfCopy(serializer),
        storageLevel,
        cachedPlan,
        tableName,
        logicalPlan,
        isCachedLogicalPlanRepeatable,
        hasSelectivePredicate,
        fileSourceOptions);
  }
}
