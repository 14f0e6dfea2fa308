// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.relation.Objection.Reason;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.jspecify.annotations.Nullable;

/**
 * A task's side of the set that its partition belongs to, if the relation is run-bound. On a
 * cluster the driver decides, because attempts may be in several processes.
 */
final class SetMembership {
  private final @Nullable String generation;

  SetMembership(RelationSpec spec) {
    this.generation = spec.generation();
  }

  /**
   * Why a partition may not be stored: a repeated stage may have other rows in other partitions
   * than the first, which is not one run.
   */
  Optional<Objection> objection(int partition, TaskContext context) {
    String of = generation;
    int attempt = context.stageAttemptNumber();
    boolean may =
        of == null
            || ExecutorInventory.process()
                .map(cluster -> cluster.sets().mayStore(of, partition, attempt))
                .orElseGet(() -> Generations.process().mayStore(of, partition, attempt));
    return may
        ? Optional.empty()
        : Optional.of(
            new Objection(
                Reason.RUN,
                "partition " + partition,
                attempt > 0
                    ? "its stage ran again, and rows of two runs are not mixed"
                    : "it was computed twice, or another partition of the run is not stored"));
  }

  /** Why a partition that was stored counts towards no set; empty if it does. */
  Optional<Objection> stored(DiskStore into, int partition) {
    String of = generation;
    if (of == null) {
      return Optional.empty();
    }
    Optional<ExecutorInventory> cluster = ExecutorInventory.process();
    boolean tooLate;
    if (cluster.isPresent()) {
      tooLate = !cluster.get().sets().stored(of, partition);
    } else {
      Generations.process().stored(of, partition);
      tooLate = Generations.process().isAbandoned(of);
    }
    if (!tooLate) {
      return Optional.empty();
    }
    into.sets().abandon(new Key(of));
    return Optional.of(
        new Objection(
            Reason.RUN, "partition " + partition, "the set was given up while it was written"));
  }

  /** A partition that is kept for the application only leaves a set that nobody can complete. */
  void giveUp() {
    String of = generation;
    if (of != null) {
      ExecutorInventory.process()
          .ifPresentOrElse(
              cluster -> cluster.sets().spoil(of), () -> Generations.process().spoil(of));
    }
  }
}
