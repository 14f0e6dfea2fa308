// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.relation.ColumnarReads;
import io.sparkdiskcache.relation.UseDiskCache;
import io.sparkdiskcache.shim.SparkInternals;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.SparkSessionExtensionsProvider;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.ColumnarRule;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Registers with a Spark session: one optimizer rule, one columnar rule, and the table functions
 * {@code diskcache_entries()} and {@code diskcache_stats()}. Found by Spark through the service
 * file, or named in {@code spark.sql.extensions}, or brought by {@link DiskCachePlugin}; being
 * registered twice does no harm, because the rule leaves alone what it has done.
 */
public final class DiskCacheExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit>
    implements SparkSessionExtensionsProvider {

  /**
   * @throws IllegalArgumentException on a bad configuration value. Spark only logs what comes out
   *     of a service file, so the rule says it again when the session plans its first query.
   */
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
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
    return BoxedUnit.UNIT;
  }
}
