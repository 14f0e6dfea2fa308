// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import scala.collection.mutable

import org.apache.spark.{SparkContext, TaskCommitDenied}
import org.apache.spark.scheduler._

/**
 * The scheduler's figures, from its listener events: stages are counted as run when a task of them
 * started, as skipped when their job ended without one.
 */
final class StageFigures extends SparkListener {
  private val ofJobs = mutable.Set[Int]()
  private val started = mutable.Map[Int, Int]()
  private val placed = mutable.Map[String, Int]()
  private var mapTaskCount = 0
  private var returnedCount = 0
  private var jobCount = 0

  override def onJobStart(job: SparkListenerJobStart): Unit = synchronized {
    jobCount += 1
    ofJobs ++= job.stageIds
  }

  override def onTaskStart(task: SparkListenerTaskStart): Unit = synchronized {
    started(task.stageId) = started.getOrElse(task.stageId, 0) + 1
    val locality = task.taskInfo.taskLocality.toString
    placed(locality) = placed.getOrElse(locality, 0) + 1
  }

  override def onTaskEnd(task: SparkListenerTaskEnd): Unit = synchronized {
    if (task.reason.isInstanceOf[TaskCommitDenied]) {
      returnedCount += 1
    }
    if (task.taskType == "ShuffleMapTask") {
      mapTaskCount += 1
    }
  }

  /** Tasks by the locality that the scheduler saw. */
  def localities: Map[String, Int] = synchronized(placed.toMap)
  /** Tasks that were given back to the scheduler. */
  def returned: Int = synchronized(returnedCount)
  def jobs: Int = synchronized(jobCount)
  def tasks: Int = synchronized(started.values.sum)
  def mapTasks: Int = synchronized(mapTaskCount)
  def stagesRun: Int = synchronized(started.size)
  def stagesSkipped: Int = synchronized(ofJobs.count(stage => !started.contains(stage)))
}

object StageFigures {

  /** Figures of what `body` makes the scheduler do. */
  def of[T](context: SparkContext)(body: => T): (T, StageFigures) = {
    drain(context)
    val figures = new StageFigures
    context.addSparkListener(figures)
    try {
      val result = body
      drain(context)
      (result, figures)
    } finally {
      context.removeSparkListener(figures)
    }
  }

  /** Waits until every event posted so far has reached every listener. */
  def drain(context: SparkContext): Unit = {
    val bus = classOf[SparkContext].getMethod("listenerBus").invoke(context)
    bus.getClass.getMethod("waitUntilEmpty").invoke(bus)
  }
}
