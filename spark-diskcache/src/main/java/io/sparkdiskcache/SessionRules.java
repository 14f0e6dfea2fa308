// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.relation.ColumnarReads;
import io.sparkdiskcache.relation.UseDiskCache;
import io.sparkdiskcache.shim.SparkInternals;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.ColumnarRule;
import scala.runtime.AbstractFunction1;

/** The rules and functions that {@link DiskCacheExtensions} registers with a session. */
final class SessionRules {
  private SessionRules() {}

  /**
   * @throws IllegalArgumentException on a bad configuration value
   */
  static void register(SparkSessionExtensions extensions) {
    extensions.injectOptimizerRule(
        new AbstractFunction1<SparkSession, Rule<LogicalPlan>>() {
          @Override
          public Rule<LogicalPlan> apply(SparkSession session) {
            return new UseDiskCache((org.apache.spark.sql.classic.SparkSession) session);
          }
        });
    extensions.injectColumnar(
        new AbstractFunction1<SparkSession, ColumnarRule>() {
          @Override
          public ColumnarRule apply(SparkSession session) {
            return new ColumnarReads();
          }
        });
    TableFunctions.register(extensions);
    SparkInternals.activeContext().ifPresent(CacheApplication::of);
  }
}
