// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.expressions.aggregate.Complete$;
import org.apache.spark.sql.catalyst.expressions.aggregate.Final$;
import org.apache.spark.sql.execution.AppendColumnsExec;
import org.apache.spark.sql.execution.AppendColumnsWithObjectExec;
import org.apache.spark.sql.execution.CoGroupExec;
import org.apache.spark.sql.execution.CoalesceExec;
import org.apache.spark.sql.execution.CollectLimitExec;
import org.apache.spark.sql.execution.DeserializeToObjectExec;
import org.apache.spark.sql.execution.ExpandExec;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.FilterExec;
import org.apache.spark.sql.execution.GenerateExec;
import org.apache.spark.sql.execution.GlobalLimitExec;
import org.apache.spark.sql.execution.LocalLimitExec;
import org.apache.spark.sql.execution.LocalTableScanExec;
import org.apache.spark.sql.execution.MapElementsExec;
import org.apache.spark.sql.execution.MapGroupsExec;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.RangeExec;
import org.apache.spark.sql.execution.ReusedSubqueryExec;
import org.apache.spark.sql.execution.SerializeFromObjectExec;
import org.apache.spark.sql.execution.SortExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SubqueryAdaptiveBroadcastExec;
import org.apache.spark.sql.execution.SubqueryBroadcastExec;
import org.apache.spark.sql.execution.SubqueryExec;
import org.apache.spark.sql.execution.TakeOrderedAndProjectExec;
import org.apache.spark.sql.execution.UnionExec;
import org.apache.spark.sql.execution.aggregate.BaseAggregateExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.exchange.BroadcastExchangeExec;
import org.apache.spark.sql.execution.exchange.Exchange;
import org.apache.spark.sql.execution.exchange.ReusedExchangeExec;
import org.apache.spark.sql.execution.exchange.ShuffleExchangeExec;
import org.apache.spark.sql.execution.joins.BroadcastHashJoinExec;
import org.apache.spark.sql.execution.joins.BroadcastNestedLoopJoinExec;
import org.apache.spark.sql.execution.joins.CartesianProductExec;
import org.apache.spark.sql.execution.joins.ShuffledHashJoinExec;
import org.apache.spark.sql.execution.joins.SortMergeJoinExec;
import org.apache.spark.sql.execution.python.FlatMapCoGroupsInBatchExec;
import org.apache.spark.sql.execution.python.FlatMapGroupsInBatchExec;
import org.apache.spark.sql.execution.window.WindowExec;
import org.apache.spark.sql.execution.window.WindowGroupLimitExec;

/**
 * Whether rows may show, in the same way in every run, how the input is cut into partitions.
 *
 * <p>Nodes come in three kinds. Some see a row at a time, or whole groups and inputs: they are
 * blind. Some see the order in which rows come: after a shuffle that differs from run to run, so
 * that one order is as right as another; without one it follows from the cuts. All others,
 * functions over a partition above all, see a partition as such.
 */
final class PackingSense {
  private static final Set<Class<?>> BLIND =
      SparkClasses.ofThisLine(
          Set.of(
              AppendColumnsExec.class,
              AppendColumnsWithObjectExec.class,
              BroadcastExchangeExec.class,
              BroadcastHashJoinExec.class,
              BroadcastNestedLoopJoinExec.class,
              CartesianProductExec.class,
              CoalesceExec.class,
              DeserializeToObjectExec.class,
              ExpandExec.class,
              FileSourceScanExec.class,
              FilterExec.class,
              GenerateExec.class,
              InMemoryTableScanExec.class,
              LocalTableScanExec.class,
              MapElementsExec.class,
              ProjectExec.class,
              RangeExec.class,
              ReusedExchangeExec.class,
              ReusedSubqueryExec.class,
              SerializeFromObjectExec.class,
              ShuffleExchangeExec.class,
              ShuffledHashJoinExec.class,
              SortExec.class,
              SortMergeJoinExec.class,
              SubqueryAdaptiveBroadcastExec.class,
              SubqueryBroadcastExec.class,
              SubqueryExec.class,
              UnionExec.class),
          "org.apache.spark.sql.execution.OneRowRelationExec"); // since 4.1

  /** They see the order of rows. */
  private static final Set<Class<?>> BY_ORDER =
      SparkClasses.ofThisLine(
          Set.of(
              BaseAggregateExec.class,
              CoGroupExec.class,
              CollectLimitExec.class,
              FlatMapCoGroupsInBatchExec.class,
              FlatMapGroupsInBatchExec.class,
              GlobalLimitExec.class,
              LocalLimitExec.class,
              MapGroupsExec.class,
              TakeOrderedAndProjectExec.class,
              WindowExec.class,
              WindowGroupLimitExec.class),
          "org.apache.spark.sql.execution.python.ArrowAggregatePythonExec", // since 4.1
          "org.apache.spark.sql.execution.python.ArrowWindowPythonExec", // since 4.1
          "org.apache.spark.sql.execution.python.AggregateInPandasExec", // 4.0
          "org.apache.spark.sql.execution.python.WindowInPandasExec"); // 4.0

  private PackingSense() {}

  static boolean shows(SparkPlan plan) {
    if (PlanEncoder.isWrapper(plan)) {
      return shows(PlanEncoder.unwrap(plan));
    }
    return seesCuts(plan) || below(plan).stream().anyMatch(PackingSense::shows);
  }

  private static boolean seesCuts(SparkPlan plan) {
    if (BLIND.contains(plan.getClass()) || PythonNodes.isRowLocal(plan)) {
      return false;
    }
    if (OpaqueSources.reads(plan)) {
      return false; // which rows there are, the user's word says, or the rows themselves
    }
    if (BY_ORDER.stream().noneMatch(type -> type.isInstance(plan))) {
      return true;
    }
    return isLast(plan)
        && ScalaInterop.list(plan.children()).stream().anyMatch(PackingSense::keepsOrder);
  }

  /** Partial results are put together after a shuffle, in an order that differs from run to run. */
  private static boolean isLast(SparkPlan plan) {
    if (!(plan instanceof BaseAggregateExec aggregate)) {
      return true;
    }
    List<AggregateExpression> functions = ScalaInterop.list(aggregate.aggregateExpressions());
    return functions.stream()
        .anyMatch(
            function -> function.mode() == Final$.MODULE$ || function.mode() == Complete$.MODULE$);
  }

  /** Whether the order of rows follows from the cuts: no shuffle is below. */
  private static boolean keepsOrder(SparkPlan plan) {
    if (PlanEncoder.isWrapper(plan)) {
      return keepsOrder(PlanEncoder.unwrap(plan));
    }
    if (plan instanceof Exchange || plan instanceof ReusedExchangeExec) {
      return false;
    }
    List<SparkPlan> children = ScalaInterop.list(plan.children());
    return children.isEmpty() || children.stream().anyMatch(PackingSense::keepsOrder);
  }

  private static List<SparkPlan> below(SparkPlan plan) {
    List<SparkPlan> below = new ArrayList<>(ScalaInterop.list(plan.children()));
    below.addAll(ScalaInterop.list(plan.subqueries()));
    return below;
  }
}
