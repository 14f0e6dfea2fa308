// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Optional;
import org.apache.spark.Partition;
import org.apache.spark.rdd.ParallelCollectionPartition;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.LogicalRDD;
import org.apache.spark.sql.execution.RDDScanExec;
import org.apache.spark.sql.execution.SparkPlan;

/**
 * RDDs that hold a list of the driver's: PySpark makes one of what {@code createDataFrame} is
 * given, and the rows are the bytes in it. The Python package says which frames are made so; the
 * content is taken from the RDD itself.
 */
public final class LocalRows {
  private static final IdentityWeakMap<RDD<?>, byte[]> KNOWN = new IdentityWeakMap<>();

  private LocalRows() {}

  /**
   * Notes that a frame holds what PySpark has put into a collection, unchanged since.
   *
   * @param frame made of nothing else
   * @param source the collection, as pickled rows
   * @return whether the content can be told
   */
  public static boolean register(Dataset<?> frame, RDD<?> source) {
    LogicalPlan plan =
        ((org.apache.spark.sql.classic.Dataset<?>) frame).queryExecution().analyzed();
    if (!(plan instanceof LogicalRDD scan) || scan.isStreaming()) {
      return false;
    }
    Optional<byte[]> content = content(source);
    content.ifPresent(digest -> KNOWN.put(scan.rdd(), digest));
    return content.isPresent();
  }

  private static Optional<byte[]> content(RDD<?> source) {
    Partition[] partitions = source.partitions();
    CanonicalHasher hasher = new CanonicalHasher().putInt(partitions.length);
    for (Partition partition : partitions) {
      if (!(partition instanceof ParallelCollectionPartition<?> slice)) {
        return Optional.empty();
      }
      for (Object batch : ScalaInterop.iterable(slice.iterator())) {
        if (!(batch instanceof byte[] bytes)) {
          return Optional.empty();
        }
        hasher.tag('b').putBytes(bytes);
      }
      hasher.tag('.');
    }
    return Optional.of(hasher.digest());
  }

  /** The content of what a node scans; empty for any other RDD. */
  static Optional<byte[]> of(SparkPlan plan) {
    return plan instanceof RDDScanExec scan && scan.stream().isEmpty()
        ? KNOWN.get(scan.rdd())
        : Optional.empty();
  }
}
