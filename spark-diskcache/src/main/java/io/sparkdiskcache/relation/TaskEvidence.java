// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;

/**
 * The evidence about the functions of one task attempt.
 *
 * <h2>Units</h2>
 *
 * A task may compute several units, one after the other, and a unit may be computed from another
 * cached relation, whose unit is computed first. So evidence is a stack: what is reported belongs
 * to the unit that was begun last, and what is found of it counts for the one below, which is made
 * of its rows. A proof counts for one unit: a function proves itself again for the next, and
 * reports again the files from which it holds something in memory.
 *
 * <h2>Below an exchange</h2>
 *
 * In a task that computes no unit reports are kept for nobody. The evidence about functions that
 * run there has to reach {@link DriverEvidence}, by an accumulator.
 */
@Internal
public final class TaskEvidence {
  private static final Map<Long, TaskEvidence> ATTEMPTS = new ConcurrentHashMap<>();

  private final Deque<Evidence> units = new ArrayDeque<>();

  private TaskEvidence() {
    units.push(new Evidence());
  }

  /** Where what runs in this task attempt reports; from any thread. */
  public static Evidence of(TaskContext context) {
    return attempt(context).top();
  }

  /** The same from a thread that knows only the attempt's id; empty if it has ended. */
  public static Optional<Evidence> ofAttempt(long taskAttemptId) {
    return Optional.ofNullable(ATTEMPTS.get(taskAttemptId)).map(TaskEvidence::top);
  }

  private static TaskEvidence attempt(TaskContext context) {
    long id = context.taskAttemptId();
    TaskEvidence known = ATTEMPTS.get(id);
    if (known != null) {
      return known;
    }
    TaskEvidence fresh = new TaskEvidence();
    TaskEvidence before = ATTEMPTS.putIfAbsent(id, fresh);
    if (before != null) {
      return before;
    }
    TaskCompletionListener drop = ended -> ATTEMPTS.remove(id);
    context.addTaskCompletionListener(drop);
    return fresh;
  }

  private synchronized Evidence top() {
    return units.getFirst();
  }

  /** Begins a unit of the task, inside of the one that is being computed. */
  static Unit begin(TaskContext context) {
    return attempt(context).begin();
  }

  private synchronized Unit begin() {
    Evidence evidence = new Evidence();
    units.push(evidence);
    return new Unit(evidence);
  }

  /** Takes what was found of rows of another unit into the unit that is being computed. */
  static void include(TaskContext context, Findings findings) {
    if (!findings.isEmpty()) {
      of(context).include(findings);
    }
  }

  /** How many attempts are known, for leak tests. */
  static int size() {
    return ATTEMPTS.size();
  }

  /** The evidence about one unit; ended once, at the latest when it is closed. */
  final class Unit implements AutoCloseable {
    private final Evidence evidence;
    private @Nullable Findings findings;

    private Unit(Evidence evidence) {
      this.evidence = evidence;
    }

    /**
     * The findings, after the last row; the same ones when they are asked for again.
     *
     * @param demanded digests of functions that have to be proven
     * @param elsewhere what was found of functions in other tasks
     */
    Findings end(Set<String> demanded, Supplier<Findings> elsewhere) {
      Findings found = findings;
      if (found == null) {
        found = evidence.findings(demanded).and(elsewhere.get()).lookedAt();
        findings = found;
        leave(evidence);
      }
      return found;
    }

    @Override
    public void close() {
      if (findings == null) { // the rows failed
        leave(evidence);
      }
    }
  }

  private synchronized void leave(Evidence evidence) {
    units.remove(evidence);
  }
}
