// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.python.PythonAccumulatorV2;
import org.apache.spark.util.AccumulatorV2;
import org.apache.spark.util.CollectionAccumulator;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;

/**
 * Stands in the place of PySpark's accumulator. In a task it takes the verdicts of workers out, for
 * {@link TaskEvidence} there and for {@link DriverEvidence}; all other updates reach PySpark's own
 * accumulator as if this one were not there.
 *
 * <p>A task has as many copies of it as functions, and workers answer to one of them. So what a
 * task still expects is kept by its attempt, and told when it ends, before its updates are
 * collected.
 */
final class ProofAccumulator extends CollectionAccumulator<byte[]> {
  private static final long serialVersionUID = 1;

  /** Verdicts that are still to come, by attempt and digest. */
  private static final Map<Long, Map<String, Integer>> EXPECTED = new ConcurrentHashMap<>();

  private static @Nullable ProofAccumulator latest;

  /** PySpark's own; null in a task. */
  private final transient @Nullable PythonAccumulatorV2 original;

  private final ArrayList<WorkerVerdict> verdicts = new ArrayList<>();

  private ProofAccumulator(@Nullable PythonAccumulatorV2 original) {
    this.original = original;
  }

  /** One for each accumulator of PySpark's, that is for each application. */
  static synchronized ProofAccumulator instead(PythonAccumulatorV2 original, SparkContext context) {
    ProofAccumulator known = latest;
    if (known == null || known.original != original) {
      known = new ProofAccumulator(original);
      context.register(known);
      latest = known;
    }
    return known;
  }

  /** The task sends the function to a worker, which owes a verdict from now on. */
  void expect(String digest, TaskContext task) {
    TaskEvidence.of(task).started(digest);
    long attempt = task.taskAttemptId();
    Map<String, Integer> expected =
        EXPECTED.computeIfAbsent(
            attempt,
            id -> {
              TaskCompletionListener ended = any -> tellUnproven(EXPECTED.remove(id));
              task.addTaskCompletionListener(ended);
              return new HashMap<>();
            });
    synchronized (expected) {
      expected.merge(digest, 1, Integer::sum);
    }
  }

  private void tellUnproven(@Nullable Map<String, Integer> expected) {
    if (expected == null) {
      return;
    }
    synchronized (expected) {
      expected.forEach(
          (digest, count) -> {
            if (count > 0) {
              keep(WorkerVerdict.missing(digest));
            }
          });
    }
  }

  @Override
  public void add(byte[] update) {
    if (!WorkerVerdict.isOne(update)) {
      super.add(update);
      return;
    }
    TaskContext task = TaskContext.get();
    if (task == null) {
      return; // the driver asks workers, too, when it analyzes a table function
    }
    for (WorkerVerdict verdict : WorkerVerdict.decode(update)) {
      verdict.tell(TaskEvidence.of(task));
      keep(verdict);
      Map<String, Integer> expected = EXPECTED.get(task.taskAttemptId());
      if (expected != null) {
        synchronized (expected) {
          expected.merge(verdict.digest(), -1, Integer::sum);
        }
      }
    }
  }

  private synchronized void keep(WorkerVerdict verdict) {
    verdicts.add(verdict);
  }

  @Override
  public synchronized boolean isZero() {
    return super.isZero() && verdicts.isEmpty();
  }

  @Override
  public ProofAccumulator copyAndReset() {
    return new ProofAccumulator(original);
  }

  @Override
  public synchronized ProofAccumulator copy() {
    ProofAccumulator copy = copyAndReset();
    value().forEach(copy::put);
    copy.verdicts.addAll(verdicts);
    return copy;
  }

  private void put(byte[] update) {
    super.add(update);
  }

  @Override
  public synchronized void reset() {
    super.reset();
    verdicts.clear();
  }

  @Override
  public void merge(AccumulatorV2<byte[], List<byte[]>> other) {
    if (other instanceof ProofAccumulator ofTask) {
      ofTask.kept().forEach(WorkerVerdict::tellDriver);
    }
    if (original == null) {
      super.merge(other);
    } else if (!other.value().isEmpty()) {
      PythonAccumulatorV2 updates = original.copyAndReset();
      other.value().forEach(updates::add);
      original.merge(updates);
    }
  }

  private synchronized List<WorkerVerdict> kept() {
    return List.copyOf(verdicts);
  }

  /** How many attempts still expect something, for leak tests. */
  static int expected() {
    return EXPECTED.size();
  }

  @Override
  public String toString() {
    return "verdicts of Python workers"
        + Optional.ofNullable(original).map(of -> " beside accumulator " + of.id()).orElse("");
  }
}
