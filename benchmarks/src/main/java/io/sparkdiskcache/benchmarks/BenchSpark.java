// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import io.sparkdiskcache.CacheStats;
import io.sparkdiskcache.DiskCache;
import io.sparkdiskcache.store.Entry;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/** The session with the cache and the one without, over the same context. */
final class BenchSpark {
  static final int CORES = 2;

  private BenchSpark() {}

  static SparkSession start(Path directory) {
    return SparkSession.builder()
        .master("local[" + CORES + "]")
        .appName("benchmark")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.plugins", "io.sparkdiskcache.DiskCachePlugin")
        .config("spark.diskcache.dir", directory.resolve("cache").toString())
        .config("spark.diskcache.inputs.settle", "0s")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.warehouse.dir", directory.resolve("warehouse").toString())
        .config("spark.local.dir", directory.resolve("local").toString())
        .getOrCreate();
  }

  /** Relations persisted in it are Spark's own. */
  static SparkSession plain(SparkSession spark) {
    SparkSession plain = spark.newSession();
    plain.conf().set("spark.diskcache.enabled", "false");
    return plain;
  }

  /** A benchmark of a cache that refused measures something else. */
  static void requireKept(SparkSession spark) {
    CacheStats stats = DiskCache.of(spark).stats();
    if (stats.computed() == 0 || !stats.refused().isEmpty() || stats.privateRelations() > 0) {
      throw new IllegalStateException("Not all relations were kept: " + stats);
    }
  }

  static long keptBytes(SparkSession spark) {
    return DiskCache.of(spark).entries().stream().mapToLong(Entry::bytes).sum();
  }
}
