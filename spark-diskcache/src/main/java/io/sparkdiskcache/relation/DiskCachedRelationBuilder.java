// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ArrowCachedBatchSerializer;
import io.sparkdiskcache.arrow.Compression;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.shim.SparkInternals;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.columnar.CachedBatchSerializer;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.jspecify.annotations.Nullable;

/**
 * Spark's builder of a cached relation, with the SSD behind it.
 *
 * <h2>When the files count</h2>
 *
 * Plain Spark reads the files when the relation is first used, and later queries of the application
 * see those rows until it is unpersisted. Here too: the fingerprint that decides what is read is
 * taken at the first use, not when the plan was made. The result of an earlier look (AQE asks
 * whether the relation is loaded before it uses it) is checked again by a later execution.
 *
 * <h2>Locks</h2>
 *
 * All state is guarded by the builder's monitor, as in Spark's class. A relation over another takes
 * the other's monitor while it holds its own; plans have no cycles, so never the other way round.
 */
@Internal
public final class DiskCachedRelationBuilder extends SparkLineBuilder {
  private final CacheApplication application;
  private final CachedBatchSerializer sparksSerializer;
  private final transient RelationFingerprint fingerprint;
  private final transient Accepted planned;
  private final String tag;
  private final Compression compression;
  private final transient AuditSample audits;

  /** Nothing ran for the relation before. */
  private final long since = DriverEvidence.process().mark();

  /** Zero for any age. */
  private Duration ttl;

  private transient @Nullable Materialization current;

  /** An RDD of which nobody has seen a row, and whose set was removed; set without the monitor. */
  private transient volatile int forgotten = -1;

  /** The execution in which nothing was found, so that its planner need not look again. */
  private transient @Nullable String missedIn;

  DiskCachedRelationBuilder(
      CacheApplication application,
      CachedRDDBuilder original,
      RelationFingerprint fingerprint,
      Accepted planned,
      String tag,
      Compression compression,
      Duration ttl,
      AuditSample audits) {
    super(
        new ArrowCachedBatchSerializer(
            !SparkInternals.columnarOutputHangsPython(application.context()), fingerprint.lowers()),
        original);
    this.application = application;
    this.sparksSerializer = original.serializer();
    this.fingerprint = fingerprint;
    this.planned = planned;
    this.tag = tag;
    this.compression = compression;
    this.ttl = ttl;
    this.audits = audits;
  }

  @Override
  public synchronized RDD<CachedBatch> cachedColumnBuffers() {
    Materialization ready = validated();
    if (ready == null) {
      try {
        ready = materializer().build();
      } catch (Throwable e) {
        recacheAfterFailure();
        throw e;
      }
      current = ready;
    }
    ready.markUsed();
    return ready.rdd();
  }

  /**
   * AQE keeps the failure of a plan it has executed, and would hand it to the next query that uses
   * the relation: as in Spark's builder, the plan is made anew (SPARK-49982).
   */
  private void recacheAfterFailure() {
    if (cachedPlan() instanceof AdaptiveSparkPlanExec) {
      SparkSession session = cachedPlan().session();
      session.sharedState().cacheManager().recacheByPlan(session, logicalPlan());
    }
  }

  /** True only if the row count is exact: AQE drops a relation that is loaded and has no rows. */
  @Override
  public synchronized boolean isCachedColumnBuffersLoaded() {
    String execution = execution();
    if (execution == null) {
      return current != null && current.isComplete();
    }
    Materialization ready = validated();
    if (ready == null && !execution.equals(missedIn)) {
      current = materializer().buildWithoutJobs().orElse(null);
      ready = current;
      missedIn = ready == null ? execution : null;
    }
    return ready != null && ready.isComplete();
  }

  @Override
  public synchronized long knownRows() {
    return current == null ? 0 : current.rows();
  }

  @Override
  public synchronized long knownBytes() {
    return current == null ? 0 : current.bytes();
  }

