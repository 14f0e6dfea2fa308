// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import scala.runtime.AbstractFunction1;

/**
 * The one optimizer rule: gives an {@link InMemoryRelation} whose storage level uses disk a builder
 * that keeps it. Everything else about the relation stays Spark's. The same plan is returned where
 * nothing changes.
 */
@Internal
public final class UseDiskCache extends Rule<LogicalPlan> {
  private final RelationPlanner planner;

  /**
   * @throws IllegalArgumentException on a bad configuration value of the application
   */
  public UseDiskCache(SparkSession session) {
    this.planner = new RelationPlanner(session);
  }

  @Override
  public String ruleName() {
    return "io.sparkdiskcache.UseDiskCache";
  }

  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    if (plan instanceof InMemoryRelation relation) {
      return planner.keep(relation);
    }
    return plan.mapChildren(
        new AbstractFunction1<LogicalPlan, LogicalPlan>() {
          @Override
          public LogicalPlan apply(LogicalPlan child) {
            return UseDiskCache.this.apply(child);
          }
        });
  }
}
