// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import org.apache.spark.Partition;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.ColumnarToRowExec;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.InputAdapter;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.WholeStageCodegenExec;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.jspecify.annotations.Nullable;

/**
 * The RDDs that a relation is computed from: the rows of its plan and, where these are nothing but
 * the columns of a scan in another shape, the columns. Keys, partitions and dependencies are those
 * of the rows; the columns are read in their place where a unit is written.
 *
 * @param columns hands through the splits that {@code rows} does, with the same rows in the same
 *     order; null if there are none
 */
record ParentRows(RDD<InternalRow> rows, @Nullable RDD<ColumnarBatch> columns) {

  static ParentRows of(SparkPlan plan, RDD<InternalRow> rows) {
    SparkPlan scan = plan instanceof WholeStageCodegenExec stage ? stage.child() : plan;
    scan = scan instanceof ColumnarToRowExec toRows ? toRows.child() : scan;
    scan = scan instanceof InputAdapter adapter ? adapter.child() : scan;
    boolean isScan =
        (scan instanceof FileSourceScanExec && scan.supportsColumnar())
            || ColumnarReads.isKeptScan(scan);
    if (!isScan) {
      return new ParentRows(rows, null);
    }
    RDD<ColumnarBatch> columns = scan.executeColumnar();
    return new ParentRows(rows, sameSplits(rows, columns) ? columns : null);
  }

  /** The very same objects, so that it cannot matter whom a split is given to. */
  private static boolean sameSplits(RDD<?> rows, RDD<?> columns) {
    Partition[] ofRows = rows.partitions();
    Partition[] ofColumns = columns.partitions();
    boolean same =
        ofRows.length == ofColumns.length
            && LineageDigest.handsSplitsThrough(rows) == LineageDigest.handsSplitsThrough(columns);
    for (int i = 0; same && i < ofRows.length; i++) {
      same = ofRows[i] == ofColumns[i];
    }
    return same;
  }
}
