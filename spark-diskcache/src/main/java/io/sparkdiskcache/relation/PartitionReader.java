// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.shim.TaskMemory;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.spark.TaskContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.util.TaskCompletionListener;
import org.jspecify.annotations.Nullable;
import scala.Tuple2;
import scala.collection.Iterator;

/**
 * Makes one partition complete, in a task: every unit is found, or computed and written to its end.
 *
 * <p>The task refers to its entries until it has ended, because consumers keep strings of earlier
 * batches. A consumer that reads on, in a thread that outlives the task, refers to them by the
 * batches: they are free when both have let go.
 */
final class PartitionReader {
  private final int rddId;
  private final RelationSpec spec;
  private final @Nullable RDD<InternalRow> parent;
  private final @Nullable RDD<ColumnarBatch> columns;
  private final PartitionResults results;
  private final InputWatch inputs;
  private final Premises premises;
  private final TaskContext context;

  PartitionReader(
      int rddId,
      RelationSpec spec,
      @Nullable RDD<InternalRow> parent,
      @Nullable RDD<ColumnarBatch> columns,
      PartitionResults results,
      List<FunctionProof> functions,
      TaskContext context) {
    this.rddId = rddId;
    this.spec = spec;
    this.parent = parent;
    this.columns = columns;
    this.results = results;
    this.inputs = new InputWatch(spec.hadoopConf().value());
    this.premises = new Premises(spec, functions, inputs);
    this.context = context;
  }

  /** All batches of the partition; the partition is complete and announced when this returns. */
  java.util.Iterator<CachedBatch> read(CachedPartition partition) {
    EntryAccess access = EntryAccess.of(rddId, spec);
    List<MappedEntry> entries = new ArrayList<>(partition.units().size());
    TaskMemory memory = TaskMemory.of(context);
    context.addTaskCompletionListener(keepUntilEnd(entries, memory));
    Tally tally = new Tally();
    Optional<Objection> ofNames = otherRows(partition.index(), access);
    // Rows that the application has shown once are not put in question any more.
    boolean audits = parent != null && !OpenEntries.process().wasShown(rddId, partition.index());
    for (CacheUnit named : partition.units()) {
      CacheUnit unit = ofNames.isEmpty() ? named : named.withoutName();
      Optional<EntryAccess.Made> found = access.find(unit);
      Optional<Objection> otherRows = ofNames;
      if (found.isPresent()
          && audits
          && unit.audit()
          && tally.audited(audit(access, unit, found.get().entry()))) {
        otherRows = Optional.of(distrusted());
        unit = unit.withoutName();
        found = Optional.empty();
      }
      EntryAccess.Made made =
          found.isPresent() ? found.get() : compute(access, unit, partition, otherRows);
      access.keep(unit, made);
      entries.add(made.entry());
      memory.take(made.entry().memoryBytes());
      if (found.isPresent()) {
        context.taskMetrics().inputMetrics().incBytesRead(made.entry().bytes());
        context.taskMetrics().inputMetrics().incRecordsRead(made.entry().rows());
      }
      tally.add(made, found.isPresent());
    }
    TaskEvidence.include(context, tally.findings);
    OpenEntries.process().show(rddId, partition.index());
    if (OpenEntries.process().firstAnnouncement(rddId, partition.index())) {
      SparkInternals.announce(rddId, partition.index(), tally.onDisk);
    }
    results.add(new Tuple2<>(partition.index(), tally.result(partition.units().size())));
    return batches(entries);
  }

  /** Counts for the driver of the units of one partition. */
  private static final class Tally {
    private final boolean onCluster = ExecutorInventory.process().isPresent();
    private Duration saved = Duration.ZERO;
    private long rows;
    private long bytes;
    private long onDisk;
    private int computed;
    private int fetched;
    private int fromPeers;
    private long batches;
    private int audited;
    private int unequal;
    private Findings findings = Findings.NONE;
    private final List<Objection> notKept = new ArrayList<>();

    /** Whether other rows were stored than are computed. */
    boolean audited(Audit.Outcome outcome) {
      audited += outcome == Audit.Outcome.UNKNOWN ? 0 : 1;
      unequal += outcome == Audit.Outcome.OTHER ? 1 : 0;
      return outcome == Audit.Outcome.OTHER;
    }

