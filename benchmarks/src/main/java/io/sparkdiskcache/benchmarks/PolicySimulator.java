// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.store.EvictionPolicy;
import io.sparkdiskcache.store.EvictionPolicy.Usage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Replays traces of requests against every eviction policy and several sizes of the cache, with the
 * policies' own code, and prints which part of the requests, of their bytes and of their computing
 * time was served. Usage: {@code PolicySimulator [TRACE.csv ...]}, where a trace is what {@code
 * diskcache trace --out} writes; the synthetic ones come on top.
 */
public final class PolicySimulator {
  private static final double LOW_WATERMARK = 0.9;
  private static final long RECENT_MILLIS = 10_000;
  private static final double[] SIZES = {0.02, 0.05, 0.1, 0.25, 0.5};
  private static final long SEED = 42;

  /** The requests, bytes and seconds that were served, as parts of all. */
  record Rates(double requests, double bytes, double seconds) {}

  private PolicySimulator() {}

  public static void main(String[] arguments) throws IOException {
    Map<String, List<Request>> traces = new LinkedHashMap<>();
    for (String file : arguments) {
      Path path = Path.of(file);
      traces.put(String.valueOf(path.getFileName()), Request.read(path));
    }
    traces.putAll(SyntheticTraces.all(SEED));
    System.out.println("| trace | cache | policy | requests | bytes | seconds saved |");
    System.out.println("|---|---|---|---|---|---|");
    Map<EvictionPolicy, double[]> sums = new LinkedHashMap<>();
    traces.forEach((name, trace) -> replayAll(name, trace, sums));
    int n = traces.size() * SIZES.length;
    sums.forEach((policy, s) -> print("mean", "all", policy, s[0] / n, s[1] / n, s[2] / n));
  }

  private static void replayAll(
      String name, List<Request> trace, Map<EvictionPolicy, double[]> sums) {
    long footprint = footprint(trace);
    for (double size : SIZES) {
      for (EvictionPolicy policy : EvictionPolicy.values()) {
        Rates rates = replay(trace, policy, (long) (footprint * size));
        String cache = String.format(Locale.ROOT, "%.0f %%", size * 100);
        print(name, cache, policy, rates.requests, rates.bytes, rates.seconds);
        double[] sum = sums.computeIfAbsent(policy, p -> new double[3]);
        sum[0] += rates.requests;
        sum[1] += rates.bytes;
        sum[2] += rates.seconds;
      }
    }
  }

  private static void print(
      String name, String cache, EvictionPolicy policy, double requests, double bytes, double s) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %s | %.3f | %.3f | %.3f |%n",
        name,
        cache,
        policy.name().toLowerCase(Locale.ROOT),
        requests,
        bytes,
        s);
  }

  /** Bytes of everything that is asked for. */
  static long footprint(List<Request> trace) {
    Map<String, Long> sizes = new HashMap<>();
    trace.forEach(request -> sizes.put(request.key(), request.bytes()));
    return sizes.values().stream().mapToLong(Long::longValue).sum();
  }

  /** One run through a trace, as the store evicts: above the limit, down to a low watermark. */
  static Rates replay(List<Request> trace, EvictionPolicy policy, long capacity) {
    Map<String, Usage> cache = new HashMap<>();
    long stored = 0;
    double hits = 0;
    double hitBytes = 0;
    double hitNanos = 0;
    double bytes = 0;
    double nanos = 0;
    for (Request request : trace) {
      bytes += request.bytes();
      nanos += request.computeNanos();
      Usage use = cache.get(request.key());
      if (use != null) {
        hits++;
        hitBytes += request.bytes();
        hitNanos += request.computeNanos();
        cache.put(
            request.key(),
            new Usage(
                use.bytes(),
                use.computeNanos(),
                use.createdMillis(),
                request.millis(),
                use.hits() + 1));
      } else if (request.bytes() <= capacity
          && (policy != EvictionPolicy.NONE || stored + request.bytes() <= capacity)) {
        cache.put(
            request.key(),
            new Usage(
                request.bytes(), request.computeNanos(), request.millis(), request.millis(), 0));
        stored += request.bytes();
        if (stored > capacity) {
          stored -= evict(cache, policy, request, stored - (long) (capacity * LOW_WATERMARK));
        }
      }
    }
    return new Rates(hits / trace.size(), hitBytes / bytes, hitNanos / nanos);
  }

  private static long evict(
      Map<String, Usage> cache, EvictionPolicy policy, Request newest, long wanted) {
    long now = newest.millis();
    List<Map.Entry<String, Usage>> candidates = new ArrayList<>(cache.entrySet());
    candidates.removeIf(candidate -> candidate.getKey().equals(newest.key()));
    candidates.sort(
        (a, b) -> {
          int byAge =
              Boolean.compare(
                  a.getValue().accessMillis() > now - RECENT_MILLIS,
                  b.getValue().accessMillis() > now - RECENT_MILLIS);
          return byAge != 0 ? byAge : policy.compare(a.getValue(), b.getValue(), now);
        });
    long freed = 0;
    for (Map.Entry<String, Usage> candidate : candidates) {
      if (freed >= wanted) {
        break;
      }
      freed += candidate.getValue().bytes();
      cache.remove(candidate.getKey());
    }
    return freed;
  }
}
