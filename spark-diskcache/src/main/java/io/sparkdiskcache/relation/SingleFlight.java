// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;

/**
 * One computation per key in this process: who comes second waits and looks again.
 *
 * <p>A lock per key and none shared between keys: a task that computes one relation may need an
 * entry of another below it, and plans have no cycles, so waiting cannot go round in a circle.
 */
final class SingleFlight {
  private static final long POLL_MILLIS = 100;

  private final ConcurrentHashMap<String, CountDownLatch> flights = new ConcurrentHashMap<>();

  /**
   * The result of {@code find}, else of {@code compute}; while another task computes the same key,
   * waits for it. A killed task stops waiting.
   */
  <T> T run(String key, TaskContext context, Supplier<Optional<T>> find, Supplier<T> compute) {
    while (true) {
      CountDownLatch mine = new CountDownLatch(1);
      CountDownLatch other = flights.putIfAbsent(key, mine);
      if (other == null) {
        try {
          Optional<T> found = find.get();
          return found.isPresent() ? found.get() : compute.get();
        } finally {
          flights.remove(key, mine);
          mine.countDown();
        }
      }
      await(other, context);
    }
  }

  private static void await(CountDownLatch latch, TaskContext context) {
    try {
      while (!latch.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        context.killTaskIfInterrupted();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      context.killTaskIfInterrupted();
      throw new IllegalStateException("interrupted while another task computes the same entry", e);
    }
  }
}
