// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.rdd.EmptyRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.UnionLoopRef;
import org.apache.spark.sql.execution.CommandExecutionMode;
import org.apache.spark.sql.execution.RDDScanExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.UnionLoopExec;
import scala.Option;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractPartialFunction;

/**
 * Recursive queries. Spark keeps the two parts of one as logical plans, which it plans and runs by
 * themselves: the anchor once, the recursion for the rows of each step before. Both count as the
 * physical plans that Spark would make of them; in the recursion an RDD that is known here stands
 * for the rows of the step before.
 */
final class RecursiveQueries {
  /** A recursive query in its parts. */
  record Parts(SparkPlan anchor, SparkPlan recursion, Option<?> limit, Option<?> maxDepth) {}

  private final Encoding encoding;

  /** One for each recursion that has been met, in that order. */
  private final List<RDD<InternalRow>> steps = new ArrayList<>();

  RecursiveQueries(Encoding encoding) {
    this.encoding = encoding;
  }

  static boolean isOne(SparkPlan plan) {
    return plan instanceof UnionLoopExec;
  }

  /** Of a recursive query; empty for any other plan. Its id, drawn from a counter, is no part. */
  Optional<Parts> parts(SparkPlan plan) {
    if (!(plan instanceof UnionLoopExec loop)) {
      return Optional.empty();
    }
    SparkPlan anchor = planned(loop, loop.anchor());
    return Optional.of(new Parts(anchor, recursion(loop), loop.limit(), loop.maxDepth()));
  }

  private SparkPlan recursion(UnionLoopExec loop) {
    RDD<InternalRow> step =
        new EmptyRDD<>(loop.session().sparkContext(), ClassTag$.MODULE$.apply(InternalRow.class));
    steps.add(step);
    return planned(loop, loop.recursion().transformWithSubqueries(new Step(loop, step)));
  }

  /** Which recursion's rows of the step before are scanned; empty for any other RDD. */
  Optional<Integer> step(SparkPlan plan) {
    if (plan instanceof RDDScanExec scan) {
      for (int i = 0; i < steps.size(); i++) {
        if (steps.get(i) == scan.rdd()) {
          return Optional.of(i);
        }
      }
    }
    return Optional.empty();
  }

  private SparkPlan planned(UnionLoopExec loop, LogicalPlan part) {
    if (part.exists(ScalaInterop.predicate(UnionLoopRef.class))) {
      throw encoding.refused(
          Refusal.Code.PLAN_NODE, "a recursive query inside of another is not known");
    }
    return loop.session()
        .sessionState()
        .executePlan(part, CommandExecutionMode.SKIP())
        .executedPlan();
  }

  /** Puts the scan of the RDD in the place of the reference. */
  private static final class Step extends AbstractPartialFunction<LogicalPlan, LogicalPlan> {
    private final UnionLoopExec loop;
    private final RDD<InternalRow> rows;

    Step(UnionLoopExec loop, RDD<InternalRow> rows) {
      this.loop = loop;
      this.rows = rows;
    }

    @Override
    public boolean isDefinedAt(LogicalPlan plan) {
      return plan instanceof UnionLoopRef reference && reference.loopId() == loop.loopId();
    }

    @Override
    public LogicalPlan apply(LogicalPlan plan) {
      return LogicalRdds.of(plan.output(), rows, loop.session());
    }
  }
}
