// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.FilterExec;
import org.apache.spark.sql.execution.ProjectExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.datasources.FileFormat;

/**
 * Which scans tell the rows above them where Spark cut the files. A scan may have the columns
 * without anybody using them: Delta asks for all of {@code _metadata} to get the row index.
 */
final class SplitColumns {
  private static final Set<String> NAMES =
      Set.of(FileFormat.FILE_BLOCK_START(), FileFormat.FILE_BLOCK_LENGTH());

  private final SparkPlan plan;
  private final Set<SparkPlan> unused = Collections.newSetFromMap(new IdentityHashMap<>());
  private boolean walked;

  private SplitColumns(SparkPlan plan) {
    this.plan = plan;
  }

  static SplitColumns of(SparkPlan plan) {
    return new SplitColumns(plan);
  }

  /** Whether rows may depend on the cuts; also true of a scan that the plan's walk did not meet. */
  boolean areUsed(FileSourceScanExec scan) {
    if (splitColumns(scan).isEmpty()) {
      return false; // as of nearly all scans, for which no plan is walked
    }
    if (!walked) {
      walked = true;
      walk(plan, ids(ScalaInterop.list(plan.output())));
    }
    SparkPlan node = scan;
    return !unused.contains(node);
  }

  private void walk(SparkPlan plan, Set<ExprId> wanted) {
    if (PlanEncoder.isWrapper(plan)) {
      walk(PlanEncoder.unwrap(plan), wanted);
    } else if (plan instanceof FileSourceScanExec scan) {
      if (Collections.disjoint(splitColumns(scan), wanted)
          && !references(ScalaInterop.list(scan.dataFilters()), splitColumns(scan))) {
        unused.add(plan);
      }
    } else if (plan instanceof FilterExec filter) {
      Set<ExprId> more = new HashSet<>(wanted);
      more.addAll(references(filter.condition()));
      walk(filter.child(), more);
    } else if (plan instanceof ProjectExec project) {
      Set<ExprId> below = new HashSet<>();
      for (NamedExpression column : ScalaInterop.list(project.projectList())) {
        if (wanted.contains(column.exprId())) {
          below.addAll(references((Expression) column));
        }
      }
      walk(project.child(), below);
    } else {
      for (SparkPlan child : ScalaInterop.list(plan.children())) {
        walk(child, ids(ScalaInterop.list(child.output())));
      }
    }
  }

  private static Set<ExprId> splitColumns(FileSourceScanExec scan) {
    Set<ExprId> ids = new HashSet<>();
    for (Attribute column : ScalaInterop.list(scan.fileConstantMetadataColumns())) {
      if (NAMES.contains(column.name())) {
        ids.add(column.exprId());
      }
    }
    return ids;
  }

  private static boolean references(List<Expression> expressions, Set<ExprId> columns) {
    return expressions.stream().anyMatch(e -> !Collections.disjoint(references(e), columns));
  }

  private static Set<ExprId> references(Expression expression) {
    Set<ExprId> ids = new HashSet<>();
    for (Attribute attribute : ScalaInterop.iterable(expression.references().iterator())) {
      ids.add(attribute.exprId());
    }
    return ids;
  }

  private static Set<ExprId> ids(List<Attribute> attributes) {
    Set<ExprId> ids = new HashSet<>();
    attributes.forEach(attribute -> ids.add(attribute.exprId()));
    return ids;
  }
}