  /** Frees what this application holds; the entries stay for the next. */
  @Override
  public synchronized void clearCache(boolean blocking) {
    if (current != null) {
      current.rdd().unpersist(blocking);
      current = null;
    }
    missedIn = null;
  }

  @Override
  public synchronized @Nullable RDD<CachedBatch> knownBuffers() {
    return current == null ? null : current.rdd();
  }

  @Override
  public CachedBatchSerializer serializerOfCopy(CachedBatchSerializer serializer) {
    return serializer == serializer() ? sparksSerializer : serializer;
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof DiskCachedRelationBuilder;
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }

  /** The fingerprints of the plan. */
  RelationFingerprint fingerprint() {
    return fingerprint;
  }

  /** The fingerprint with which the relation was accepted. */
  Accepted planned() {
    return planned;
  }

  /** Of what it writes. */
  Compression compression() {
    return compression;
  }

  /** When it was planned, for {@link RunEvidence}. */
  long since() {
    return since;
  }

  /** Which of its hits are audited. */
  AuditSample audits() {
    return audits;
  }

  /** For the next time that it is looked up. */
  synchronized void ttl(Duration value) {
    ttl = value;
  }

  /** Entries stored before are a miss: as it was looked up, or would be now. */
  synchronized Instant notBefore() {
    if (current != null) {
      return current.notBefore();
    }
    return CacheApplication.limit(ttl);
  }

  /** Whether any of the rows that this application holds were computed before. */
  synchronized boolean isOlderThan(Instant limit) {
    return current != null && current.oldest().isBefore(limit);
  }

  /** The rows that this application holds of it, if it was used. */
  synchronized Optional<Materialization> materialization() {
    return Optional.ofNullable(current);
  }

  /** An identity to plan with; the key that counts is taken at execution. */
  Optional<Identity> plannedIdentity() {
    return Optional.of(new Identity(planned.function(), planned.inputs()));
  }

  /**
   * Of the rows that a query executed now will read. A run-bound relation that is not stored is
   * executed for it: what is above it has to be computed in any case.
   */
  synchronized Optional<Identity> identity() {
    Materialization ready = validated();
    if (ready != null) {
      return ready.identity();
    }
    if (planned.planClass() != PlanClass.RUN_BOUND
        && fingerprint.whenExecuted() instanceof Accepted now
        && now.settled()) {
      return Units.identity(now);
    }
    cachedColumnBuffers();
    return current == null ? Optional.empty() : current.identity();
  }

  /** Like {@link #identity} without any effect; empty where only an execution could tell. */
  synchronized Optional<Identity> peekIdentity() {
    if (current != null) {
      return current.identity();
    }
    if (!(fingerprint.whenExplained() instanceof Accepted now)) {
      return Optional.empty();
    }
    if (now.planClass() != PlanClass.RUN_BOUND) {
      return Units.identity(now);
    }
    return Holdings.of(application, this)
        .generation(now)
        .map(generation -> Units.runIdentity(Units.setKey(now), generation, now));
  }

  /** The next query is to look it up anew; called from any thread. */
  void forget(int rddId) {
    forgotten = rddId;
  }

  private Materializer materializer() {
    return new Materializer(application, this, tag);
  }

  /** The relation as built, unless it was never used and its inputs have moved since. */
  private @Nullable Materialization validated() {
    Materialization ready = current;
    if (ready != null
        && (ready.rdd().id() == forgotten || !ready.isReadable(application.context()))) {
      ready.rdd().unpersist(false);
      current = null;
      return null;
    }
    if (ready == null || ready.isUsed()) {
      return ready;
    }
    String execution = execution();
    if (execution != null && execution.equals(ready.checkedIn())) {
      return ready;
    }
    if (ready.stillValid(fingerprint.hadoopConf())) {
      ready.markChecked(execution);
      return ready;
    }
    ready.rdd().unpersist(false);
    current = null;
    return null;
  }

  private @Nullable String execution() {
    return application.context().getLocalProperty("spark.sql.execution.id");
  }
}
