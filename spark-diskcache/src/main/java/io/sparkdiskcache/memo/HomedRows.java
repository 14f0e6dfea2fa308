// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.shim.SparkInternals;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32;
import org.apache.spark.OneToOneDependency;
import org.apache.spark.Partition;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/**
 * Rows where the results of their arguments are. They are partitioned by Spark's hash of the
 * arguments, which is the same in every application, into {@code spark.sql.shuffle.partitions}; a
 * partition's task prefers its home, the host of the highest rank for its number among those that
 * have executors now. A host that joins or leaves moves no partitions but its own.
 *
 * <p>A preference only: where the home is busy for {@code spark.locality.wait}, another host runs
 * the task and calls for what it does not have.
 */
@Internal
public final class HomedRows {
  private HomedRows() {}

  /** The same rows; what is below the exchange is executed when its plan is adaptive. */
  public static Dataset<Row> of(Dataset<Row> rows, Column[] arguments) {
    int partitions =
        Integer.parseInt(rows.sparkSession().conf().get("spark.sql.shuffle.partitions"));
    Dataset<Row> exchanged = rows.repartition(partitions, arguments);
    List<String> hosts =
        SparkInternals.executors(rows.sparkSession().sparkContext()).stream()
            .map(executor -> executor.host())
            .distinct()
            .toList();
    return SparkInternals.ofRows(
        exchanged, new Homed(SparkInternals.internalRows(exchanged), hosts));
  }

  /** The home of a partition; empty without hosts. */
  static List<String> home(int partition, Collection<String> hosts) {
    return hosts.stream()
        .max(Comparator.<String>comparingLong(host -> rank(partition, host)).thenComparing(h -> h))
        .map(List::of)
        .orElse(List.of());
  }

  private static long rank(int partition, String host) {
    CRC32 crc = new CRC32();
    crc.update((partition + "/" + host).getBytes(StandardCharsets.UTF_8));
    return crc.getValue();
  }

  private static final class Homed extends RDD<InternalRow> {
    private final RDD<InternalRow> rows;
    private final List<String> hosts;

    Homed(RDD<InternalRow> rows, List<String> hosts) {
      super(
          rows.sparkContext(),
          CollectionConverters.asScala(
                  List.<org.apache.spark.Dependency<?>>of(new OneToOneDependency<>(rows)))
              .toSeq(),
          ClassTag$.MODULE$.apply(InternalRow.class));
      this.rows = rows;
      this.hosts = hosts;
    }

    @Override
    public Partition[] getPartitions() {
      return rows.partitions();
    }

    @Override
    public Seq<String> getPreferredLocations(Partition split) {
      return CollectionConverters.asScala(home(split.index(), hosts)).toSeq();
    }

    @Override
    public Iterator<InternalRow> compute(Partition split, TaskContext context) {
      return rows.iterator(split, context);
    }
  }
}
