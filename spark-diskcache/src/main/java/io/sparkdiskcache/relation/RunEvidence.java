// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.store.Components;
import io.sparkdiskcache.store.FileRead;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's evidence about functions that run for a relation in other tasks than those of its
 * units: from {@link DriverEvidence}, and from the partitions of cached relations that it reads.
 * Takes no locks but theirs, so that any thread may ask.
 *
 * @param since the relation may have run nothing before, see {@link DriverEvidence#mark}
 * @param functions digests of functions that run in other tasks
 * @param nested what tasks tell of the relations that are read
 */
record RunEvidence(long since, Set<String> functions, List<PartitionResults> nested) {
  private static final Logger log = LoggerFactory.getLogger(RunEvidence.class);
  private static final String READS = "reads";
  private static final String SEPARATOR = "\0";

  boolean isPossible() {
    return !functions.isEmpty() || !nested.isEmpty();
  }

  /** All that is known now. */
  Findings now() {
    Findings found = DriverEvidence.process().since(since, functions);
    for (PartitionResults results : nested) {
      found = found.and(results.findings());
    }
    return found;
  }

  /** {@link #now} for an executor. */
  byte[] encoded() {
    Findings found = now();
    Map<String, String> fields = new HashMap<>();
    fields.put(READS, Base64.getEncoder().encodeToString(FileRead.encode(found.reads())));
    for (Objection objection : found.objections()) {
      String number = Integer.toString(fields.size());
      fields.put(
          number,
          String.join(
              SEPARATOR, objection.reason().name(), objection.object(), objection.sentence()));
    }
    return Components.encode(fields);
  }

  /** After the last row of a unit: what is known of all functions that its rows come from. */
  static Findings ofUnit(RelationSpec spec, TaskEvidence.Unit evidence) {
    return evidence.end(spec.proofs().ofUnits(), () -> spec.below().and(ofStagesBelow(spec)));
  }

  /** In a task whose rows come from stages that have run by now: what the driver knows of those. */
  static Findings ofStagesBelow(RelationSpec spec) {
    String generation = spec.generation();
    if (generation == null || !spec.asksBelow()) {
      return Findings.NONE;
    }
    Optional<ExecutorInventory> cluster = ExecutorInventory.process();
    return cluster.isEmpty()
        ? Generations.process().below(generation)
        : cluster
            .get()
            .sets()
            .below(generation)
            .map(RunEvidence::decode)
            .orElseGet(RunEvidence::unknown);
  }

  private static Findings decode(byte[] bytes) {
    try {
      Map<String, String> fields = new HashMap<>(Components.decode(bytes));
      String reads = fields.remove(READS);
      List<Objection> objections = new ArrayList<>();
      for (String text : fields.values()) {
        List<String> parts = List.of(text.split(SEPARATOR, 3));
        objections.add(
            new Objection(Objection.Reason.valueOf(parts.get(0)), parts.get(1), parts.get(2)));
      }
      return new Findings(
          FileRead.decode(Base64.getDecoder().decode(Objects.requireNonNull(reads))), objections);
    } catch (IllegalArgumentException | IndexOutOfBoundsException | NullPointerException e) {
      log.warn("Cannot read the driver's findings about the stages below: {}", e.toString());
      return unknown();
    }
  }

  private static Findings unknown() {
    return new Findings(
        List.of(),
        List.of(
            new Objection(
                Objection.Reason.UNPROVEN,
                "stages below",
                "the driver did not tell what is known of their functions")));
  }
}
