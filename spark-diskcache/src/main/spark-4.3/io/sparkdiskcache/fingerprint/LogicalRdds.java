// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.plans.physical.UnknownPartitioning;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.LogicalRDD;
import scala.Option;
import scala.collection.immutable.Nil$;
import scala.collection.immutable.Seq;

/**
 * Plans that read the rows of an RDD. Spark 4.3 also asks whether the rows come from a checkpoint.
 */
@Internal
public final class LogicalRdds {
  private LogicalRdds() {}

  /** Of rows in no order, partitioned by nothing that is known. */
  @SuppressWarnings("unchecked") // Nil is a Seq of anything
  public static LogicalRDD of(Seq<Attribute> output, RDD<InternalRow> rows, SparkSession session) {
    return new LogicalRDD(
        output,
        rows,
        new UnknownPartitioning(0),
        (Seq<SortOrder>) (Seq<?>) Nil$.MODULE$,
        false,
        Option.empty(),
        session,
        Option.empty(),
        Option.empty(),
        false);
  }
}
