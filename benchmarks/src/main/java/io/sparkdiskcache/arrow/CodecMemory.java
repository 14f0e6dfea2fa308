// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.spark.unsafe.Platform;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Measures what memory itself allows, and the conversion of half floats both ways. */
@SuppressWarnings("NullAway.Init") // JMH calls what is marked Setup first
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 7, time = 1)
public class CodecMemory {
  @Param("1000000")
  private int rows;

  private ByteBuffer source;
  private ByteBuffer target;
  private float[] floats;
  private short[] halves;

  /** Fills what is copied and converted. */
  @Setup
  public void fill() {
    Random random = new Random(7);
    source = ByteBuffer.allocateDirect(rows * Long.BYTES);
    target = ByteBuffer.allocateDirect(rows * Long.BYTES);
    floats = new float[rows];
    halves = new short[rows];
    for (int i = 0; i < rows; i++) {
      source.putLong(random.nextLong());
      floats[i] = (float) random.nextGaussian();
      halves[i] = HalfFloats.floatToHalf(floats[i]);
    }
  }

  /** Eight bytes a row. */
  @Benchmark
  public long memcpy() {
    long to = FileMapping.address(target);
    Platform.copyMemory(null, FileMapping.address(source), null, to, source.capacity());
    return Platform.getLong(null, to);
  }

  /** Four bytes a row become two. */
  @Benchmark
  public short[] floatToHalf() {
    for (int i = 0; i < floats.length; i++) {
      halves[i] = HalfFloats.floatToHalf(floats[i]);
    }
    return halves;
  }

  /** Two bytes a row become four. */
  @Benchmark
  public float[] halfToFloat() {
    for (int i = 0; i < halves.length; i++) {
      floats[i] = HalfFloats.halfToFloat(halves[i]);
    }
    return floats;
  }
}