    void add(EntryAccess.Made made, boolean found) {
      findings = findings.and(made.findings());
      rows += made.entry().rows();
      bytes += made.entry().dataBytes();
      onDisk += made.entry().bytes();
      if (found) {
        saved = saved.plus(made.saved());
      } else {
        if (made.notKept() != null) {
          notKept.add(made.notKept());
        }
        computed += made.origin() == EntryAccess.Origin.COMPUTED ? 1 : 0;
        fromPeers += made.origin() == EntryAccess.Origin.PEER ? 1 : 0;
        fetched += made.origin() == EntryAccess.Origin.FETCHED ? 1 : 0;
        batches += made.batches();
      }
    }

    PartitionResult result(int units) {
      return new PartitionResult(
          rows,
          bytes,
          units - computed,
          onCluster ? saved.toMillis() : 0,
          fetched,
          fromPeers,
          computed,
          batches,
          audited,
          unequal,
          List.copyOf(notKept),
          findings);
    }
  }

  private Audit.Outcome audit(EntryAccess access, CacheUnit unit, MappedEntry stored) {
    BooleanSupplier comparable = () -> premises.ofRows(unit).isEmpty();
    if (!comparable.getAsBoolean()) {
      return Audit.Outcome.UNKNOWN;
    }
    try (TaskEvidence.Unit evidence = TaskEvidence.begin(context)) {
      UnitSource source = source(unit);
      source.prove();
      Audit.Outcome outcome =
          access.audit(unit, stored, source.rows(), comparable, context::killTaskIfInterrupted);
      source.prove();
      boolean same = evidence.end(spec.proofs().ofUnits(), spec::below).mayPublish();
      return same ? outcome : Audit.Outcome.UNKNOWN;
    }
  }

  private EntryAccess.Made compute(
      EntryAccess access,
      CacheUnit unit,
      CachedPartition partition,
      Optional<Objection> otherRows) {
    if (parent == null || unit.split() == null) {
      Optional<EntryAccess.Made> fetched = access.fetch(unit, context);
      if (fetched.isPresent()) {
        return fetched.get();
      }
      Optional<ExecutorInventory> cluster = ExecutorInventory.process();
      if (cluster.isPresent()) {
        if (!WrongHost.isHopeless(context) && cluster.get().isElsewhere(unit.storeKey())) {
          throw WrongHost.giveBack(context);
        }
        cluster.get().lost(rddId, unit.storeKey());
      }
      throw new IllegalStateException(
          "Cannot read partition %d of %s: its entry %s was on host %s, and was removed or its host lost after it was found. "
                  .formatted(partition.index(), spec.description(), unit.key(), host(partition))
              + "Run the query again: the partition is then computed.");
    }
    return access.compute(
        unit,
        partition.index(),
        context,
        source(unit),
        () -> otherRows.or(() -> premises.ofRows(unit)));
  }

  /** Where a partition without a parent was found. */
  private static String host(CachedPartition partition) {
    return partition.preferredHosts().isEmpty()
        ? EntryAccess.host()
        : partition.preferredHosts().get(0);
  }

  /** Of a unit that has a split. */
  private UnitSource source(CacheUnit unit) {
    RDD<InternalRow> ofRows = Objects.requireNonNull(parent);
    return new UnitSource() {
      @Override
      public Iterator<InternalRow> rows() {
        inputs.opened();
        return ofRows.iterator(unit.split(), context);
      }

      @Override
      public Optional<Iterator<ColumnarBatch>> batches() {
        if (columns == null) {
          return Optional.empty();
        }
        inputs.opened();
        return Optional.of(columns.iterator(unit.split(), context));
      }

      @Override
      public void prove() {
        premises.ofFunctions().ifPresent(TaskEvidence.of(context)::object);
      }
    };
  }

  /**
   * Why the names of entries do not promise the rows that would be computed here. Rows that this
   * relation has shown before stay; entries of a function that an audit found wrong never count.
   */
  private Optional<Objection> otherRows(int partition, EntryAccess access) {
    if (parent == null) {
      return Optional.empty();
    }
    if (access.isDistrusted()) {
      return Optional.of(distrusted());
    }
    return OpenEntries.process().wasShown(rddId, partition) ? Optional.empty() : premises.ofNames();
  }

  private Objection distrusted() {
    return new Objection(
        Objection.Reason.AUDIT,
        "relation " + spec.relation(),
        "an audit found that its function computes other rows than were stored");
  }

  /** Spark runs the listener that was registered first at last: when other operators are done. */
  private static TaskCompletionListener keepUntilEnd(
      List<MappedEntry> entries, TaskMemory ofDecrypted) {
    return ended -> {
      try {
        ofDecrypted.close();
      } finally {
        Reference.reachabilityFence(entries);
      }
    };
  }

  private static java.util.Iterator<CachedBatch> batches(List<MappedEntry> entries) {
    return new java.util.Iterator<>() {
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
