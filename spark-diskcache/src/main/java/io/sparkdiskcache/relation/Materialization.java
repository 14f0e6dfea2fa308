// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.InputStats;
import io.sparkdiskcache.relation.Holdings.HeldPartitions;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.store.FileLook;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.internal.SQLConf;
import org.jspecify.annotations.Nullable;

/** A relation as one application holds it: its RDD and the results of its partitions. */
final class Materialization {
  private final DiskCachedRDD rdd;
  private final PartitionResults results;
  private final Optional<Identity> identity;
  private final List<InputFile> inputs;
  private final byte[] confDigest;
  private final Instant notBefore;
  private final HeldPartitions held;
  private boolean used;
  private @Nullable String checkedIn;

  /**
   * @param identity of the rows; empty for rows that only this application may see
   * @param inputs the files that were looked at
   * @param confDigest the settings that held then
   * @param notBefore what was stored before is not used
   * @param held the partitions of it that were not computed for it
   */
  Materialization(
      DiskCachedRDD rdd,
      PartitionResults results,
      Optional<Identity> identity,
      List<InputFile> inputs,
      byte[] confDigest,
      Instant notBefore,
      HeldPartitions held) {
    this.rdd = rdd;
    this.results = results;
    this.identity = identity;
    this.inputs = inputs;
    this.confDigest = confDigest;
    this.notBefore = notBefore;
    this.held = held;
  }

  Instant notBefore() {
    return notBefore;
  }

  /** When the oldest of its rows was computed. */
  Instant oldest() {
    return held.oldest();
  }

  DiskCachedRDD rdd() {
    return rdd;
  }

  Optional<Identity> identity() {
    return identity;
  }

  boolean isComplete() {
    return results.size() == rdd.getNumPartitions();
  }

  /** Findings about the functions that computed its partitions so far. */
  Findings findings() {
    return results.findings();
  }

  PartitionResults results() {
    return results;
  }

  long rows() {
    return results.value().values().stream().mapToLong(PartitionResult::rows).sum();
  }

  long bytes() {
    return results.value().values().stream().mapToLong(PartitionResult::bytes).sum();
  }

  /** False if it has no parent and what it stands for is lost with its hosts. */
  boolean isReadable(SparkContext context) {
    return !rdd.isDetached()
        || ClusterDirectory.of(context)
            .map(cluster -> cluster.isReadable(rdd.id(), held.directories()))
            .orElse(true);
  }

  /** From now on later queries read the same rows, whatever becomes of the inputs. */
  void markUsed() {
    used = true;
  }

  boolean isUsed() {
    return used;
  }

  /** The execution that last found the inputs unchanged. */
  @Nullable String checkedIn() {
    return checkedIn;
  }

  void markChecked(@Nullable String execution) {
    checkedIn = execution;
  }

  /** Whether a query executed now would be given the same rows by plain Spark. */
  boolean stillValid(Configuration hadoopConf) {
    return Arrays.equals(confDigest, ConfDigest.of(SQLConf.get()))
        && InputStats.unchanged(inputs, hadoopConf)
        && (!rdd.sparkContext().isLocal() // elsewhere the files are those of the executors
            || new FileLook().isUnchanged(findings().reads()));
  }
}
