// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.catalyst.optimizer.BuildRight$;
import org.apache.spark.sql.catalyst.optimizer.BuildSide;
import org.apache.spark.sql.catalyst.plans.ExistenceJoin;
import org.apache.spark.sql.catalyst.plans.InnerLike;
import org.apache.spark.sql.catalyst.plans.JoinType;
import org.apache.spark.sql.catalyst.plans.LeftAnti$;
import org.apache.spark.sql.catalyst.plans.LeftOuter$;
import org.apache.spark.sql.catalyst.plans.LeftSemi$;
import org.apache.spark.sql.catalyst.plans.RightOuter$;
import org.apache.spark.sql.catalyst.plans.physical.UnknownPartitioning;
import org.apache.spark.sql.execution.AppendColumnsExec;
import org.apache.spark.sql.execution.AppendColumnsWithObjectExec;
import org.apache.spark.sql.execution.CoGroupExec;
import org.apache.spark.sql.execution.DeserializeToObjectExec;
import org.apache.spark.sql.execution.ExpandExec;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.FilterExec;
import org.apache.spark.sql.execution.GenerateExec;
import org.apache.spark.sql.execution.InputAdapter;
import org.apache.spark.sql.execution.LocalLimitExec;
import org.apache.spark.sql.execution.LocalTableScanExec;
import org.apache.spark.sql.execution.MapElementsExec;
import org.apache.spark.sql.execution.MapGroupsExec;
import org.apache.spark.sql.execution.MapPartitionsExec;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.RangeExec;
import org.apache.spark.sql.execution.SerializeFromObjectExec;
import org.apache.spark.sql.execution.SortExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.UnionExec;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.aggregate.HashAggregateExec;
import org.apache.spark.sql.execution.aggregate.ObjectHashAggregateExec;
import org.apache.spark.sql.execution.aggregate.SortAggregateExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.exchange.BroadcastExchangeExec;
import org.apache.spark.sql.execution.exchange.ReusedExchangeExec;
import org.apache.spark.sql.execution.joins.BroadcastHashJoinExec;
import org.apache.spark.sql.execution.joins.BroadcastNestedLoopJoinExec;
import org.apache.spark.sql.execution.joins.ShuffledHashJoinExec;
import org.apache.spark.sql.execution.joins.ShuffledJoin;
import org.apache.spark.sql.execution.joins.SortMergeJoinExec;

/**
 * The order contract of a plan: which piece of its input determines which piece of its output. A
 * plan with a node that is not listed as local is run-bound. Looks only at plans that {@link
 * PlanEncoder} has accepted.
 *
 * @param planClass the contract
 * @param leaves the leaves outside broadcast sides, in plan order; for run-bound plans empty
 */
record PlanShape(PlanClass planClass, List<SparkPlan> leaves) {
  private static final Set<Class<?>> ROW_LOCAL =
      Set.of(
          FilterExec.class,
          ProjectExec.class,
          ExpandExec.class,
          GenerateExec.class,
          DeserializeToObjectExec.class,
          SerializeFromObjectExec.class,
          MapElementsExec.class);

  private static final Set<Class<?>> LOCAL_LEAVES =
      SparkClasses.ofThisLine(
          Set.of(LocalTableScanExec.class, RangeExec.class),
          "org.apache.spark.sql.execution.OneRowRelationExec"); // since 4.1

  /** Each partition of the output is computed from the partitions of the same index below. */
  private static final Set<Class<?>> PARTITION_LOCAL =
      Set.of(
          SortExec.class,
          LocalLimitExec.class,
          HashAggregateExec.class,
          ObjectHashAggregateExec.class,
          SortAggregateExec.class,
          SortMergeJoinExec.class,
          ShuffledHashJoinExec.class,
          UnionExec.class,
          MapPartitionsExec.class,
          AppendColumnsExec.class,
          AppendColumnsWithObjectExec.class,
          MapGroupsExec.class,
          CoGroupExec.class);

  static PlanShape of(SparkPlan plan) {
    Optional<FileSourceScanExec> chunked = rowLocal(plan);
    // Rows that tell where Spark cut the files are those of Spark's own cuts.
    if (chunked.isPresent()
        && !SplitColumns.of(plan).areUsed(chunked.get())
        && plan.outputPartitioning() instanceof UnknownPartitioning
        && plan.outputOrdering().isEmpty()) {
      return new PlanShape(PlanClass.ROW_LOCAL, List.of(chunked.get()));
    }
    List<SparkPlan> leaves = new ArrayList<>();
    if (partitionLocal(plan, leaves)) {
      return new PlanShape(PlanClass.PARTITION_LOCAL, List.copyOf(leaves));
    }
    return new PlanShape(PlanClass.RUN_BOUND, List.of());
  }

  /** The scan if {@code plan} computes each of its rows from one row of the scan, in order. */
  private static Optional<FileSourceScanExec> rowLocal(SparkPlan plan) {
    if (plan instanceof AdaptiveSparkPlanExec || hasSubqueries(plan)) {
      return Optional.empty();
    }
    if (PlanEncoder.isWrapper(plan)) {
      return rowLocal(PlanEncoder.unwrap(plan));
    }
    if (plan instanceof FileSourceScanExec scan) {
      boolean byBucket = scan.bucketedScan() || scan.optionalBucketSet().isDefined();
      return byBucket ? Optional.empty() : Optional.of(scan);
    }
    if (ROW_LOCAL.contains(plan.getClass()) || PythonNodes.isRowLocal(plan)) {
      return rowLocal(children(plan).get(0));
    }
    return streamedSide(plan).flatMap(PlanShape::rowLocal);
  }

