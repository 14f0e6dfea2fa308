// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ArrowViews;
import io.sparkdiskcache.fingerprint.TransparentNode;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.plans.physical.Partitioning;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.metric.SQLMetric;
import org.apache.spark.sql.execution.metric.SQLMetrics;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.jspecify.annotations.Nullable;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Hands some columns of a kept relation to Python as vectors of Arrow ({@link ArrowViews}): Spark
 * then sends their buffers as they are, where it would make rows of other vectors.
 */
@Internal
public final class ArrowColumnsExec extends SparkPlan implements TransparentNode {
  private static final long serialVersionUID = 1L;

  /** Metric: columns of batches whose buffers in the file were handed on. */
  public static final String MAPPED = "mappedColumns";

  /** Metric: columns of batches that are stored in less and were widened. */
  public static final String WIDENED = "widenedColumns";

  private final SparkPlan child;
  private final int[] columns;
  private final SQLMetric mapped;
  private final SQLMetric widened;

  /**
   * The rules of Spark call it, too: they copy a node by its public constructor and the elements of
   * the product.
   *
   * @param columns numbers of the child's columns
   */
  public ArrowColumnsExec(SparkPlan child, int[] columns) {
    this.child = child;
    this.columns = columns;
    this.mapped = SQLMetrics.createMetric(sparkContext(), "columns handed on as mapped");
    this.widened = SQLMetrics.createMetric(sparkContext(), "columns widened");
  }

  @Override
  public Seq<SparkPlan> children() {
    return CollectionConverters.asScala(List.of(child)).toSeq();
  }

  @Override
  public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> newChildren) {
    return new ArrowColumnsExec(newChildren.head(), columns);
  }

  @Override
  public Seq<Attribute> output() {
    return child.output();
  }

  @Override
  public Partitioning outputPartitioning() {
    return child.outputPartitioning();
  }

  @Override
  public Seq<SortOrder> outputOrdering() {
    return child.outputOrdering();
  }

  @Override
  public boolean supportsColumnar() {
    return true;
  }

  @Override
  public scala.collection.immutable.Map<String, SQLMetric> metrics() {
    return scala.collection.immutable.Map$.MODULE$.from(
        CollectionConverters.asScala(Map.of(MAPPED, mapped, WIDENED, widened)));
  }

  @Override
  public RDD<InternalRow> doExecute() {
    throw new UnsupportedOperationException(nodeName() + " hands on columns only");
  }

  @Override
  public RDD<ColumnarBatch> doExecuteColumnar() {
    int[] wanted = columns;
    SQLMetric ofMapped = mapped;
    SQLMetric ofWidened = widened;
    FlatMapFunction<Iterator<ColumnarBatch>, ColumnarBatch> convert =
        batches ->
            new Iterator<>() {
              @Override
              public boolean hasNext() {
                return batches.hasNext();
              }

              @Override
              public ColumnarBatch next() {
                return ArrowViews.of(
                    batches.next(), wanted, copied -> (copied ? ofWidened : ofMapped).add(1));
              }
            };
    return child.executeColumnar().toJavaRDD().mapPartitions(convert).rdd();
  }

  @Override
  public int productArity() {
    return 2;
  }

  @Override
  public Object productElement(int n) {
    return switch (n) {
      case 0 -> child;
      case 1 -> columns;
      default -> throw new IndexOutOfBoundsException(n);
    };
  }

  @Override
  public boolean canEqual(Object other) {
    return other instanceof ArrowColumnsExec;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ArrowColumnsExec that
        && child.equals(that.child)
        && Arrays.equals(columns, that.columns);
  }

  @Override
  public int hashCode() {
    return 31 * child.hashCode() + Arrays.hashCode(columns);
  }
}
