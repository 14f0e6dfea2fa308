// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Patterns that caches meet. Sizes and computing times are log-normal and independent of each other
 * and of how often an entry is asked for: partitions of a few MiB that took about a second.
 */
final class SyntheticTraces {
  private static final int KEYS = 5_000;
  private static final int REQUESTS = 60_000;
  private static final long STEP_MILLIS = 2_000;
  private static final double ZIPF = 0.9;
  private static final double MEDIAN_BYTES = 4 << 20;
  private static final double MEDIAN_NANOS = 1e9;

  private final Random random;
  private final List<Request> trace = new ArrayList<>();
  private final Map<Integer, long[]> known = new LinkedHashMap<>();

  private SyntheticTraces(long seed) {
    this.random = new Random(seed);
  }

  static Map<String, List<Request>> all(long seed) {
    Map<String, List<Request>> traces = new LinkedHashMap<>();
    traces.put("zipf", new SyntheticTraces(seed).zipf());
    traces.put("zipf with scans", new SyntheticTraces(seed).scans());
    traces.put("loop", new SyntheticTraces(seed).loop());
    traces.put("shifting zipf", new SyntheticTraces(seed).shifting());
    return traces;
  }

  /** Few entries are asked for often, many seldom. */
  private List<Request> zipf() {
    double[] cumulative = cumulative();
    for (int i = 0; i < REQUESTS; i++) {
      ask(rank(cumulative));
    }
    return trace;
  }

  /** Every tenth block of requests is for entries that are never asked for again. */
  private List<Request> scans() {
    double[] cumulative = cumulative();
    int once = KEYS;
    for (int i = 0; i < REQUESTS; i++) {
      ask(i / 500 % 4 == 3 ? once++ : rank(cumulative));
    }
    return trace;
  }

  /** The nightly job: all of it, in the same order, again and again. */
  private List<Request> loop() {
    for (int i = 0; i < REQUESTS; i++) {
      ask(i % KEYS);
    }
    return trace;
  }

  /** The popular keys change, as tables and scripts come and go. */
  private List<Request> shifting() {
    double[] cumulative = cumulative();
    for (int i = 0; i < REQUESTS; i++) {
      ask(rank(cumulative) + i / (REQUESTS / 10) * (KEYS / 4));
    }
    return trace;
  }

  private void ask(int key) {
    long[] sizes =
        known.computeIfAbsent(
            key, k -> new long[] {logNormal(MEDIAN_BYTES, 1), logNormal(MEDIAN_NANOS, 1.5)});
    trace.add(new Request(trace.size() * STEP_MILLIS, Integer.toString(key), sizes[0], sizes[1]));
  }

  private long logNormal(double median, double sigma) {
    return (long) (median * Math.exp(sigma * random.nextGaussian()));
  }

  private static double[] cumulative() {
    double[] cumulative = new double[KEYS];
    double sum = 0;
    for (int rank = 0; rank < KEYS; rank++) {
      sum += 1 / Math.pow(rank + 1.0, ZIPF);
      cumulative[rank] = sum;
    }
    return cumulative;
  }

  private int rank(double[] cumulative) {
    double drawn = random.nextDouble() * cumulative[KEYS - 1];
    int found = Arrays.binarySearch(cumulative, drawn);
    return found >= 0 ? found : -found - 1;
  }
}
