// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.store.Key;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.Dependency;
import org.apache.spark.InterruptibleIterator;
import org.apache.spark.NarrowDependency;
import org.apache.spark.OneToOneDependency;
import org.apache.spark.Partition;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.storage.StorageLevel;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterator;
import scala.collection.immutable.Nil$;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/**
 * The partitions of a cached relation.
 *
 * <h2>How Spark comes to skip the stages below</h2>
 *
 * The RDD says that it is stored ({@link #getStorageLevel}) without having called {@code persist},
 * and its partitions are announced as blocks. {@code DAGScheduler} then finds a location for each
 * and never visits the dependencies. {@code RDD.iterator} looks at a private field and not at
 * {@code getStorageLevel}, so that a task always comes to {@link #compute}.
 *
 * <h2>Attached and detached</h2>
 *
 * An attached RDD has its parent: what cannot be read is computed, and a missing shuffle below
 * raises Spark's own FetchFailed. A detached one stands for a plan that must not be executed
 * because everything was found; its entries are held open by this process for as long as the
 * relation lives.
 *
 * <h2>A partition is complete before its first row is handed out</h2>
 *
 * {@link #compute} writes every missing unit to its end first, as Spark's own cache does. AQE's job
 * that materializes a cached relation does not touch the iterator it is given, and a LIMIT stops
 * pulling early: neither leaves half a partition.
 */
final class DiskCachedRDD extends RDD<CachedBatch> {
  private final Broadcast<RelationSpec> spec; // sent to an executor once and not with every task
  private final String description;
  private final @Nullable RDD<InternalRow> parent;
  private final @Nullable RDD<ColumnarBatch> columns; // see ParentRows
  private final transient CachedPartition[] cachedPartitions;
  private final PartitionResults results;

  /** In this stream with the lineage, so that a task has the very objects that it calls. */
  private final FunctionProof[] proofs;

  private DiskCachedRDD(
      SparkContext context,
      RelationSpec spec,
      @Nullable ParentRows parent,
      Seq<Dependency<?>> dependencies,
      CachedPartition[] partitions,
      PartitionResults results,
      List<FunctionProof> proofs) {
    super(context, dependencies, ClassTag$.MODULE$.apply(CachedBatch.class));
    this.spec = context.broadcast(spec, ClassTag$.MODULE$.apply(RelationSpec.class));
    this.description = spec.description();
    this.parent = parent == null ? null : parent.rows();
    this.columns = parent == null ? null : parent.columns();
    this.cachedPartitions = partitions;
    this.results = results;
    this.proofs = proofs.toArray(FunctionProof[]::new);
  }

  /** An RDD whose partition i is the parent's partition i. */
  static DiskCachedRDD attached(
      RelationSpec spec,
      ParentRows parent,
      CachedPartition[] partitions,
      PartitionResults results,
      List<FunctionProof> proofs) {
    return new DiskCachedRDD(
        parent.rows().sparkContext(),
        spec,
        parent,
        one(new OneToOneDependency<>(parent.rows())),
        partitions,
        results,
        proofs);
  }

  /** An RDD whose units are splits of its own making, which the parent is known to hand through. */
  static DiskCachedRDD ofChunks(
      RelationSpec spec,
      ParentRows parent,
      CachedPartition[] partitions,
      PartitionResults results,
      List<FunctionProof> proofs) {
    return new DiskCachedRDD(
        parent.rows().sparkContext(),
        spec,
        parent,
        one(new ChunkDependency(parent.rows())),
        partitions,
        results,
        proofs);
  }

  /** An RDD without a parent: everything is there. */
  static DiskCachedRDD detached(
      SparkContext context,
      RelationSpec spec,
      CachedPartition[] partitions,
      PartitionResults results) {
    return new DiskCachedRDD(context, spec, null, none(), partitions, results, List.of());
  }

  @Override
  public StorageLevel getStorageLevel() {
    return StorageLevel.DISK_ONLY();
  }

  @Override
  public Partition[] getPartitions() {
    return cachedPartitions;
  }

  @Override
  public Seq<String> getPreferredLocations(Partition split) {
    return CollectionConverters.asScala(((CachedPartition) split).preferredHosts()).toSeq();
  }

  @Override
  public Iterator<CachedBatch> compute(Partition split, TaskContext context) {
    PartitionReader reader =
        new PartitionReader(id(), spec.value(), parent, columns, results, List.of(proofs), context);
    return new InterruptibleIterator<>(
        context, CollectionConverters.asScala(reader.read((CachedPartition) split)));
  }

  /** Whether it has no parent, though it may have had one. */
  boolean isDetached() {
    return parent == null;
  }

  Broadcast<RelationSpec> spec() {
    return spec;
  }

  /** Names of all units, in order; on the driver. */
  List<Key> unitKeys() {
    return Arrays.stream(cachedPartitions)
        .flatMap(partition -> partition.units().stream())
        .map(CacheUnit::storeKey)
        .toList();
  }

  @Override
  public String toString() {
    return "DiskCachedRDD[" + id() + "] " + description;
  }

  @SuppressWarnings("unchecked") // Nil is a Seq of anything
  private static Seq<Dependency<?>> none() {
    return (Seq<Dependency<?>>) (Seq<?>) Nil$.MODULE$;
  }

  private static Seq<Dependency<?>> one(Dependency<?> dependency) {
    return CollectionConverters.asScala(List.<Dependency<?>>of(dependency)).toSeq();
  }

  /** Narrow, but partition numbers mean nothing across it. */
  private static final class ChunkDependency extends NarrowDependency<InternalRow> {
    ChunkDependency(RDD<InternalRow> parent) {
      super(parent);
    }

    @Override
    @SuppressWarnings("unchecked") // Nil is a Seq of anything
    public Seq<Object> getParents(int partition) {
      return (Seq<Object>) (Seq<?>) Nil$.MODULE$;
    }
  }
}
