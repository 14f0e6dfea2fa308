// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/**
 * A small plain Spark of its own for a test class, though the cache may be on the class path; the
 * caller closes it.
 */
final class LocalSpark {
  private LocalSpark() {}

  static SparkSession start(Path dir) {
    return SparkSession.builder()
        .master("local[2]")
        .appName("test")
        .config("spark.ui.enabled", "false")
        .config("spark.diskcache.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", dir.resolve("warehouse").toString())
        .config("spark.local.dir", dir.resolve("local").toString())
        .getOrCreate();
  }
}
