// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.CumeDist;
import org.apache.spark.sql.catalyst.expressions.DenseRank;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.PercentRank;
import org.apache.spark.sql.catalyst.expressions.RangeFrame$;
import org.apache.spark.sql.catalyst.expressions.Rank;
import org.apache.spark.sql.catalyst.expressions.SpecifiedWindowFrame;
import org.apache.spark.sql.catalyst.expressions.SubqueryExpression;
import org.apache.spark.sql.catalyst.expressions.UnboundedFollowing$;
import org.apache.spark.sql.catalyst.expressions.UnboundedPreceding$;
import org.apache.spark.sql.catalyst.expressions.WindowExpression;
import org.apache.spark.sql.catalyst.expressions.WindowFunction;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateFunction;
import org.apache.spark.sql.catalyst.expressions.aggregate.Average;
import org.apache.spark.sql.catalyst.expressions.aggregate.BitAndAgg;
import org.apache.spark.sql.catalyst.expressions.aggregate.BitOrAgg;
import org.apache.spark.sql.catalyst.expressions.aggregate.BitXorAgg;
import org.apache.spark.sql.catalyst.expressions.aggregate.CentralMomentAgg;
import org.apache.spark.sql.catalyst.expressions.aggregate.Count;
import org.apache.spark.sql.catalyst.expressions.aggregate.Max;
import org.apache.spark.sql.catalyst.expressions.aggregate.Min;
import org.apache.spark.sql.catalyst.expressions.aggregate.Sum;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.Generate;
import org.apache.spark.sql.catalyst.plans.logical.Join;
import org.apache.spark.sql.catalyst.plans.logical.LocalRelation;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.OneRowRelation;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.plans.logical.Range;
import org.apache.spark.sql.catalyst.plans.logical.RebalancePartitions;
import org.apache.spark.sql.catalyst.plans.logical.Repartition;
import org.apache.spark.sql.catalyst.plans.logical.RepartitionByExpression;
import org.apache.spark.sql.catalyst.plans.logical.Sort;
import org.apache.spark.sql.catalyst.plans.logical.Union;
import org.apache.spark.sql.catalyst.plans.logical.Window;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Whether a run-bound plan gives the same rows however they meet on the way, so that two runs of it
 * can be compared. Read from the optimized logical plan by an allow-list: a plan with anything else
 * in it (limits, first and collect, row numbers, functions over groups) is not compared.
 *
 * <p>Floating-point aggregates differ in their last digits with the order of summation. Their
 * columns are said to be inexact; they may be computed with, but nothing may be decided by them.
 */
final class Repeatability {
  private static final Set<Class<? extends LogicalPlan>> LEAVES =
      Set.of(LogicalRelation.class, LocalRelation.class, OneRowRelation.class, Range.class);
  private static final Set<Class<? extends LogicalPlan>> ROW_BY_ROW =
      Set.of(
          Filter.class,
          Join.class,
          Generate.class,
          Sort.class,
          Repartition.class,
          RepartitionByExpression.class,
          RebalancePartitions.class);
  private static final Set<Class<? extends AggregateFunction>> COMMUTATIVE =
      Set.of(
          Average.class,
          BitAndAgg.class,
          BitOrAgg.class,
          BitXorAgg.class,
          Count.class,
          Max.class,
          Min.class,
          Sum.class);
  private static final Set<Class<? extends WindowFunction>> SAME_FOR_TIES =
      Set.of(CumeDist.class, DenseRank.class, PercentRank.class, Rank.class);

  private final Set<ExprId> inexact = new HashSet<>();

  private Repeatability() {}

  /** The indexes of the inexact columns of the plan; empty if its runs cannot be compared. */
  static Optional<BitSet> inexactColumns(SparkPlan plan) {
    SparkPlan physical =
        plan instanceof AdaptiveSparkPlanExec adaptive ? adaptive.inputPlan() : plan;
    Optional<LogicalPlan> logical = logicalPlan(physical);
    Repeatability found = new Repeatability();
    if (logical.isEmpty() || !found.isRepeatable(logical.get())) {
      return Optional.empty();
    }
    BitSet columns = new BitSet();
    List<Attribute> output = CollectionConverters.asJava(plan.output());
    for (int i = 0; i < output.size(); i++) {
      columns.set(i, found.inexact.contains(output.get(i).exprId()));
    }
    return Optional.of(columns);
  }

  /** Rules of Spark's that wrap a plan do not tell the wrapper what it stands for. */
  private static Optional<LogicalPlan> logicalPlan(SparkPlan physical) {
    SparkPlan node = physical;
    while (node.logicalLink().isEmpty()
        && node.children().size() == 1
        && node.output().equals(node.children().head().output())) {
      node = node.children().head();
    }
    return node.logicalLink().isDefined()
        ? Optional.of(node.logicalLink().get())
        : Optional.empty();
  }

