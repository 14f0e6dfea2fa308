// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.ColumnarRule;
import org.apache.spark.sql.execution.ColumnarToRowExec;
import org.apache.spark.sql.execution.ColumnarToRowTransition;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.TableCacheQueryStageExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import scala.runtime.AbstractFunction1;

/**
 * Lets generated code read the mapped columns of a kept relation. {@link InMemoryTableScanExec}
 * says that it hands out rows as well as columns, so Spark never puts a {@link ColumnarToRowExec}
 * above it: every consumer of rows would get each row projected and copied before it looks at one
 * column.
 *
 * <p>A scan at the root stays as it is: whether columns are wanted there is not in the plan.
 */
public final class ColumnarReads extends ColumnarRule {
  @Override
  public Rule<SparkPlan> postColumnarTransitions() {
    return new InsertTransitions();
  }

  private static final class InsertTransitions extends Rule<SparkPlan> {
    @Override
    public String ruleName() {
      return "io.sparkdiskcache.ColumnarReads";
    }

    @Override
    public SparkPlan apply(SparkPlan plan) {
      boolean takesRows = !plan.supportsColumnar() && !(plan instanceof ColumnarToRowTransition);
      return plan.mapChildren(
          new AbstractFunction1<SparkPlan, SparkPlan>() {
            @Override
            public SparkPlan apply(SparkPlan child) {
              return takesRows && isKeptScan(child)
                  ? new ColumnarToRowExec(child)
                  : InsertTransitions.this.apply(child);
            }
          });
    }
  }

  private static boolean isKeptScan(SparkPlan plan) {
    SparkPlan scan = plan instanceof TableCacheQueryStageExec stage ? stage.plan() : plan;
    return scan instanceof InMemoryTableScanExec table
        && table.supportsColumnar()
        && table.relation().cacheBuilder() instanceof DiskCachedRelationBuilder;
  }
}
