// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;
import org.apache.spark.Dependency;
import org.apache.spark.NarrowDependency;
import org.apache.spark.Partition;
import org.apache.spark.rdd.CoalescedRDDPartition;
import org.apache.spark.rdd.MapPartitionsRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.FileScanRDD;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import scala.jdk.javaapi.CollectionConverters;

/**
 * How Spark packed the input of a plan without an exchange into partitions: the same files are
 * packed differently with other cores or other files beside them, and partition 3 is then another
 * partition 3. The content of the files is not looked at here.
 */
final class LineageDigest {
  private LineageDigest() {}

  /** The digest, or empty if the lineage holds a shuffle. */
  static Optional<byte[]> of(RDD<?> rdd) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      try (DataOutputStream out =
          new DataOutputStream(new DigestOutputStream(OutputStream.nullOutputStream(), sha))) {
        if (!write(rdd, out)) {
          return Optional.empty();
        }
      }
      return Optional.of(sha.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    } catch (IOException e) {
      throw new UncheckedIOException("writing to a digest does no I/O", e);
    }
  }

  /** Whether {@code rdd} hands any split it is given down to one scan of files. */
  static boolean handsSplitsThrough(RDD<?> rdd) {
    RDD<?> current = rdd;
    while (current.getClass() == MapPartitionsRDD.class) {
      current = current.dependencies().head().rdd();
    }
    return current.getClass() == FileScanRDD.class;
  }

  private static boolean write(RDD<?> rdd, DataOutputStream out) throws IOException {
    out.writeUTF(rdd.getClass().getName());
    out.writeInt(rdd.partitions().length);
    for (Partition partition : rdd.partitions()) {
      write(partition, out);
    }
    out.writeInt(rdd.dependencies().size());
    for (Dependency<?> dependency : CollectionConverters.asJava(rdd.dependencies())) {
      if (!(dependency instanceof NarrowDependency) || !write(dependency.rdd(), out)) {
        return false;
      }
    }
    return true;
  }

  private static void write(Partition partition, DataOutputStream out) throws IOException {
    if (partition instanceof FilePartition files) {
      out.writeInt(files.files().length);
      for (PartitionedFile file : files.files()) {
        out.writeUTF(file.urlEncodedPath());
        out.writeLong(file.start());
        out.writeLong(file.length());
      }
    } else if (partition instanceof CoalescedRDDPartition coalesced) {
      out.writeInt(coalesced.parentsIndices().length);
      for (int parent : coalesced.parentsIndices()) {
        out.writeInt(parent);
      }
    }
  }
}
