// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.util.List;
import java.util.Map;

/**
 * One run of the job in the demo.
 *
 * @param name as the table shows it
 * @param cached whether the cache's jar is on the class path
 * @param conf Spark settings of this run alone
 * @param reference the plain run over the same input whose rows this run must return
 */
record DemoRun(
    String name, String title, boolean cached, Map<String, String> conf, String reference) {
  static final DemoRun PLAIN = new DemoRun("a", "plain Spark, df.cache()", false, Map.of(), "a");

  /** The job is not changed: {@code df.cache()} itself takes this level. */
  static final DemoRun DISK_ONLY =
      new DemoRun(
          "a2",
          "plain Spark, persist(DISK_ONLY)",
          false,
          Map.of("spark.sql.defaultCacheStorageLevel", "DISK_ONLY"),
          "a");

  static final DemoRun FILL = new DemoRun("b", "first run with the cache", true, Map.of(), "a");
  static final DemoRun RERUN = new DemoRun("c", "rerun in a new JVM", true, Map.of(), "a");
  static final DemoRun ARRIVED =
      new DemoRun("d", "rerun, one more lineitem file", true, Map.of(), "d0");
  static final DemoRun PLAIN_ARRIVED =
      new DemoRun("d0", "plain Spark over the input of d", false, Map.of(), "d0");

  static final List<DemoRun> BEFORE_ARRIVAL = List.of(PLAIN, DISK_ONLY, FILL, RERUN);
  static final List<DemoRun> AFTER_ARRIVAL = List.of(ARRIVED, PLAIN_ARRIVED);
}
