// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.ColumnPrecision;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.conf.Admission;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.fingerprint.Refusal;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.FileRead;
import io.sparkdiskcache.store.HostDirectory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.classic.Dataset;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import org.apache.spark.sql.internal.SQLConf;
import scala.jdk.javaapi.CollectionConverters;

/** Looks at the cached relations of a query without changing anything. */
public final class RelationInspector {
  private final CacheApplication application;
  private final SparkSession session;

  public RelationInspector(SparkSession session) {
    this.session = session;
    this.application = CacheApplication.of(session.sparkContext());
  }

  /** How a relation stands. */
  public enum Status {
    /** All of it is stored. */
    HIT,
    /** Some of its partitions (file chunks) are stored. */
    PARTIAL,
    /** Nothing of it is stored. */
    MISS,
    /** Left to Spark. */
    REFUSED
  }

  /**
   * One relation.
   *
   * @param status how it stands
   * @param name table name, or the plan's root
   * @param cached false if nobody has cached it: then this is what caching would find
   * @param found partitions (file chunks) stored
   * @param wanted partitions (file chunks) there are; 0 if only an execution can tell
   * @param bytes size of what is stored
   * @param computeTime task time that computing what is stored took, with the stages below
   * @param fingerprint function hash in hexadecimal; empty for a refused relation
   * @param directory the cache directory
   * @param reason why it was refused, or is not kept; empty otherwise
   * @param precision what became of the columns that need not be exact, in what is stored
   * @param differences for what is not wholly stored: what distinguishes it from the nearest
   *     relation that is, in sentences; empty if nothing is near
   * @param reads local files that functions read to compute what is stored
   * @param withheld why partitions that this application computed are not stored, an example each
   * @param outcome what this application computed of it and did not keep, in words; empty if it
   *     computed nothing
   */
  public record Inspection(
      Status status,
      String name,
      boolean cached,
      int found,
      int wanted,
      long bytes,
      Duration computeTime,
      String fingerprint,
      String directory,
      Optional<Refusal> reason,
      List<ColumnPrecision> precision,
      List<String> differences,
      List<String> reads,
      List<Objection> withheld,
      String outcome) {}

  /**
   * Every cached relation that the query reads; if there is none, the query itself. Under the
   * settings of the frame's session, whichever is active in the thread.
   */
  public List<Inspection> inspect(Dataset<?> df) {
    // The settings that count are those of the frame's own session, whichever the thread has.
    return SQLConf.withExistingConf(SparkInternals.conf(df), () -> inspections(df));
  }

  private List<Inspection> inspections(Dataset<?> df) {
    List<InMemoryRelation> relations = new ArrayList<>();
    collect(SparkInternals.withCachedRelations(df), relations);
    List<Inspection> inspections = new ArrayList<>();
    if (relations.isEmpty()) {
      inspections.add(inspect(SparkInternals.hypotheticalRelation(df).cacheBuilder(), false));
    }
    for (InMemoryRelation relation : relations) {
      inspections.add(inspect(relation.cacheBuilder(), true));
    }
    return inspections;
  }

  private static void collect(LogicalPlan plan, List<InMemoryRelation> into) {
    if (plan instanceof InMemoryRelation relation) {
      into.add(relation);
    }
    CollectionConverters.asJava(plan.children()).forEach(child -> collect(child, into));
    CollectionConverters.asJava(plan.subqueries()).forEach(child -> collect(child, into));
  }

  private Inspection inspect(CachedRDDBuilder builder, boolean cached) {
    if (!RelationPlanner.usesDisk(builder.storageLevel())) {
      return refused(
          builder,
          cached,
          new Refusal(
              Refusal.Code.STORAGE_LEVEL,
              "",
              "The storage level does not use disk; persist with MEMORY_AND_DISK or DISK_ONLY."));
    }
    Decision decision =
        builder instanceof DiskCachedRelationBuilder ours
            ? new Decision.Kept(ours)
            : decision(builder);
    return decision instanceof Decision.LeftToSpark left
        ? refused(builder, cached, left.refusal())
        : inspectKept(((Decision.Kept) decision).builder(), cached);
  }

  private Decision decision(CachedRDDBuilder builder) {
    RelationPlanner planner = new RelationPlanner(session);
    return application.decision(builder).orElseGet(() -> planner.wouldDecide(builder));
  }

  private Inspection inspectKept(DiskCachedRelationBuilder builder, boolean cached) {
    FingerprintResult now = builder.fingerprint().whenExplained();
    if (now instanceof Refused refused) {
      return refused(builder, cached, refused.refusal());
    }
    Accepted accepted = (Accepted) now;
    StoredPart stored = Holdings.of(application, builder).storedPart(accepted);
    String function = accepted.relation();
    Optional<Refusal> notKept =
        application.settings().admission() == Admission.ALWAYS
                || accepted.planClass() == PlanClass.RUN_BOUND
            ? Optional.empty()
            : AdmissionLedger.process()
                .reason(function)
                .map(reason -> new Refusal(Refusal.Code.ADMISSION, "", reason));
    return new Inspection(
        stored.complete() ? Status.HIT : stored.found() > 0 ? Status.PARTIAL : Status.MISS,
        name(builder),
        cached,
        stored.found(),
        stored.wanted(),
        stored.bytes(),
        stored.computeTime(),
        function,
        HostDirectory.shown(application.settings().directory()),
        stored.complete() ? Optional.empty() : notKept,
        builder.fingerprint().lowers() ? stored.precision(application.encryption()) : List.of(),
        stored.complete() ? List.of() : differences(builder, accepted, stored),
        stored.reads().stream().map(FileRead::toString).toList(),
        withheld(builder),
        outcome(builder));
  }

  private Inspection refused(CachedRDDBuilder builder, boolean cached, Refusal refusal) {
    return new Inspection(
        Status.REFUSED,
        name(builder),
        cached,
        0,
        0,
        0,
        Duration.ZERO,
        "",
        HostDirectory.shown(application.settings().directory()),
        Optional.of(refusal),
        List.of(),
        List.of(),
        List.of(),
        withheld(builder),
        outcome(builder));
  }

  private static List<Objection> withheld(CachedRDDBuilder builder) {
    return results(builder).map(PartitionResults::withheld).orElse(List.of());
  }

  private static String outcome(CachedRDDBuilder builder) {
    return results(builder).map(results -> results.outcome().text()).orElse("");
  }

  private static Optional<PartitionResults> results(CachedRDDBuilder builder) {
    return builder instanceof DiskCachedRelationBuilder ours
        ? ours.materialization().map(Materialization::results)
        : Optional.empty();
  }

  private List<String> differences(
      DiskCachedRelationBuilder builder, Accepted wanted, StoredPart stored) {
    if (stored.tooOld() > 0) {
      return List.of(
          "Of what is stored, %d partitions are from before %s: older than the time to live."
              .formatted(stored.tooOld(), builder.notBefore()));
    }
    if (!stored.changed().isEmpty()) {
      return stored.changed().entrySet().stream()
          .map(
              of ->
                  "a function read %s, which has changed: %d stored partitions are computed anew"
                      .formatted(of.getKey(), of.getValue()))
          .toList();
    }
    return ProcessStores.find(application.storeOptions())
        .map(store -> Differences.toNearest(store, application.encryption(), wanted.components()))
        .orElse(List.of());
  }

  private static String name(CachedRDDBuilder builder) {
    return builder.tableName().isDefined()
        ? builder.tableName().get()
        : PlanShapes.oneLine(builder.cachedPlan());
  }
}
