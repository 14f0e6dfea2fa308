// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Directories whose last executor is gone. Spark starts another one in the place of an executor
 * that died, in seconds and on the same host if it can: for so long as it may come, tasks that have
 * to read there are made to wait, and nothing counts as lost.
 */
final class Departed {
  private final long waitNanos;
  private final LongSupplier clock;
  private final Map<String, Left> left = new HashMap<>();

  private record Left(HostInventory keys, long at) {}

  /**
   * @param wait how long an executor may take to come
   * @param clock in nanoseconds
   */
  Departed(Duration wait, LongSupplier clock) {
    this.waitNanos = wait.toNanos();
    this.clock = clock;
  }

  void left(String directory, HostInventory keys) {
    left.put(directory, new Left(keys, clock.getAsLong()));
    forgetOld();
  }

  void returned(String directory) {
    left.remove(directory);
  }

  boolean mayReturn(String directory) {
    forgetOld();
    return left.containsKey(directory);
  }

  /** Whether another directory with an entry may return. */
  boolean mayReturn(long key, String than) {
    forgetOld();
    return left.entrySet().stream()
        .anyMatch(of -> !of.getKey().equals(than) && of.getValue().keys.contains(key));
  }

  private void forgetOld() {
    long now = clock.getAsLong();
    left.values().removeIf(of -> now - of.at >= waitNanos);
  }
}
