// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Histories of get, put and invalidate on one key, by several threads at a time, each explained by
 * some order that respects what was over before what began: the definition, tried by search.
 */
class LinearizabilityTest {
  private static final int THREADS = 3;
  private static final int OPERATIONS = 3;
  private static final int ROUNDS = Integer.getInteger("diskcache.linearizability.rounds", 300);

  @TempDir Path temp;

  private enum Kind {
    GET,
    PUT,
    INVALIDATE
  }

  /** What was found or kept: the version in the file's first byte, or none. */
  private record Call(Kind kind, int argument, Optional<Integer> result, long begin, long end) {}

  @Test
  void historiesOfOneKeyAreLinearizable() throws Exception {
    long seed = StoreFixture.seed("LinearizabilityTest");
    Random random = new Random(seed);
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    int overlapping = 0;
    try (DiskStore store = StoreFixture.open(temp)) {
      for (int round = 0; round < ROUNDS; round++) {
        List<Call> history = history(store, key(round), random.nextLong(), threads);
        assertThat(explained(history, Optional.empty()))
            .as("seed %d round %d: %s", seed, round, history)
            .isTrue();
        if (history.stream().anyMatch(a -> history.stream().anyMatch(b -> overlap(a, b)))) {
          overlapping++;
        }
      }
      assertThat(store.stats().errors()).isZero();
    } finally {
      threads.shutdownNow();
    }
    assertThat(overlapping).as("calls met each other").isGreaterThan(ROUNDS / 4);
  }

  private static boolean overlap(Call a, Call b) {
    return a.begin != b.begin && a.begin < b.end && b.begin < a.end;
  }

  private static List<Call> history(DiskStore store, Key key, long seed, ExecutorService threads)
      throws Exception {
    ConcurrentLinkedQueue<Call> calls = new ConcurrentLinkedQueue<>();
    AtomicLong time = new AtomicLong();
    CyclicBarrier start = new CyclicBarrier(THREADS);
    List<Future<?>> running = new ArrayList<>();
    for (int thread = 0; thread < THREADS; thread++) {
      int number = thread;
      running.add(
          threads.submit(
              () -> {
                Random random = new Random(seed + number);
                start.await();
                for (int i = 0; i < OPERATIONS; i++) {
                  Kind kind = Kind.values()[random.nextInt(3)];
                  int version = 1 + number * OPERATIONS + i;
                  long begin = time.incrementAndGet();
                  Optional<Integer> result = call(store, key, kind, version);
                  calls.add(new Call(kind, version, result, begin, time.incrementAndGet()));
                }
                return null;
              }));
    }
    for (Future<?> future : running) {
      future.get();
    }
    return List.copyOf(calls);
  }

  private static Optional<Integer> call(DiskStore store, Key key, Kind kind, int version)
      throws Exception {
    return switch (kind) {
      case GET -> store.find(key).map(LinearizabilityTest::version);
      case PUT -> {
        byte[] bytes = new byte[100 + version];
        yield Optional.of(version(StoreFixture.put(store, key, bytes, StoreFixture.meta(bytes))));
      }
      default -> {
        store.evict(entry -> entry.key().equals(key));
        yield Optional.empty();
      }
    };
  }

  /** By the length, which is known without the file. */
  private static int version(Entry entry) {
    return (int) entry.bytes() - 100;
  }

  /** Whether the calls left can follow each other from that state. */
  private static boolean explained(List<Call> left, Optional<Integer> state) {
    if (left.isEmpty()) {
      return true;
    }
    for (Call next : left) {
      if (left.stream().noneMatch(other -> other.end < next.begin) && fits(next, state)) {
        List<Call> rest = new ArrayList<>(left);
        rest.remove(next);
        if (explained(rest, after(next, state))) {
          return true;
        }
      }
    }
    return false;
  }

  /** The first writer wins: a put returns what is there afterwards. */
  private static boolean fits(Call call, Optional<Integer> state) {
    return switch (call.kind) {
      case GET -> call.result.equals(state);
      case PUT -> call.result.equals(state.or(() -> Optional.of(call.argument)));
      case INVALIDATE -> true;
    };
  }

  private static Optional<Integer> after(Call call, Optional<Integer> state) {
    return switch (call.kind) {
      case GET -> state;
      case PUT -> call.result;
      case INVALIDATE -> Optional.empty();
    };
  }
}
