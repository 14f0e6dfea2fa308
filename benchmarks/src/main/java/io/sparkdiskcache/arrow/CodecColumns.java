// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
 * All values of one column, from rows into a file that is forced to the disk, and from the file.
 */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
public class CodecColumns {
  @Param("long")
  private String type;

  @Param("1000000")
  private int rows;

  private CodecState state;
  private Path directory;
  private Path written;
  private MappedEntry entry;

  /** Writes what is read. */
  @Setup(Level.Trial)
  public void open() throws IOException {
    state = new CodecState(type, rows);
    directory = Files.createTempDirectory(CodecBenchmarks.directory(), "codec");
    Path file = directory.resolve("read.arrow");
    written = directory.resolve("written.arrow");
    state.write(file);
    entry = MappedEntry.open(file);
  }

  /** Leaves nothing. */
  @TearDown(Level.Trial)
  public void close() throws IOException {
    CodecState.delete(directory.resolve("read.arrow"));
    CodecState.delete(directory);
  }

  /** Vectors over the mapped file, made and checked each time. */
  @Benchmark
  public long read() {
    return state.read(entry);
  }

  /** The file is made, forced and deleted. */
  @Benchmark
  public long write() throws IOException {
    long bytes = state.write(written).bytes();
    CodecState.delete(written);
    return bytes;
  }
}
