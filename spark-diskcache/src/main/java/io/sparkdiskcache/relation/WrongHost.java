// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ExecutorInventory;
import org.apache.spark.TaskContext;
import org.apache.spark.executor.CommitDeniedException;
import org.apache.spark.unsafe.Platform;

/**
 * Gives a task back to the scheduler that was sent to a host without its entries: all slots of the
 * host that has them were busy for longer than {@code spark.locality.wait}. Spark counts a task
 * whose commit was denied as no failure, and starts it again, on that host as soon as a slot is
 * free there.
 */
final class WrongHost {
  private static final int MAX_ATTEMPTS = 500;
  private static final long FIRST_WAIT_MILLIS = 20;
  private static final long MAX_WAIT_MILLIS = 1_000;

  private WrongHost() {}

  /** Whether the task has been given back so often that something else must be wrong. */
  static boolean isHopeless(TaskContext context) {
    return context.attemptNumber() >= MAX_ATTEMPTS;
  }

  /**
   * Whether this host has the directory that a task is for. The task is given back if it does not
   * and another one does.
   */
  static boolean isHere(ExecutorInventory host, String directory) {
    if (host.directory().equals(directory)) {
      return true;
    }
    TaskContext task = TaskContext.get();
    if (!isHopeless(task) && host.isServed(directory)) {
      throw giveBack(task);
    }
    return false;
  }

  /** Ends the task after a short wait, which grows with its attempts. */
  static RuntimeException giveBack(TaskContext context) {
    try {
      Thread.sleep(
          Math.min(MAX_WAIT_MILLIS, FIRST_WAIT_MILLIS << Math.min(6, context.attemptNumber())));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      context.killTaskIfInterrupted();
    }
    // Declared nowhere on the way, but no cause of another either, which Spark would log as an
    // error.
    Platform.throwException(
        new CommitDeniedException(
            "The entries of this task are on another host.",
            context.stageId(),
            context.partitionId(),
            context.attemptNumber()));
    throw new IllegalStateException("unreachable");
  }
}