  /**
   * Whether a node, met on the way down from the root, is executed by other tasks than those that
   * compute the relation's partitions. Adaptive execution may turn a join into one that is
   * broadcast.
   */
  static boolean runsElsewhere(SparkPlan plan, boolean adaptive) {
    boolean joins = isBroadcastJoin(plan) || plan instanceof ShuffledJoin;
    boolean here =
        PlanEncoder.isWrapper(plan)
            || ROW_LOCAL.contains(plan.getClass())
            || PARTITION_LOCAL.contains(plan.getClass())
            || isLocalLeaf(plan)
            || PythonNodes.isPartitionLocal(plan)
            || PythonNodes.isRowLocal(plan)
            || plan instanceof FileSourceScanExec
            || plan instanceof InMemoryTableScanExec
            || isBroadcastJoin(plan);
    return !here || (adaptive && joins);
  }

  /** Whether adaptive execution puts no exchange below the node that is not there yet. */
  static boolean staysAbove(SparkPlan plan) {
    return ROW_LOCAL.contains(plan.getClass()) || plan instanceof MapPartitionsExec;
  }

  private static boolean isLocalLeaf(SparkPlan plan) {
    return LOCAL_LEAVES.contains(plan.getClass()) || LocalLists.reads(plan);
  }

  private static boolean partitionLocal(SparkPlan plan, List<SparkPlan> leaves) {
    if (plan instanceof AdaptiveSparkPlanExec || hasSubqueries(plan)) {
      return false;
    }
    if (isBroadcastJoin(plan)) {
      return streamedSide(plan).filter(side -> partitionLocal(side, leaves)).isPresent();
    }
    if (plan instanceof FileSourceScanExec || isLocalLeaf(plan)) {
      leaves.add(plan);
      return true;
    }
    boolean local =
        PlanEncoder.isWrapper(plan)
            || ROW_LOCAL.contains(plan.getClass())
            || PARTITION_LOCAL.contains(plan.getClass())
            || PythonNodes.isPartitionLocal(plan);
    return local && children(plan).stream().allMatch(child -> partitionLocal(child, leaves));
  }

  /**
   * The streamed side of a broadcast join that emits rows for streamed rows only, and whose build
   * side is the same multiset of rows in every run. Empty otherwise.
   */
  private static Optional<SparkPlan> streamedSide(SparkPlan plan) {
    boolean buildRight;
    if (plan instanceof BroadcastHashJoinExec join
        && streamsRows(join.joinType(), join.buildSide())) {
      buildRight = isRight(join.buildSide());
    } else if (plan instanceof BroadcastNestedLoopJoinExec join
        && streamsRows(join.joinType(), join.buildSide())) {
      buildRight = isRight(join.buildSide());
    } else {
      return Optional.empty();
    }
    List<SparkPlan> sides = children(plan);
    SparkPlan build = sides.get(buildRight ? 1 : 0);
    return isFixedBroadcast(build) ? Optional.of(sides.get(buildRight ? 0 : 1)) : Optional.empty();
  }

  private static boolean streamsRows(JoinType type, BuildSide build) {
    if (type instanceof InnerLike) {
      return true;
    }
    if (isRight(build)) {
      return type == LeftOuter$.MODULE$
          || type == LeftSemi$.MODULE$
          || type == LeftAnti$.MODULE$
          || type instanceof ExistenceJoin;
    }
    return type == RightOuter$.MODULE$;
  }

  private static boolean isFixedBroadcast(SparkPlan side) {
    if (side instanceof InputAdapter adapter) {
      return isFixedBroadcast(adapter.child());
    }
    if (side instanceof ReusedExchangeExec reused) {
      return isFixedBroadcast(reused.child());
    }
    return side instanceof BroadcastExchangeExec exchange && isFixedMultiset(exchange.child());
  }

  /** Whether the rows, in whatever order, are the same however the input is cut and packed. */
  private static boolean isFixedMultiset(SparkPlan plan) {
    if (plan instanceof AdaptiveSparkPlanExec || hasSubqueries(plan)) {
      return false;
    }
    if (plan instanceof FileSourceScanExec || isLocalLeaf(plan)) {
      return true;
    }
    if (PlanEncoder.isWrapper(plan)
        || ROW_LOCAL.contains(plan.getClass())
        || PythonNodes.isRowLocal(plan)
        || plan instanceof UnionExec
        || plan instanceof SortExec) {
      return children(plan).stream().allMatch(PlanShape::isFixedMultiset);
    }
    return streamedSide(plan).filter(PlanShape::isFixedMultiset).isPresent();
  }

  private static boolean isBroadcastJoin(SparkPlan plan) {
    return plan instanceof BroadcastHashJoinExec || plan instanceof BroadcastNestedLoopJoinExec;
  }

  private static boolean isRight(BuildSide side) {
    return side == BuildRight$.MODULE$;
  }

  private static boolean hasSubqueries(SparkPlan plan) {
    return plan.subqueries().nonEmpty();
  }

  private static List<SparkPlan> children(SparkPlan plan) {
    return ScalaInterop.list(plan.children());
  }
}