  private boolean isRepeatable(LogicalPlan plan) {
    for (LogicalPlan child : CollectionConverters.asJava(plan.children())) {
      if (!isRepeatable(child)) {
        return false;
      }
    }
    if (!CollectionConverters.asJava(plan.expressions()).stream().allMatch(this::hasKnownParts)) {
      return false;
    }
    if (LEAVES.stream().anyMatch(leaf -> leaf.isInstance(plan))) {
      return true;
    } else if (plan instanceof Project project) {
      return computes(CollectionConverters.asJava(project.projectList()));
    } else if (plan instanceof Aggregate aggregate) {
      return CollectionConverters.asJava(aggregate.groupingExpressions()).stream()
              .allMatch(this::isExact)
          && computes(CollectionConverters.asJava(aggregate.aggregateExpressions()));
    } else if (plan instanceof Window window) {
      return CollectionConverters.asJava(window.partitionSpec()).stream().allMatch(this::isExact)
          && CollectionConverters.asJava(window.orderSpec()).stream().allMatch(this::isExact)
          && computes(CollectionConverters.asJava(window.windowExpressions()));
    } else if (plan instanceof Union union) {
      return unites(union);
    }
    return ROW_BY_ROW.contains(plan.getClass())
        && CollectionConverters.asJava(plan.expressions()).stream().allMatch(this::isExact);
  }

  /** Marks the inexact ones among new columns; false if another type is made of inexact values. */
  private boolean computes(List<? extends NamedExpression> columns) {
    for (NamedExpression column : columns) {
      Expression expression = (Expression) column;
      if (!isExact(expression) || sumsUp(expression)) {
        if (!isFloating(expression)) {
          return false;
        }
        inexact.add(column.exprId());
      }
    }
    return true;
  }

  private boolean unites(Union union) {
    List<Attribute> output = CollectionConverters.asJava(union.output());
    for (LogicalPlan child : CollectionConverters.asJava(union.children())) {
      List<Attribute> columns = CollectionConverters.asJava(child.output());
      for (int i = 0; i < columns.size(); i++) {
        if (inexact.contains(columns.get(i).exprId())) {
          inexact.add(output.get(i).exprId());
        }
      }
    }
    return true;
  }

  private boolean isExact(Expression expression) {
    for (Attribute attribute : CollectionConverters.asJava(expression.references().toSeq())) {
      if (inexact.contains(attribute.exprId())) {
        return false;
      }
    }
    return true;
  }

  private boolean hasKnownParts(Expression expression) {
    boolean known =
        expression instanceof AggregateExpression aggregate
            ? isCommutative(aggregate.aggregateFunction())
            : expression instanceof WindowExpression window
                ? isSameForTies(window)
                : !(expression instanceof SubqueryExpression subquery)
                    || isExactQuery(subquery.plan());
    return known
        && CollectionConverters.asJava(expression.children()).stream()
            .allMatch(this::hasKnownParts);
  }

  private static boolean isCommutative(AggregateFunction function) {
    return COMMUTATIVE.contains(function.getClass()) || function instanceof CentralMomentAgg;
  }

  /** Rows with equal sort keys come in any order: a frame must not tell them apart. */
  private static boolean isSameForTies(WindowExpression window) {
    Expression function = window.windowFunction();
    if (!(function instanceof AggregateExpression)) {
      return SAME_FOR_TIES.stream().anyMatch(known -> known.isInstance(function));
    }
    return window.windowSpec().frameSpecification() instanceof SpecifiedWindowFrame frame
        && (frame.frameType() == RangeFrame$.MODULE$
            || (frame.lower() == UnboundedPreceding$.MODULE$
                && frame.upper() == UnboundedFollowing$.MODULE$));
  }

  private boolean isExactQuery(LogicalPlan subquery) {
    return isRepeatable(subquery)
        && CollectionConverters.asJava(subquery.output()).stream().allMatch(this::isExact);
  }

  /** Whether a floating-point aggregate is in it. */
  private static boolean sumsUp(Expression expression) {
    return (expression instanceof AggregateFunction function && isFloating(function))
        || CollectionConverters.asJava(expression.children()).stream()
            .anyMatch(Repeatability::sumsUp);
  }

  private static boolean isFloating(Expression expression) {
    Expression value = expression instanceof Alias alias ? alias.child() : expression;
    return value.dataType() instanceof DoubleType || value.dataType() instanceof FloatType;
  }
}
