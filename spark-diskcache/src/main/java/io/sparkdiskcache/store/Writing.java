// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.concurrent.TimeUnit;

/**
 * Back-pressure: the bytes of files that this process is writing and has not published are bounded,
 * because no limit knows of them yet. Who begins while the bound is exceeded waits for others to
 * publish, but not for long: the others may be waiting as well, above this very computation.
 */
final class Writing {
  private static final long WAIT_MILLIS = 2000;

  private final long bound;
  private long bytes; // guarded by this

  /**
   * @param bound most bytes being written when another file is begun
   */
  Writing(long bound) {
    this.bound = bound;
  }

  /** Returns when there is room for another writer, or refuses one. */
  synchronized void begin(Key key) throws StoreException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(WAIT_MILLIS);
    boolean interrupted = false;
    long left = WAIT_MILLIS;
    while (bytes > bound && left > 0 && !interrupted) {
      try {
        wait(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
      left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (bytes > bound) {
      throw new NoRoomException(
          "Cannot begin entry " + key,
          bytes + " bytes are being written by this process and the bound is " + bound,
          "Raise spark.diskcache.maxBytes, of which it is a part, to keep such results");
    }
  }

  /** The file of a pending entry now has that length; 0 when it is published or abandoned. */
  synchronized void counts(PendingEntry pending, long length) {
    bytes += length - pending.counted();
    pending.counted(length);
    notifyAll();
  }
}
