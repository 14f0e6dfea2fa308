// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.SyntheticCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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

/** Opening a cache that is there, which must not write to it. */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class StoreOpen {
  @Param("1000")
  private int entries;

  private Map<String, FileTime> before;
  private DiskStore store;

  @Setup(Level.Trial)
  public void look() throws IOException {
    before = files();
  }

  @Benchmark
  public DiskStore open() throws StoreException {
    store = SyntheticCache.open(StoreBenchmarks.cache(entries));
    return store;
  }

  @TearDown(Level.Invocation)
  public void close() {
    store.close();
  }

  @TearDown(Level.Trial)
  public void compare() throws IOException {
    Map<String, FileTime> after = files();
    if (!after.equals(before)) {
      throw new IllegalStateException("opening wrote: before " + before + ", after " + after);
    }
  }

  /**
   * When each file and folder of the cache was written, without those of entries. SQLite makes its
   * companions anew with the first connection and deletes them with the last.
   */
  private Map<String, FileTime> files() throws IOException {
    Path root = StoreBenchmarks.cache(entries);
    Map<String, FileTime> times = new TreeMap<>();
    try (Stream<Path> files = Files.walk(root, 2)) {
      for (Path path : files.filter(path -> !path.equals(root)).toList()) {
        if (!path.toString().endsWith("-wal") && !path.toString().endsWith("-shm")) {
          times.put(root.relativize(path).toString(), Files.getLastModifiedTime(path));
        }
      }
    }
    return times;
  }
}
