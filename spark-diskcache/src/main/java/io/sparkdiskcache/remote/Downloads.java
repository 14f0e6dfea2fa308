// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Foreign;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Requests that somebody waits for. They run on threads of their own, so that a file system that
 * hangs holds nobody up for longer than {@link #STALLED}, and a killed task stops waiting.
 */
final class Downloads {
  private static final int THREADS = 16;
  private static final int QUEUE = 1 << 20;
  private static final long STALLED = TimeUnit.SECONDS.toNanos(20);
  private static final long POLL_MILLIS = 50;

  private final Availability availability;
  private final ThreadPoolExecutor pool = Pools.of("diskcache-download", THREADS, QUEUE);
  private volatile long lastProgress = System.nanoTime();

  Downloads(Availability availability) {
    this.availability = availability;
  }

  /** A request; empty if there is nothing. Whatever it throws is a failure. */
  interface Request<T> {
    Optional<T> run(Watch watch) throws IOException;
  }

  /** By which a request shows that it goes on, and learns that nobody waits any more. */
  final class Watch {
    private volatile boolean started;
    private volatile long progress;
    private volatile boolean abandoned;

    void progress() throws IOException {
      if (abandoned) {
        throw new IOException("nobody waits for it any more");
      }
      started = true;
      progress = System.nanoTime();
      lastProgress = progress;
    }

    private boolean isStalled(long since) {
      long last = started ? progress : Math.max(since, lastProgress);
      return System.nanoTime() - last > STALLED;
    }
  }

  /** A request that has begun. */
  final class Running<T> {
    private final String problem;
    private final Watch watch;
    private final FutureTask<Optional<T>> task;
    private final long since = System.nanoTime();

    private Running(String problem, Watch watch, FutureTask<Optional<T>> task) {
      this.problem = problem;
      this.watch = watch;
      this.task = task;
    }

    /**
     * The answer; empty if there is none, or none in time.
     *
     * @param waiting called now and then meanwhile; may throw to give up
     */
    Optional<T> await(Runnable waiting) {
      boolean done = false;
      try {
        while (true) {
          try {
            Optional<T> result = task.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
            done = true;
            return result;
          } catch (TimeoutException e) {
            waiting.run();
            if (watch.isStalled(since)) {
              availability.failed(problem, e);
              return Optional.empty();
            }
          }
        }
      } catch (ExecutionException e) {
        if (e.getCause() instanceof Error fatal) { // the only thing that a request throws
          throw fatal;
        }
        throw new IllegalStateException(problem, e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        waiting.run();
        return Optional.empty();
      } finally {
        if (!done) {
          abandon();
        }
      }
    }

    void abandon() {
      watch.abandoned = true;
    }
  }

  <T> Running<T> start(String problem, Request<T> request) {
    Watch watch = new Watch();
    FutureTask<Optional<T>> task = new FutureTask<>(() -> run(problem, request, watch));
    try {
      pool.execute(task);
    } catch (RejectedExecutionException e) { // closed, or far too many
      watch.abandoned = true;
      task.run();
    }
    return new Running<>(problem, watch, task);
  }

  private <T> Optional<T> run(String problem, Request<T> request, Watch watch) {
    if (!availability.isAvailable()) {
      return Optional.empty();
    }
    try {
      watch.progress();
      Optional<T> result = Foreign.call("a request", () -> request.run(watch));
      availability.succeeded();
      return result;
    } catch (IOException e) {
      if (!watch.abandoned) {
        availability.failed(problem, e);
      }
      return Optional.empty();
    }
  }

  void close() {
    pool.shutdownNow();
  }
}
