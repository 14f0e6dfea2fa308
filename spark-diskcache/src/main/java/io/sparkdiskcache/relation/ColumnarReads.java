// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ArrowViews;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedArgumentExpression;
import org.apache.spark.sql.catalyst.expressions.PythonUDF;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.ColumnarRule;
import org.apache.spark.sql.execution.ColumnarToRowExec;
import org.apache.spark.sql.execution.ColumnarToRowTransition;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.TableCacheQueryStageExec;
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec;
import org.apache.spark.sql.execution.python.ArrowEvalPythonExec;
import org.apache.spark.sql.internal.SQLConf;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * Lets generated code read the mapped columns of a kept relation. {@link InMemoryTableScanExec}
 * says that it hands out rows as well as columns, so Spark never puts a {@link ColumnarToRowExec}
 * above it: every consumer of rows would get each row projected and copied before it looks at one
 * column.
 *
 * <p>Functions in Python that take plain columns of a kept relation are given these as Arrow, whose
 * buffers Spark sends without looking at values.
 *
 * <p>A scan at the root stays as it is: whether columns are wanted there is not in the plan.
 */
@Internal
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
      Optional<SparkPlan> withBuffers = python(plan);
      if (withBuffers.isPresent()) {
        return withBuffers.get();
      }
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

  /** A node that sends plain columns of a kept relation to Python, given their buffers. */
  private static Optional<SparkPlan> python(SparkPlan plan) {
    if (!(plan instanceof ArrowEvalPythonExec python)
        || !python.supportsColumnar()
        || !isKeptScan(python.child())) {
      return Optional.empty();
    }
    SQLConf conf = python.conf();
    List<Attribute> input = CollectionConverters.asJava(python.child().output());
    BitSet columns = new BitSet();
    for (PythonUDF udf : CollectionConverters.asJava(python.udfs())) {
      if (!addArguments(udf, input, conf.arrowUseLargeVarTypes(), columns)) {
        return Optional.empty();
      }
    }
    // Spark looks at the first column of the first batch, and makes rows if it is not Arrow's.
    if (columns.isEmpty() || !ArrowViews.covers(input.get(0).dataType(), false)) {
      return Optional.empty();
    }
    columns.set(0);
    SparkPlan arrow = new ArrowColumnsExec(python.child(), columns.stream().toArray());
    return Optional.of(
        python.withNewChildren(CollectionConverters.asScala(List.of(arrow)).toSeq()));
  }

  /** False if an argument is not just a column that can be handed over. */
  private static boolean addArguments(
      PythonUDF udf, List<Attribute> input, boolean largeOffsets, BitSet columns) {
    for (Expression child : CollectionConverters.asJava(udf.children())) {
      Expression argument = child instanceof NamedArgumentExpression named ? named.value() : child;
      if (argument instanceof PythonUDF below) {
        if (!addArguments(below, input, largeOffsets, columns)) {
          return false;
        }
      } else if (argument instanceof AttributeReference column
          && ArrowViews.covers(column.dataType(), largeOffsets)) {
        for (int i = 0; i < input.size(); i++) {
          if (input.get(i).exprId().equals(column.exprId())) {
            columns.set(i);
          }
        }
      } else {
        return false;
      }
    }
    return true;
  }

  /** Whether the plan is a scan of a kept relation that hands out columns. */
  static boolean isKeptScan(SparkPlan plan) {
    SparkPlan scan = plan instanceof TableCacheQueryStageExec stage ? stage.plan() : plan;
    return scan instanceof InMemoryTableScanExec table
        && table.supportsColumnar()
        && table.relation().cacheBuilder() instanceof DiskCachedRelationBuilder;
  }
}
