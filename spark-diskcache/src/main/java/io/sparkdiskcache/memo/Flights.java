// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * One call per key at a time among the tasks of this process. Those that come second share the
 * answer; after a failure the next of them tries, and after too long a wait each by itself.
 */
final class Flights {
  private final ConcurrentMap<MemoKey, CompletableFuture<Optional<Known>>> flights =
      new ConcurrentHashMap<>();

  /** Finds or computes. */
  interface Flight {
    Known fly() throws Exception;
  }

  /**
   * @param joined told the answer of somebody else's flight
   */
  Known join(MemoKey key, Duration patience, Flight flight, Consumer<Known> joined)
      throws Exception {
    CompletableFuture<Optional<Known>> mine = new CompletableFuture<>();
    long deadline = System.nanoTime() + patience.toNanos();
    while (true) {
      CompletableFuture<Optional<Known>> flying = flights.putIfAbsent(key, mine);
      if (flying == null) {
        return lead(key, mine, flight);
      }
      Optional<Known> answer;
      try {
        answer = flying.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        return flight.fly(); // its thread hangs
      } catch (ExecutionException e) {
        throw new IllegalStateException("flights end with an answer or without", e);
      }
      if (answer.isPresent()) {
        joined.accept(answer.get());
        return answer.get();
      }
    }
  }

  private Known lead(MemoKey key, CompletableFuture<Optional<Known>> mine, Flight flight)
      throws Exception {
    Optional<Known> answer = Optional.empty();
    try {
      Known known = flight.fly();
      answer = Optional.of(known);
      return known;
    } finally {
      flights.remove(key, mine);
      mine.complete(answer);
    }
  }
}
