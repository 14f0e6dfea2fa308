// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.relation.EntryAccess.Made;
import io.sparkdiskcache.relation.EntryAccess.Permission;
import io.sparkdiskcache.relation.UnitWriter.EntryWriteException;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Units that the store does not take.
 *
 * <p>They are written into Spark's own scratch directory and held for the relation, as Spark's own
 * cache would. If that takes nothing either (no room, no file descriptor), they go into memory that
 * Spark grants the task, and are free when it ends: who reads them again computes them again. A
 * task fails only if neither is to be had.
 */
final class UnstoredUnits {
  private static final Logger log = LoggerFactory.getLogger(UnstoredUnits.class);

  private final int rddId;
  private final RelationSpec spec;
  private final Optional<DiskStore> store;
  private final UnitFiles files;

  UnstoredUnits(int rddId, RelationSpec spec, Optional<DiskStore> store, UnitFiles files) {
    this.rddId = rddId;
    this.spec = spec;
    this.store = store;
    this.files = files;
  }

  /** For the application only. Rows that are computed from these know why. */
  Made held(
      CacheUnit unit, MappedEntry mapped, long batches, Findings findings, Objection notKept) {
    Findings known = findings.because(notKept);
    OpenEntries.process().hold(rddId, unit.key(), mapped, known);
    return new Made(mapped, batches, known, notKept);
  }

  /**
   * Computes a unit that is not stored.
   *
   * @param unstored why, unless the permission says more
   */
  Made compute(
      CacheUnit unit,
      TaskContext context,
      UnitSource source,
      Permission permission,
      Objection unstored) {
    Objection notKept = permission.objection().orElse(unstored);
    Path file = null;
    try (TaskEvidence.Unit evidence = TaskEvidence.begin(context)) {
      file = scratchFile();
      UnitWriter.Written written =
          files.write(file, () -> {}, context, unit, source, new WriteTimer(), (rows, bytes) -> "");
      MappedEntry mapped = files.open(file, unit);
      Findings findings = RunEvidence.ofUnit(spec, evidence);
      return held(
          unit, mapped, written.batches(), findings, permission.objection().orElse(notKept));
    } catch (EntryWriteException | StoreException e) {
      count(e);
      return intoMemory(unit, context, source, notKept, e);
    } finally {
      if (file != null) {
        UnitFiles.deleteQuietly(file);
      }
    }
  }

  private static Path scratchFile() throws EntryWriteException {
    try {
      return SparkEnv.get().blockManager().diskBlockManager().createTempLocalBlock()._2().toPath();
    } catch (Exception e) { // Scala declares none: it cannot make a directory
      throw new EntryWriteException(new IOException(e));
    }
  }

  private void count(Exception e) {
    String problem = "Cannot write to Spark's scratch directory";
    if (store.isPresent()) {
      store.get().countError(problem, e);
    } else {
      log.warn("{}: {}", problem, e.toString());
    }
  }

  private Made intoMemory(
      CacheUnit unit,
      TaskContext context,
      UnitSource source,
      Objection notKept,
      Exception noScratch) {
    try (TaskEvidence.Unit evidence = TaskEvidence.begin(context)) {
      MappedEntry entry = files.intoMemory(context, unit, source);
      Findings known = RunEvidence.ofUnit(spec, evidence).because(notKept);
      log.info(
          "Partition of {} is in the memory of its task until that ends, {} bytes",
          spec.description(),
          entry.memoryBytes());
      return new Made(entry, 0, known, notKept);
    } catch (EntryWriteException | StoreException e) {
      e.addSuppressed(noScratch);
      throw new IllegalStateException(
          "Cannot keep a partition of %s: the cache directory and Spark's scratch directory do not take it (%s), and it does not fit into the memory of its task (%s). Free disk space, set spark.local.dir, or do not cache rows of this size."
              .formatted(spec.description(), noScratch.getMessage(), e.getMessage()),
          e);
    }
  }
}
