// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.InputStats;
import io.sparkdiskcache.relation.Objection.Reason;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreException;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether the partitions of a run become a set: only if its input is still the same, and,
 * where an older set was to be audited, if both hold the same rows.
 */
final class SetPublisher {
  private static final Logger log = LoggerFactory.getLogger(SetPublisher.class);

  private final CacheApplication application;
  private final DiskCachedRelationBuilder builder;
  private final PartitionResults results;

  SetPublisher(
      CacheApplication application, DiskCachedRelationBuilder builder, PartitionResults results) {
    this.application = application;
    this.builder = builder;
    this.results = results;
  }

  /**
   * An audit of a set, see {@link Audit}.
   *
   * @param older what is stored
   * @param inexact columns that are compared with tolerance
   */
  record Comparison(EntrySet older, BitSet inexact) {}

  /** The audit of a set that was found, if it is chosen for one and another run can be compared. */
  Optional<Comparison> comparisonWith(EntrySet set) {
    if (!builder.audits().contains(set.generation())) {
      return Optional.empty();
    }
    Optional<BitSet> inexact = Repeatability.inexactColumns(builder.cachedPlan());
    if (inexact.isEmpty()) {
      application.counters().couldNotAudit();
      log.info(
          "{} cannot be audited: its rows may differ from run to run.",
          PlanShapes.oneLine(builder.cachedPlan()));
    }
    return inexact.map(columns -> new Comparison(set, columns));
  }

  /** Whether nothing stands in the way of a set any more; the outcome says if something does. */
  boolean mayPublish(Run run) {
    boolean same =
        System.currentTimeMillis() < run.spec().expires()
            && InputStats.unchanged(run.now().inputs(), builder.fingerprint().hadoopConf());
    if (!same) {
      return withheld(Reason.INPUT, "an input", "it changed before all partitions were computed");
    }
    Optional<Objection> objection = run.evidence().now().objections().stream().findFirst();
    objection.ifPresent(results.outcome()::nothingIsKept);
    return objection.isEmpty();
  }

  /**
   * The partitions of one run, which become a set once all are stored.
   *
   * @param members the names of the entries, by partition
   * @param now the fingerprint that it was executed with
   * @param cost what it takes
   * @param toCompare an older set, to be audited with these rows
   */
  record Run(
      Key setKey,
      Key generation,
      int rddId,
      List<Key> members,
      RelationSpec spec,
      Accepted now,
      RunEvidence evidence,
      Cost cost,
      Optional<Comparison> toCompare) {

    /** The set of it, once all partitions are stored. */
    SetMeta meta() {
      return new SetMeta(
          spec.description(),
          spec.components(),
          cost.build.below(cost.shuffles),
          cost.build.wall());
    }
  }

  /**
   * The cost of a run beside its own tasks.
   *
   * @param build the execution of its plan
   * @param shuffles that its rows are computed from
   */
  record Cost(StageCosts.Build build, Set<Integer> shuffles) {}

  /** Runs in the task that stored the last partition; whether it is a set now. */
  boolean publish(DiskStore store, Run run) {
    if (!mayPublish(run)) {
      return false;
    }
    if (run.members().isEmpty() && !run.evidence().now().reads().isEmpty()) {
      return withheld(Reason.FILE, "no rows", "no entry can name the files that functions read");
    }
    // Only of the same input the same rows can be asked.
    if (run.toCompare().isPresent() && !isConfirmed(store, run, run.toCompare().get())) {
      return withheld(Reason.AUDIT, "the function", "an audit found other rows than were stored");
    }
    try {
      RelationSpec spec = run.spec();
      SetMeta meta = run.meta();
      if (store.sets().complete(run.setKey(), run.generation(), run.members().size(), meta)) {
        spec.remoteTier()
            .ifPresent(tier -> tier.uploadSet(run.setKey(), run.generation(), run.members(), meta));
        published();
        return true;
      }
      return withheld(
          Reason.ROOM, "the set", "a partition was evicted before the last one was stored");
    } catch (StoreException e) {
      store.countError("Cannot publish a set", e);
      return withheld(Reason.STORE, "the set", String.valueOf(e.getMessage()));
    }
  }

  void published() {
    results.outcome().published();
  }

  /** A host did not write its part of the set. */
  void partUnwritten(String directory) {
    boolean unused = withheld(Reason.STORE, directory, "its part was not written");
  }

  private boolean withheld(Reason reason, String object, String sentence) {
    results.outcome().nothingIsKept(new Objection(reason, object, sentence));
    return false;
  }

  private boolean isConfirmed(DiskStore store, Run run, Comparison audit) {
    Audit.Outcome outcome =
        Audit.compare(store, run.spec(), audit.older(), run.members(), audit.inexact());
    if (outcome != Audit.Outcome.UNKNOWN) {
      application
          .counters()
          .audited(audit.older().entries().size(), outcome == Audit.Outcome.OTHER ? 1 : 0);
    }
    return outcome != Audit.Outcome.OTHER;
  }
}
