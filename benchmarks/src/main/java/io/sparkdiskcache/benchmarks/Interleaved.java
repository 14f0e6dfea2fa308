// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** Times of several ways to the same answer, each run after the others and again. */
final class Interleaved {
  /** One way; what it returns is compared with what the others return. */
  interface Way {
    Object run() throws Exception;
  }

  /** Part of a way that is not measured. */
  interface Step {
    void run() throws Exception;
  }

  private record Steps(Step before, Way way, Step after) {}

  private final Map<String, Steps> ways = new LinkedHashMap<>();

  Interleaved way(String name, Way way) {
    return way(name, () -> {}, way, () -> {});
  }

  Interleaved way(String name, Step before, Way way, Step after) {
    ways.put(name, new Steps(before, way, after));
    return this;
  }

  /** Median seconds by way. */
  record Medians(Map<String, Double> seconds) {
    double of(String way) {
      return Objects.requireNonNull(seconds.get(way), way);
    }
  }

  /**
   * Runs every way, one after the other, as often as said.
   *
   * @throws IllegalStateException if two ways, or two runs, have different answers
   */
  Medians medians(int warmUp, int runs) throws Exception {
    Map<String, double[]> seconds = new LinkedHashMap<>();
    Object answer = null;
    for (int i = -warmUp; i < runs; i++) {
      for (Map.Entry<String, Steps> way : ways.entrySet()) {
        way.getValue().before().run();
        long start = System.nanoTime();
        Object given = way.getValue().way().run();
        double took = (System.nanoTime() - start) / 1e9;
        way.getValue().after().run();
        if (answer == null) {
          answer = given;
        } else if (!Objects.equals(answer, given)) {
          throw new IllegalStateException(
              way.getKey() + " answers " + given + " where " + answer + " was the answer before.");
        }
        if (i >= 0) {
          seconds.computeIfAbsent(way.getKey(), name -> new double[runs])[i] = took;
        }
      }
    }
    Map<String, Double> medians = new LinkedHashMap<>();
    seconds.forEach(
        (name, all) -> {
          Arrays.sort(all);
          medians.put(name, all[runs / 2]);
        });
    return new Medians(medians);
  }
}
