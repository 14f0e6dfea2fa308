// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.HashSet;
import java.util.Set;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * Counts stages, tasks and bytes of an application. Spark calls it from the one thread of its
 * listener queue; the counts are complete, and safe to read, once the context has stopped.
 */
final class StageFigures extends SparkListener {
  private final Set<Integer> listed = new HashSet<>();
  private final Set<Integer> submitted = new HashSet<>();
  private long tasks;
  private long bytesRead;
  private long bytesShuffled;
  private long bytesWritten;

  @Override
  public synchronized void onJobStart(SparkListenerJobStart event) {
    event.stageInfos().foreach(stage -> listed.add(stage.stageId()));
  }

  @Override
  public synchronized void onStageSubmitted(SparkListenerStageSubmitted event) {
    submitted.add(event.stageInfo().stageId());
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd event) {
    tasks++;
    TaskMetrics metrics = event.taskMetrics();
    // A task that was killed before it ran has none.
    if (metrics != null) {
      bytesRead += metrics.inputMetrics().bytesRead();
      bytesShuffled += metrics.shuffleWriteMetrics().bytesWritten();
      bytesWritten += metrics.outputMetrics().bytesWritten();
    }
  }

  synchronized long stagesRun() {
    return submitted.size();
  }

  /** As on the Jobs page: a job needed the stage's result and found it already there. */
  synchronized long stagesSkipped() {
    return listed.stream().filter(id -> !submitted.contains(id)).count();
  }

  synchronized long tasks() {
    return tasks;
  }

  synchronized long bytesRead() {
    return bytesRead;
  }

  synchronized long bytesShuffled() {
    return bytesShuffled;
  }

  synchronized long bytesWritten() {
    return bytesWritten;
  }
}
