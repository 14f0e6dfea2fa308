// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import org.apache.arrow.memory.AllocationListener;
import org.apache.spark.TaskContext;
import org.apache.spark.memory.MemoryConsumer;
import org.apache.spark.memory.SparkOutOfMemoryError;
import org.apache.spark.memory.TaskMemoryManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Memory outside of the heap that a task holds for the cache, counted among what Spark lets tasks
 * have: in its pool for memory outside of the heap if there is one, else in that of the heap, which
 * then leaves as much free. Other operators of the task are asked to spill for it.
 *
 * <p>Nothing is refused here, for what is begun has to be finished. But when Spark grants less than
 * is taken, or wants some for another operator, {@link #isWanted} says so, once, and who holds
 * memory gives back what he can. For one thread, except for what Spark calls.
 */
@Internal
public final class TaskMemory extends MemoryConsumer implements AllocationListener, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(TaskMemory.class);

  private final TaskContext context;
  private long held;
  private long peak;
  private volatile boolean wanted;

  private TaskMemory(TaskContext context, TaskMemoryManager manager) {
    super(manager, manager.getTungstenMemoryMode());
    this.context = context;
  }

  /** For the task; to be closed by its end. */
  public static TaskMemory of(TaskContext context) {
    return new TaskMemory(context, context.taskMemoryManager());
  }

  /** Counts memory that is about to be taken. */
  public void take(long bytes) {
    held += bytes;
    peak = Math.max(peak, held);
    long missing = held - getUsed();
    if (missing > 0 && granted(missing) < missing) {
      wanted = true;
    }
  }

  /** Counts memory that is about to be taken, if Spark grants all of it. */
  public boolean takeIfGranted(long bytes) {
    long missing = held + bytes - getUsed();
    if (missing > 0 && granted(missing) < missing) {
      freeMemory(Math.max(0, getUsed() - held));
      return false;
    }
    held += bytes;
    peak = Math.max(peak, held);
    return true;
  }

  private long granted(long bytes) {
    try {
      return acquireMemory(bytes);
    } catch (SparkOutOfMemoryError e) {
      // Another operator could not spill. If it needs to, it will say so itself.
      log.warn("The cache goes on without {} bytes of memory: {}", bytes, e.getMessage());
      return 0;
    }
  }

  /** Counts memory that was returned. */
  public void giveBack(long bytes) {
    held -= bytes;
    long surplus = getUsed() - held;
    if (surplus > 0) {
      freeMemory(surplus);
    }
  }

  /** Whether memory should be given back; asked for once each time. */
  public boolean isWanted() {
    boolean now = wanted;
    if (now) {
      wanted = false;
    }
    return now;
  }

  /** Called by Spark, by whichever thread of the task needs memory: nothing can be freed here. */
  @Override
  public long spill(long size, MemoryConsumer trigger) {
    wanted = true;
    return 0;
  }

  @Override
  public void onPreAllocation(long size) {
    take(size);
  }

  @Override
  public void onRelease(long size) {
    giveBack(size);
  }

  /** Gives back what is left, and tells the task's metrics how much it was at most. */
  @Override
  public void close() {
    giveBack(held);
    context.taskMetrics().incPeakExecutionMemory(peak);
    peak = 0;
  }
}
