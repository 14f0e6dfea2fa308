// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.Dependency;
import org.apache.spark.Partition;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import scala.Function1;
import scala.collection.Iterator;
import scala.collection.immutable.Nil$;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/**
 * Rows that a call on the driver gives. It is made when Spark asks for the partitions, that is when
 * a job begins, and once.
 */
final class CallRdd extends RDD<InternalRow> {
  private static final int ROWS_OF_PARTITION = 10_000;

  private final transient StructType schema;
  private final transient Supplier<List<Row>> call;

  CallRdd(SparkContext context, StructType schema, Supplier<List<Row>> call) {
    super(context, none(), ClassTag$.MODULE$.apply(InternalRow.class));
    this.schema = schema;
    this.call = call;
  }

  @SuppressWarnings("unchecked") // Nil is a Seq of anything
  private static Seq<Dependency<?>> none() {
    return (Seq<Dependency<?>>) (Seq<?>) Nil$.MODULE$;
  }

  @Override
  public Partition[] getPartitions() {
    Function1<Object, Object> convert = CatalystTypeConverters.createToCatalystConverter(schema);
    List<Row> rows = call.get();
    List<Partition> pieces = new ArrayList<>();
    for (int from = 0; from < rows.size(); from += ROWS_OF_PARTITION) {
      List<Row> piece = rows.subList(from, Math.min(rows.size(), from + ROWS_OF_PARTITION));
      pieces.add(
          new Piece(
              pieces.size(), piece.stream().map(row -> (InternalRow) convert.apply(row)).toList()));
    }
    return pieces.toArray(Partition[]::new);
  }

  @Override
  public Iterator<InternalRow> compute(Partition split, TaskContext context) {
    return CollectionConverters.asScala(((Piece) split).rows.iterator());
  }

  private static final class Piece implements Partition {
    private final int index;
    private final List<InternalRow> rows;

    Piece(int index, List<InternalRow> rows) {
      this.index = index;
      this.rows = rows;
    }

    @Override
    public int index() {
      return index;
    }

    @Override
    public int hashCode() {
      return index;
    }

    @Override
    public boolean equals(Object other) {
      return this == other;
    }
  }
}
