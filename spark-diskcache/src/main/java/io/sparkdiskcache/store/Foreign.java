// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The one place where code runs, and bytes are read, that are not the cache's own: file systems,
 * other hosts, what they sent. Whatever they do wrong is an {@link IOException}, which every caller
 * takes as "go on without": nothing else comes out of here, except for what ends the process.
 */
@Internal
public final class Foreign {
  private Foreign() {}

  /** Work of others. */
  public interface Call<T> {
    T run() throws Exception;
  }

  /**
   * Runs the work.
   *
   * @param who for the message, such as "the file system of 's3a://bucket'"
   */
  public static <T> T call(String who, Call<T> call) throws IOException {
    try {
      return call.run();
    } catch (Throwable e) {
      throw failed(who, e);
    }
  }

  /**
   * A throwable as a failure of theirs.
   *
   * @throws Error if it ends the process
   */
  public static IOException failed(String who, Throwable thrown) {
    if (thrown instanceof IOException e) {
      return e;
    }
    if (endsProcess(thrown)) {
      throw (Error) thrown;
    }
    if (thrown instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted = new InterruptedIOException(who + ": interrupted");
      interrupted.initCause(thrown);
      return interrupted;
    }
    return new IOException(who + " failed", thrown);
  }

  /** Out of memory, or the JVM is broken: not for a cache to deal with. */
  private static boolean endsProcess(Throwable thrown) {
    return (thrown instanceof VirtualMachineError && !(thrown instanceof StackOverflowError))
        || thrown instanceof ThreadDeath;
  }

  /**
   * How much may come, and how slowly.
   *
   * @param bytes more is an error
   * @param grace how long nothing is said about the pace
   * @param bytesPerSecond below that, from the beginning, it is too slow
   */
  public record Bounds(long bytes, Duration grace, long bytesPerSecond) {
    private static final Duration GRACE = Duration.ofSeconds(20);
    private static final long PACE = 64 << 10;

    /** At most so many bytes, at a pace at which computing is certainly faster. */
    public static Bounds of(long bytes) {
      return new Bounds(bytes, GRACE, PACE);
    }
  }

  /**
   * A stream of theirs that keeps within bounds. Closing it never fails: what was read was read.
   *
   * @param notClosed told of a failure to close
   */
  public static InputStream stream(
      String who, InputStream data, Bounds bounds, Consumer<IOException> notClosed) {
    return new BoundedStream(who, data, bounds, notClosed);
  }

  private static final class BoundedStream extends InputStream {
    private static final double NANOS = 1e9;

    private final String who;
    private final InputStream data;
    private final Bounds bounds;
    private final Consumer<IOException> notClosed;
    private final long since = System.nanoTime();
    private long count;

    BoundedStream(String who, InputStream data, Bounds bounds, Consumer<IOException> notClosed) {
      this.who = who;
      this.data = data;
      this.bounds = bounds;
      this.notClosed = notClosed;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      int n = read(one, 0, 1);
      while (n == 0) { // not for ever, see the pace
        n = read(one, 0, 1);
      }
      return n < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      int n = call(who, () -> data.read(into, from, length));
      if (n > length || n < -1) {
        throw new IOException("%s answered %d to a request for %d bytes".formatted(who, n, length));
      }
      count += Math.max(n, 0);
      if (count > bounds.bytes) {
        throw new IOException(
            "%s sent more than the %d bytes there can be".formatted(who, bounds.bytes));
      }
      long nanos = System.nanoTime() - since - bounds.grace.toNanos();
      if (n >= 0 && nanos > 0 && count / (nanos / NANOS) < bounds.bytesPerSecond) {
        throw new IOException(
            "%s is too slow: %d bytes in %d s"
                .formatted(who, count, Duration.ofNanos(System.nanoTime() - since).toSeconds()));
      }
      return n;
    }

    @Override
    public void close() {
      try {
        call(
            who,
            () -> {
              data.close();
              return true;
            });
      } catch (IOException e) {
        notClosed.accept(e);
      }
    }
  }
}
