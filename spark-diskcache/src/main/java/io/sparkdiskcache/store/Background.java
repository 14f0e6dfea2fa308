// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** The store's one thread, for what nobody should wait for. */
final class Background implements AutoCloseable {
  private static final long CLOSE_SECONDS = 60;

  private final ScheduledThreadPoolExecutor executor;
  private final Trouble trouble;

  /** A task whose failure costs at most a hit. */
  interface Task {
    void run() throws SQLException, IOException;
  }

  Background(Trouble trouble) {
    this.trouble = trouble;
    this.executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> Threads.daemon(task, "spark-diskcache-store"),
            // After close: what was asked for too late is left to the next open.
            new ThreadPoolExecutor.DiscardPolicy());
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(true);
    executor.setContinueExistingPeriodicTasksAfterShutdownPolicy(false);
  }

  /**
   * @param problem for the log if it fails, see {@link Trouble#report}
   */
  void run(String problem, Task task) {
    executor.execute(() -> guarded(problem, task));
  }

  void every(long seconds, String problem, Task task) {
    every(Duration.ofSeconds(seconds), problem, task);
  }

  void every(Duration period, String problem, Task task) {
    long millis = period.toMillis();
    ScheduledFuture<?> periodic =
        executor.scheduleWithFixedDelay(
            () -> guarded(problem, task), millis, millis, TimeUnit.MILLISECONDS);
    assert !periodic.isDone();
  }

  private void guarded(String problem, Task task) {
    try {
      task.run();
    } catch (Throwable e) {
      // An error as well: the executor would keep it to itself, and never run a periodic task
      // again.
      trouble.report(problem, e);
    }
  }

  /** Returns when all that was asked for before has been done. */
  void await() throws InterruptedException {
    CountDownLatch done = new CountDownLatch(1);
    executor.execute(done::countDown);
    done.await();
  }

  /** Finishes what was asked for and ends the thread. */
  @Override
  public void close() {
    executor.shutdown();
    boolean interrupted = false;
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(CLOSE_SECONDS);
    while (!executor.isTerminated() && System.nanoTime() < deadline) {
      try {
        executor.awaitTermination(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        interrupted = true; // a killed task closing the store still has to release its files
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
