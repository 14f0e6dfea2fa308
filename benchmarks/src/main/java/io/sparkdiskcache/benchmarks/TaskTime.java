// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkContext;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** The time that tasks ran for. */
final class TaskTime extends SparkListener {
  private final SparkContext context;
  private long millis;

  private TaskTime(SparkContext context) {
    this.context = context;
  }

  static TaskTime of(SparkContext context) {
    TaskTime time = new TaskTime(context);
    context.addSparkListener(time);
    return time;
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd event) {
    TaskMetrics metrics = event.taskMetrics();
    // A task that was killed before it ran has none.
    if (metrics != null) {
      millis += metrics.executorRunTime();
    }
  }

  /** Milliseconds of all tasks that have ended since this was asked before. */
  long next() throws InterruptedException, TimeoutException {
    context.listenerBus().waitUntilEmpty();
    synchronized (this) {
      long passed = millis;
      millis = 0;
      return passed;
    }
  }
}
