// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.CacheStats;
import io.sparkdiskcache.DiskCache;
import org.apache.spark.sql.SparkSession;

/** What the counters of the cache say of one run; asked outside what is measured. */
final class RunCounters {
  private final SparkSession spark;
  private CacheStats before;

  RunCounters(SparkSession spark) {
    this.spark = spark;
    this.before = DiskCache.of(spark).stats();
  }

  void begin() {
    before = DiskCache.of(spark).stats();
  }

  /**
   * @throws IllegalStateException if the run has stored nothing, or found something
   */
  void requireStored() {
    CacheStats after = DiskCache.of(spark).stats();
    if (after.computed() == before.computed() || after.hits() != before.hits()) {
      throw new IllegalStateException("Not computed and stored: " + after);
    }
  }

  /**
   * @throws IllegalStateException if the run has computed something, or found nothing
   */
  void requireFound() {
    CacheStats after = DiskCache.of(spark).stats();
    if (after.computed() != before.computed() || after.hits() == before.hits()) {
      throw new IllegalStateException("Not found: " + after);
    }
  }
}
