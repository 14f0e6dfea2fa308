// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.relation.Objection.Reason;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's account of one relation: how many partitions (file chunks) the application computed,
 * and why which of them are not kept. Every one is counted by its reason in the counters of the
 * application; the first is told at INFO.
 *
 * <p>Partitions of one run are kept together or not at all: one objection is that of all.
 */
final class Outcome {
  private static final Logger log = LoggerFactory.getLogger(Outcome.class);

  /** Units that are not kept for one reason, and what was said of the first. */
  private record Withheld(int units, Objection first) {}

  private final RelationCounters counters;
  private final String relation;
  private final Map<Reason, Withheld> withheld = new EnumMap<>(Reason.class);
  private int kept;
  private int reported;
  private int partitionsOfRun;
  private boolean published;
  private @Nullable Objection wholly;
  private boolean told;

  /**
   * @param relation for people
   */
  Outcome(RelationCounters counters, String relation) {
    this.counters = counters;
    this.relation = relation;
  }

  /** Its partitions are kept together. */
  synchronized void ofRun(int partitions) {
    partitionsOfRun = partitions;
  }

  /** All partitions of the run are computed, and found by others from now on. */
  synchronized void published() {
    published = true;
  }

  /** A task has computed units, some of which are not kept: an objection for each of those. */
  synchronized void computed(int units, List<Objection> objections) {
    reported++;
    kept += units;
    // An objection that says only that the run is spoilt gives way to the one that has spoilt it.
    if (partitionsOfRun > 0 && (wholly == null || wholly.reason() == Reason.RUN)) {
      wholly =
          objections.stream()
              .min(Comparator.comparing(objection -> objection.reason() == Reason.RUN))
              .filter(objection -> wholly == null || objection.reason() != Reason.RUN)
              .orElse(wholly);
    }
    if (wholly == null) {
      objections.forEach(objection -> withhold(1, objection));
    } else {
      settle(wholly);
    }
    tell();
  }

  /** Nothing of the relation is kept for one reason, whatever its tasks say. */
  synchronized void nothingIsKept(Objection why) {
    if (wholly == null) {
      wholly = why;
      settle(why);
      tell();
    }
  }

  private void settle(Objection whole) {
    int others = 0;
    for (Map.Entry<Reason, Withheld> of : Map.copyOf(withheld).entrySet()) {
      if (of.getKey() != whole.reason()) {
        others += of.getValue().units();
        counters.withheld(of.getKey(), -of.getValue().units());
        withheld.remove(of.getKey());
      }
    }
    kept += others;
    if (kept > 0) {
      withhold(kept, whole);
    }
  }

  private void withhold(int units, Objection objection) {
    kept -= units;
    counters.withheld(objection.reason(), units);
    withheld.merge(
        objection.reason(),
        new Withheld(units, objection),
        (known, more) -> new Withheld(known.units() + more.units(), known.first()));
  }

  /** Once; a run that is spoilt waits for its other partitions, one of which may know by what. */
  private void tell() {
    if (told
        || withheld.isEmpty()
        || (withheld.containsKey(Reason.RUN) && reported < partitionsOfRun)) {
      return;
    }
    told = true;
    Objection objection = withheld.values().iterator().next().first();
    log.info(
        "{} is kept for this application only: {}. {}.",
        relation,
        objection,
        objection.reason().cure());
  }

  /** An objection for each reason. */
  synchronized List<Objection> objections() {
    return withheld.values().stream().map(Withheld::first).toList();
  }

  /** In words; empty if nothing was computed. */
  synchronized String text() {
    int units = kept + withheld.values().stream().mapToInt(Withheld::units).sum();
    if (units == 0) {
      return "";
    }
    if (!withheld.isEmpty()) {
      String reasons =
          withheld.entrySet().stream()
              .map(of -> of.getValue().units() + " " + of.getKey())
              .collect(Collectors.joining(", "));
      return "computed %d partitions; not kept: %s".formatted(units, reasons);
    }
    if (partitionsOfRun > 0 && !published) {
      return "computed %d of %d partitions; kept once all are computed"
          .formatted(units, partitionsOfRun);
    }
    return "computed %d partitions; all kept".formatted(units);
  }
}
