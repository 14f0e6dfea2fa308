// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Threads;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Threads that end when idle and never keep a process alive. */
final class Pools {
  private static final long IDLE_SECONDS = 10;

  private Pools() {}

  static ThreadPoolExecutor of(String name, int threads, int queue) {
    AtomicInteger number = new AtomicInteger();
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            threads,
            threads,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(queue),
            work -> Threads.daemon(work, name + "-" + number.getAndIncrement()));
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }
}
