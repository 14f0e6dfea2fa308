// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.List;
import java.util.Set;
import org.apache.spark.api.python.PythonEvalType;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.PythonUDF;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.python.ArrowEvalPythonExec;
import org.apache.spark.sql.execution.python.BatchEvalPythonExec;
import org.apache.spark.sql.execution.python.EvalPythonExec;
import org.apache.spark.sql.execution.python.MapInArrowExec;
import org.apache.spark.sql.execution.python.MapInBatchExec;
import org.apache.spark.sql.execution.python.MapInPandasExec;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.UserDefinedType;

/**
 * The plan nodes that call Python, and their order contract.
 *
 * <p>Only a plain {@code @udf} is called once per row. A vectorized function sees a batch, an
 * iterating one a partition, and nothing keeps it from computing a mean over what it sees: such
 * plans are keyed on all a task reads. The functions themselves are encoded as expressions ({@link
 * PythonFunctions}), and batch sizes and Arrow settings are part of the digest of settings.
 */
final class PythonNodes {
  private static final Set<Class<?>> SCALAR =
      Set.of(BatchEvalPythonExec.class, ArrowEvalPythonExec.class);

  /** The second is the name of the first in Spark 4.0. */
  private static final Set<String> WINDOW = Set.of("ArrowWindowPythonExec", "WindowInPandasExec");

  private static final Set<Integer> CALLED_PER_ROW =
      Set.of(PythonEvalType.SQL_BATCHED_UDF(), PythonEvalType.SQL_ARROW_BATCHED_UDF());

  private PythonNodes() {}

  static boolean isKnown(SparkPlan plan) {
    return plan.getClass().getPackage() == EvalPythonExec.class.getPackage()
        && AllowList.has(AllowList.Rule.NODE_OWN, plan.getClass());
  }

  /** Refuses what a node may ask for besides its function. */
  static void check(SparkPlan plan, Encoding encoding) {
    if (plan instanceof MapInBatchExec map && (isBarrier(map) || hasProfile(map))) {
      throw encoding.refused(
          Refusal.Code.PLAN_NODE,
          "a barrier stage or a resource profile is asked for, and a hit would start neither; call"
              + " without them to have the result cached");
    }
    for (SparkPlan child : ScalaInterop.list(plan.children())) {
      refuseUserTypes(child, encoding);
    }
    refuseUserTypes(plan, encoding);
  }

  /** Their code in Python runs beside the function and is part of no hash. */
  private static void refuseUserTypes(SparkPlan plan, Encoding encoding) {
    for (Attribute column : ScalaInterop.list(plan.output())) {
      if (column
          .dataType()
          .existsRecursively(ScalaInterop.<DataType>predicate(UserDefinedType.class))) {
        throw encoding.refused(
            Refusal.Code.DATA_TYPE,
            "column "
                + column.name()
                + " has a user-defined type, whose code in Python has no identity; drop it before"
                + " the function is called");
      }
    }
  }

  private static boolean isBarrier(MapInBatchExec map) {
    return map instanceof MapInPandasExec pandas
        ? pandas.isBarrier()
        : ((MapInArrowExec) map).isBarrier();
  }

  private static boolean hasProfile(MapInBatchExec map) {
    return map instanceof MapInPandasExec pandas
        ? pandas.profile().isDefined()
        : ((MapInArrowExec) map).profile().isDefined();
  }

  /** Names of input columns, where the function sees them: in a DataFrame, table or row. */
  static void names(SparkPlan plan, CanonicalHasher out) {
    if (SCALAR.contains(plan.getClass())) {
      return;
    }
    for (SparkPlan child : ScalaInterop.list(plan.children())) {
      List<Attribute> columns = ScalaInterop.list(child.output());
      out.putInt(columns.size());
      columns.forEach(column -> out.putString(column.name()));
    }
    List<Attribute> result = ScalaInterop.list(plan.output());
    out.putInt(result.size());
    result.forEach(column -> out.putString(column.name()));
  }

  /** Whether each output row is computed from one input row, by its own call. */
  static boolean isRowLocal(SparkPlan plan) {
    return SCALAR.contains(plan.getClass())
        && ScalaInterop.list(((EvalPythonExec) plan).udfs()).stream().allMatch(PythonNodes::perRow);
  }

  private static boolean perRow(PythonUDF udf) {
    return CALLED_PER_ROW.contains(udf.evalType())
        && ScalaInterop.list(udf.children()).stream()
            .allMatch(child -> !(child instanceof PythonUDF below) || perRow(below));
  }

  /**
   * Whether each partition of the output is computed from the partition of the same index. Not a
   * window: which of two equal rows comes first is up to the run.
   */
  static boolean isPartitionLocal(SparkPlan plan) {
    return isKnown(plan) && !WINDOW.contains(plan.getClass().getSimpleName());
  }
}
