// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.shim.SparkInternals;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * Makes one partition complete, in a task: every unit is found, or computed and written to its end.
 * Entries stay mapped until the task has ended, because consumers keep columns of earlier batches.
 */
final class PartitionReader {
  private static final Logger log = LoggerFactory.getLogger(PartitionReader.class);

  private final int rddId;
  private final RelationSpec spec;
  private final @Nullable RDD<InternalRow> parent;
  private final PartitionResults results;
  private final InputWatch inputs;
  private final TaskContext context;

  PartitionReader(
      int rddId,
      RelationSpec spec,
      @Nullable RDD<InternalRow> parent,
      PartitionResults results,
      Configuration hadoopConf,
      TaskContext context) {
    this.rddId = rddId;
    this.spec = spec;
    this.parent = parent;
    this.results = results;
    this.inputs = new InputWatch(hadoopConf);
    this.context = context;
  }

  /** All batches of the partition; the partition is complete and announced when this returns. */
  Iterator<CachedBatch> read(CachedPartition partition) {
    EntryAccess access = EntryAccess.of(rddId, spec);
    List<MappedEntry> entries = new ArrayList<>(partition.units().size());
    // Registered first, so that Spark runs it last: after whatever reads the columns has stopped.
    context.addTaskCompletionListener(releaseAll(entries));
    long rows = 0;
    long bytes = 0;
    int read = 0;
    boolean keysHold = keysHold(partition.index());
    for (CacheUnit named : partition.units()) {
      CacheUnit unit = keysHold ? named : named.withoutName();
      Optional<MappedEntry> found = access.find(unit);
      MappedEntry entry;
      if (found.isPresent()) {
        entry = found.get();
        read++;
        context.taskMetrics().inputMetrics().incBytesRead(entry.bytes());
        context.taskMetrics().inputMetrics().incRecordsRead(entry.rows());
      } else {
        entry = compute(access, unit, partition.index());
      }
      entries.add(entry);
      rows += entry.rows();
      bytes += entry.bytes();
    }
    OpenEntries.process().show(rddId, partition.index());
    if (OpenEntries.process().firstAnnouncement(rddId, partition.index())) {
      SparkInternals.announce(rddId, partition.index(), bytes);
    }
    results.add(
        new Tuple2<>(
            partition.index(),
            new PartitionResult(rows, bytes, read, partition.units().size() - read)));
    return batches(entries);
  }

  private MappedEntry compute(EntryAccess access, CacheUnit unit, int partition) {
    if (parent == null || unit.split() == null) {
      throw new IllegalStateException(
          "Cannot read partition %d of %s: its entry %s on host %s was removed after it was found. "
                  .formatted(
                      partition,
                      spec.description(),
                      unit.key(),
                      SparkEnv.get().blockManager().blockManagerId().host())
              + "Run the query again: the partition is then computed.");
    }
    RDD<InternalRow> source = parent;
    return access.compute(
        unit,
        partition,
        context,
        () -> {
          inputs.opened();
          return source.iterator(unit.split(), context);
        },
        () -> unit.publish() && sameSettings() && inputs.unchanged(unit.inputs()));
  }

  /**
   * Whether the names of entries promise the rows that would be computed here. Under other settings
   * they do not, unless this relation has shown the partition before: then its rows stay.
   */
  private boolean keysHold(int partition) {
    return parent == null || OpenEntries.process().wasShown(rddId, partition) || sameSettings();
  }

  /** Settings, and the day, bind when rows are computed and not when the plan is made. */
  private boolean sameSettings() {
    boolean same =
        System.currentTimeMillis() < spec.expires()
            && Arrays.equals(spec.confDigest(), ConfDigest.of(SQLConf.get()));
    if (!same) {
      log.info(
          "{} is kept for this application only: settings in the task are {}.",
          spec.description(),
          ConfDigest.settings(SQLConf.get()));
    }
    return same;
  }

  private static TaskCompletionListener releaseAll(List<MappedEntry> entries) {
    return ended -> entries.forEach(MappedEntry::release);
  }

  private static Iterator<CachedBatch> batches(List<MappedEntry> entries) {
    return new Iterator<>() {
      private int entry;
      private int batch;

      @Override
      public boolean hasNext() {
        while (entry < entries.size() && batch == entries.get(entry).batchCount()) {
          entry++;
          batch = 0;
        }
        return entry < entries.size();
      }

      @Override
      public CachedBatch next() {
        if (!hasNext()) {
          throw new java.util.NoSuchElementException();
        }
        return entries.get(entry).batch(batch++);
      }
    };
  }
}
