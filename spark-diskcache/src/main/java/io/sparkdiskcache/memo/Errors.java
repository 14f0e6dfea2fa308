// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoResult;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides on the errors of one function in this process. */
final class Errors {
  private static final Logger log = LoggerFactory.getLogger(Errors.class);
  private static final int LOG_EVERY = 100;

  private final String name;
  private final MemoOptions.OnError treatment;
  private final AtomicLong count = new AtomicLong();
  private final ConcurrentMap<Long, Failures> ofAttempts = new ConcurrentHashMap<>();

  /** Of one attempt of a task, which counts them by its one thread. */
  private static final class Failures {
    private final Exception first;
    private long count;

    Failures(Exception first) {
      this.first = first;
    }
  }

  Errors(String name, MemoOptions.OnError treatment) {
    this.name = name;
    this.treatment = treatment;
  }

  /** The null that a row gets, unless its task is to fail at once. */
  Known answer(Exception error) throws Exception {
    TaskContext task = TaskContext.get();
    if (treatment == MemoOptions.OnError.FAIL
        || (treatment == MemoOptions.OnError.REPORT && task == null)) {
      throw error;
    }
    long occurrence = count.incrementAndGet();
    if (occurrence == 1 || occurrence % LOG_EVERY == 0) {
      log.warn("{} failed (occurrence {}); the row gets null", name, occurrence, error);
    }
    if (treatment == MemoOptions.OnError.REPORT) {
      Failures failures =
          ofAttempts.computeIfAbsent(task.taskAttemptId(), id -> reported(task, error));
      failures.count++;
    }
    return new Known(null, new MemoResult(new byte[0], 0, 0, 0, 0));
  }

  private Failures reported(TaskContext task, Exception first) {
    TaskCompletionListener listener = this::report;
    task.addTaskCompletionListener(listener);
    return new Failures(first);
  }

  private void report(TaskContext task) {
    Failures failures = ofAttempts.remove(task.taskAttemptId());
    if (failures != null && !task.isFailed() && !task.isInterrupted()) {
      throw new IllegalStateException(
          "%d calls of %s failed, and the results of the others are kept; the first error: %s"
              .formatted(failures.count, name, failures.first),
          failures.first);
    }
  }
}
