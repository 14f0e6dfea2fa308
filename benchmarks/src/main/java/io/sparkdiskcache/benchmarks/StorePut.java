// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryMeta;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.SyntheticCache;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Publishing an entry of 1 MiB, and the least it takes: a file written, forced and renamed. */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3)
@Warmup(iterations = 1, time = 2)
@Measurement(iterations = 4, time = 2)
public class StorePut {
  private static final int BYTES = 1 << 20;

  private byte[] bytes;
  private EntryMeta meta;
  private Path plain;
  private DiskStore store;
  private long next;

  @Setup(Level.Iteration)
  public void open() throws StoreException, IOException {
    bytes = new byte[BYTES];
    new Random(1).nextBytes(bytes);
    meta = SyntheticCache.meta(bytes);
    plain = Files.createDirectories(StoreBenchmarks.directory().resolve("plain"));
    store = SyntheticCache.open(StoreBenchmarks.directory().resolve("put"));
  }

  @TearDown(Level.Iteration)
  public void clear() throws IOException {
    store.clear();
    store.close();
    Trees.delete(plain);
  }

  @Benchmark
  public Entry entry() throws StoreException, IOException {
    try (PendingEntry pending = store.begin(SyntheticCache.key(next++))) {
      write(pending.path());
      return pending.publish(meta);
    }
  }

  @Benchmark
  public Path file() throws IOException {
    long number = next++;
    Path temp = plain.resolve("temp" + number);
    write(temp);
    return Files.move(temp, plain.resolve("file" + number), StandardCopyOption.ATOMIC_MOVE);
  }

  private void write(Path path) throws IOException {
    try (FileChannel file =
        FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        file.write(buffer);
      }
      file.force(true);
    }
  }
}
