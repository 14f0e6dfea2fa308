// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.SyntheticCache;
import java.nio.file.Path;
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

/** Finding an entry by its key, the look at its file included. */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 10, time = 1)
@Measurement(iterations = 5, time = 1)
public class StoreLookup {
  /** Entries that a few jobs use; fewer than the store keeps in memory. */
  private static final int HOT = 10_000;

  private static final int KEYS = 1 << 18;

  @Param("1000")
  private int entries;

  private DiskStore store;
  private Key[] hot;
  private Key[] any;
  private Key[] absent;
  private int next;

  @Setup(Level.Trial)
  public void open() throws StoreException {
    Random random = new Random(1);
    Path directory = StoreBenchmarks.cache(entries);
    store = SyntheticCache.open(directory);
    hot = new Key[Math.min(HOT, entries)];
    for (int i = 0; i < hot.length; i++) {
      hot[i] = SyntheticCache.key(random.nextInt(entries));
    }
    any = new Key[KEYS];
    absent = new Key[KEYS];
    for (int i = 0; i < KEYS; i++) {
      any[i] = SyntheticCache.key(random.nextInt(entries));
      absent[i] = SyntheticCache.key(-1L - i);
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    store.close();
  }

  /** Keys that are asked for again and again. */
  @Benchmark
  public Optional<Entry> hot() {
    return found(hot);
  }

  /** Any key there is, by a process that has asked for many: the store has read its index ahead. */
  @Benchmark
  public Optional<Entry> any() {
    return found(any);
  }

  @Benchmark
  public Optional<Entry> absent() {
    return store.find(absent[next++ & (KEYS - 1)]);
  }

  private Optional<Entry> found(Key[] keys) {
    int i = next++;
    Optional<Entry> entry = store.find(keys[i % keys.length]);
    next = i + 1 == keys.length ? 0 : i + 1;
    if (entry.isEmpty()) {
      throw new IllegalStateException("entry " + keys[i % keys.length] + " is missing");
    }
    return entry;
  }
}
