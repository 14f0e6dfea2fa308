// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntBinaryOperator;
import org.jetbrains.kotlinx.lincheck.Actor;
import org.jetbrains.kotlinx.lincheck.LinChecker;
import org.jetbrains.kotlinx.lincheck.annotations.Operation;
import org.jetbrains.kotlinx.lincheck.annotations.Param;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.kotlinx.lincheck.paramgen.IntGen;
import org.jetbrains.kotlinx.lincheck.strategy.stress.StressOptions;
import org.jetbrains.kotlinx.lincheck.verifier.VerifierState;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Get, put and invalidate of one key, by several threads at a time: every result is explained by
 * some order of the calls, which Lincheck looks for.
 *
 * <p>Lincheck loads the class it tests, and whatever that names, anew for every scenario. The store
 * is opened once, and handed over behind types of the JDK, of which there is one only.
 */
public class LinearizabilityTest {
  private static final int SCENARIOS =
      Integer.getInteger("diskcache.linearizability.scenarios", 300);

  private static final int RUNS_OF_A_SCENARIO = 5;
  private static final int THREADS = 3;
  private static final int CALLS_OF_A_THREAD = 3;
  private static final String CALLS = "diskcache.linearizability.calls";

  @TempDir Path temp;

  @Test
  void callsOfSeveralThreadsAreLinearizable() throws Exception {
    Random random = new Random(StoreFixture.seed("LinearizabilityTest"));
    StressOptions options =
        new StressOptions()
            .iterations(0) // of Lincheck's own scenarios, which are the same each time
            .invocationsPerIteration(RUNS_OF_A_SCENARIO)
            .threads(THREADS)
            .sequentialSpecification(FirstWriterWins.class);
    for (int i = 0; i < SCENARIOS; i++) {
      options.addCustomScenario(scenario(random));
    }
    try (DiskStore store = StoreFixture.open(temp)) {
      System.getProperties().put(CALLS, calls(store));
      LinChecker.check(OneKey.class, options);
      assertThat(store.stats().errors()).isZero();
      assertThat(store.stats().duplicatesDiscarded()).as("puts met each other").isPositive();
      assertThat(store.stats().hits()).isPositive();
    } finally {
      System.getProperties().remove(CALLS);
    }
  }

  private static ExecutionScenario scenario(Random random) throws NoSuchMethodException {
    List<List<Actor>> threads = new ArrayList<>();
    int version = 1;
    for (int thread = 0; thread < THREADS; thread++) {
      List<Actor> calls = new ArrayList<>();
      for (int i = 0; i < CALLS_OF_A_THREAD; i++) {
        calls.add(call(random.nextInt(3), ++version));
      }
      threads.add(calls);
    }
    List<Actor> before = random.nextBoolean() ? List.of(call(1, 1)) : List.of();
    return new ExecutionScenario(before, threads, List.of(call(0, 0)));
  }

  private static Actor call(int kind, int version) throws NoSuchMethodException {
    Method put = OneKey.class.getMethod("put", int.class);
    return switch (kind) {
      case 0 -> new Actor(OneKey.class.getMethod("get"), List.of());
      case 1 -> new Actor(put, List.of(version));
      default -> new Actor(OneKey.class.getMethod("invalidate"), List.of());
    };
  }

  /** Each is given the number of a key and a version, which is kept as the length of the entry. */
  private static Map<String, IntBinaryOperator> calls(DiskStore store) {
    AtomicInteger keys = new AtomicInteger();
    return Map.of(
        "new", (none, nothing) -> newKey(store, keys.incrementAndGet()),
        "get", (key, nothing) -> store.find(key(key)).map(e -> (int) e.bytes()).orElse(0),
        "put", (key, version) -> put(store, key(key), version),
        "invalidate", (key, nothing) -> (int) store.evict(e -> e.key().equals(key(key))));
  }

  /** Few others are left, for an invalidation looks at all entries. */
  private static int newKey(DiskStore store, int key) {
    if (key % 20 == 0) {
      store.clear();
    }
    return key;
  }

  private static int put(DiskStore store, Key key, int version) {
    byte[] bytes = new byte[version];
    try (PendingEntry pending = store.begin(key)) {
      Files.write(pending.path(), bytes); // not forced: what happens to the name is tried here
      return (int) pending.publish(StoreFixture.meta(bytes)).bytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (StoreException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One for each run of a scenario. */
  public static final class OneKey {
    private final Map<?, ?> calls =
        (Map<?, ?>) Objects.requireNonNull(System.getProperties().get(CALLS));
    private final int key = call("new", 0, 0);

    @Operation
    public int get() {
      return call("get", key, 0);
    }

    @Operation
    public int put(@Param(gen = IntGen.class) int version) {
      return call("put", key, version);
    }

    @Operation
    public void invalidate() {
      call("invalidate", key, 0);
    }

    private int call(String name, int key, int version) {
      return ((IntBinaryOperator) Objects.requireNonNull(calls.get(name))).applyAsInt(key, version);
    }
  }

  /** The store as one thread would see it: a put returns what is there afterwards. */
  public static final class FirstWriterWins extends VerifierState {
    private int state;

    public int get() {
      return state;
    }

    public int put(int version) {
      state = state == 0 ? version : state;
      return state;
    }

    public void invalidate() {
      state = 0;
    }

    @Override
    protected Object extractState() {
      return state;
    }
  }
}
