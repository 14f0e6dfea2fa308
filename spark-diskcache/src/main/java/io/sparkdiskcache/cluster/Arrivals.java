// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.shim.SparkInternals;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.spark.SparkContext;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits within bounds for executors to say what they hold. Under dynamic allocation it also asks
 * for them, because a lookup runs no task that would have Spark do it: for one where a relation was
 * held before, on each of these hosts. A host that does not come in time is not waited for again.
 */
final class Arrivals {
  private static final Logger log = LoggerFactory.getLogger(Arrivals.class);

  /** Executors come one after the other: so long after the last one all are taken to be there. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Spark's own requests put other numbers in the place of ours. */
  private static final long ASK_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long POLL_MILLIS = 20;
  private static final String DYNAMIC = "spark.dynamicAllocation.";

  private final SparkContext context;
  private final Duration wait;
  private final Predicate<String> isReported;
  private final Predicate<String> isServed;
  private final Set<String> givenUp = new HashSet<>();
  private volatile boolean settled;
  private volatile long last = System.nanoTime();

  /**
   * @param isReported whether an executor has said what it holds
   * @param isServed whether one of a host has
   */
  Arrivals(
      SparkContext context,
      Duration wait,
      Predicate<String> isReported,
      Predicate<String> isServed) {
    this.context = context;
    this.wait = wait;
    this.isReported = isReported;
    this.isServed = isServed;
  }

  /** An executor has said what it holds. */
  void reported() {
    last = System.nanoTime();
  }

  /**
   * The first call waits for executors to come, later ones for the hosts only.
   *
   * @param held partitions by host, as remembered
   * @return hosts that did not come and were waited for
   */
  Set<String> await(Map<String, Integer> held) {
    boolean dynamic = context.getConf().getBoolean(DYNAMIC + "enabled", false);
    Map<String, Integer> wanted = dynamic ? held : Map.of();
    long start = System.nanoTime();
    long asked = 0;
    while (!isComplete(wanted) && System.nanoTime() - start < wait.toNanos()) {
      if (dynamic && (asked == 0 || System.nanoTime() - asked > ASK_AGAIN_NANOS)) {
        ask(absent(wanted), asked == 0);
        asked = System.nanoTime();
      }
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return Set.of();
      }
    }
    settled = true;
    Set<String> missing = absent(wanted).keySet();
    if (!missing.isEmpty()) {
      log.info(
          "No executor came on {} within {}: the entries of these hosts are a miss.",
          missing,
          wait);
      synchronized (givenUp) {
        givenUp.addAll(missing);
      }
    }
    return missing;
  }

  private boolean isComplete(Map<String, Integer> wanted) {
    // All hosts that are known to matter are enough of an answer.
    return absent(wanted).isEmpty() && (settled || !wanted.isEmpty() || hasSettled());
  }

  private Map<String, Integer> absent(Map<String, Integer> wanted) {
    Map<String, Integer> absent = new TreeMap<>(wanted);
    synchronized (givenUp) {
      absent.keySet().removeAll(givenUp);
    }
    absent.keySet().removeIf(isServed);
    return absent;
  }

  private boolean hasSettled() {
    List<BlockManagerId> alive = SparkInternals.executors(context);
    int expected = Math.max(1, context.getConf().getInt("spark.executor.instances", 0));
    boolean sure = context.getConf().contains("spark.executor.instances");
    return alive.size() >= expected
        && alive.stream().allMatch(id -> isReported.test(id.executorId()))
        && (sure || System.nanoTime() - last > QUIET_NANOS);
  }

  private void ask(Map<String, Integer> absent, boolean first) {
    int alive = SparkInternals.executors(context).size();
    int more = absent.isEmpty() && alive == 0 ? 1 : absent.size();
    if (more == 0) {
      return;
    }
    if (context.statusTracker().getActiveJobIds().length == 0) {
      int least = context.getConf().getInt(DYNAMIC + "initialExecutors", 0);
      int most = context.getConf().getInt(DYNAMIC + "maxExecutors", Integer.MAX_VALUE);
      SparkInternals.requestExecutors(
          context, Math.min(most, Math.max(least, alive + more)), absent);
    } else if (first) {
      context.requestExecutors(more); // on top of what running jobs need, wherever that is
    }
  }
}
