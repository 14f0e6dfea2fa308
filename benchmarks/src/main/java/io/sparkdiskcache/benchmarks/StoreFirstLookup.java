// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.SyntheticCache;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Finding entries that this process was not asked for before, which the index has to tell. For
 * caches of so many entries that an iteration does not come to their end, nor to where the store
 * reads its index ahead.
 */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 100, time = 50, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 40, time = 50, timeUnit = TimeUnit.MILLISECONDS)
public class StoreFirstLookup {
  static final int MIN_ENTRIES = 100_000;

  private static final int KEYS = 1 << 18;

  @Param("100000")
  private int entries;

  private DiskStore store;
  private Key[] keys;
  private int next;

  @Setup(Level.Trial)
  public void choose() {
    keys =
        new Random(1)
            .ints(0, entries)
            .distinct()
            .limit(Math.min(KEYS, entries))
            .mapToObj(SyntheticCache::key)
            .toArray(Key[]::new);
  }

  @Setup(Level.Iteration)
  public void open() throws StoreException {
    store = SyntheticCache.open(StoreBenchmarks.cache(entries));
  }

  @TearDown(Level.Iteration)
  public void close() {
    store.close();
  }

  @Benchmark
  public Optional<Entry> first() {
    next = next + 1 == keys.length ? 0 : next + 1;
    Optional<Entry> entry = store.find(keys[next]);
    if (entry.isEmpty()) {
      throw new IllegalStateException("entry " + keys[next] + " is missing");
    }
    return entry;
  }
}
