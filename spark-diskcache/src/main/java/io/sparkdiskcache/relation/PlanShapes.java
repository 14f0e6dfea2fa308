// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.Redaction;
import io.sparkdiskcache.shim.SparkInternals;
import org.apache.spark.sql.execution.BaseSubqueryExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.adaptive.QueryStageExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.exchange.Exchange;
import org.apache.spark.sql.execution.exchange.ReusedExchangeExec;
import scala.jdk.javaapi.CollectionConverters;

/** Questions about physical plans. */
final class PlanShapes {
  private static final int MAX_DESCRIPTION = 200;

  private PlanShapes() {}

  /** Whether {@code execute()} of the plan runs jobs, or may: asks more often than it must. */
  static boolean runsJobs(SparkPlan plan) {
    return plan instanceof AdaptiveSparkPlanExec
        || plan instanceof Exchange
        || plan instanceof ReusedExchangeExec
        || plan instanceof QueryStageExec
        || plan instanceof BaseSubqueryExec
        || plan instanceof InMemoryTableScanExec
        || SparkInternals.isRecursion(plan)
        || !plan.subqueries().isEmpty()
        || CollectionConverters.asJava(plan.children()).stream().anyMatch(PlanShapes::runsJobs);
  }

  /** Exchanges in the plan, each of which ends a stage. */
  static int exchanges(SparkPlan plan) {
    if (plan instanceof AdaptiveSparkPlanExec adaptive) {
      return exchanges(adaptive.initialPlan());
    }
    int below =
        CollectionConverters.asJava(plan.children()).stream().mapToInt(PlanShapes::exchanges).sum();
    return plan instanceof Exchange ? below + 1 : below;
  }

  /** The plan's root, for people; file and column names, no values of rows. */
  static String oneLine(SparkPlan plan) {
    SparkPlan root = plan instanceof AdaptiveSparkPlanExec adaptive ? adaptive.initialPlan() : plan;
    String text = Redaction.text(root.nodeName() + " " + root.output().mkString("[", ", ", "]"));
    return text.length() <= MAX_DESCRIPTION ? text : text.substring(0, MAX_DESCRIPTION - 1) + "…";
  }
}
