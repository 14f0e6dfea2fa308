// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.EntryEncryption;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.conf.Admission;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.FileLook;
import io.sparkdiskcache.store.Foreign;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.jspecify.annotations.Nullable;

/**
 * Entries that this host lacks and another one has, for a task that was sent here because all slots
 * there were busy.
 *
 * <p>Files that functions read for it are looked at here, where its rows would be computed
 * otherwise. A copy is taken for what it says of itself only after every byte of it was compared
 * with its checksums, as from the remote tier. It is published in the store of this host if it
 * would have been had it been computed here. A partition of a run's set is nothing by itself: its
 * copy has no name and is held for the application.
 */
final class PeerReads {
  private final int rddId;
  private final RelationSpec spec;
  private final DiskStore store;
  private final TaskContext context;

  PeerReads(int rddId, RelationSpec spec, DiskStore store, TaskContext context) {
    this.rddId = rddId;
    this.spec = spec;
    this.store = store;
    this.context = context;
  }

  /** The entry of a unit from another host; empty if none there can be had. */
  Optional<OpenEntries.Open> read(CacheUnit unit, @Nullable EntryEncryption encryption) {
    Optional<InputStream> opened =
        ExecutorInventory.process()
            .flatMap(
                cluster -> cluster.openElsewhere(unit.storeKey(), context::killTaskIfInterrupted));
    if (opened.isEmpty()) {
      return Optional.empty();
    }
    try (InputStream data = opened.get();
        PendingEntry pending = store.begin(unit.storeKey())) {
      Optional<EntryDescription> found =
          pending.receive(data, context::killTaskIfInterrupted).filter(of -> isAskedFor(of, unit));
      if (found.isEmpty()) {
        store.countError(
            "Cannot use an entry from another host",
            new IOException("entry " + unit.key() + " is damaged, or another one"));
        return Optional.empty();
      }
      boolean stale =
          found.get().createdAt().isBefore(spec.fetchedNotBefore())
              || !new FileLook().isUnchanged(found.get().meta().reads());
      return stale ? Optional.empty() : take(pending, found.get(), unit, encryption);
    } catch (IOException e) { // of the network, or the file is not what it should be
      store.countError("Cannot read an entry from another host", e);
    } catch (StoreException e) {
      store.countError("Cannot store an entry from another host", e);
    }
    return Optional.empty();
  }

  private boolean isAskedFor(EntryDescription found, CacheUnit unit) {
    return found.key().equals(unit.storeKey()) && found.meta().relation().equals(spec.relation());
  }

  private Optional<OpenEntries.Open> take(
      PendingEntry pending,
      EntryDescription found,
      CacheUnit unit,
      @Nullable EntryEncryption encryption)
      throws IOException {
    MappedEntry mapped =
        Foreign.call("another host", () -> MappedEntry.open(pending.path(), encryption));
    if (mapped.rows() != found.meta().rows()) {
      throw new IOException("it does not hold the rows that it says");
    }
    Findings findings = Findings.ofStored(found.meta().reads());
    if (found.meta().generation().isEmpty() && isAdmitted()) {
      try {
        Entry stored = pending.publish(found.meta(), found.createdAt(), spec.fetchedNotBefore());
        OpenEntries.process().remember(stored, mapped);
        return Optional.of(new OpenEntries.Open(mapped, findings));
      } catch (StoreException e) {
        store.countError("Cannot publish an entry from another host", e);
      }
    }
    OpenEntries.process().hold(rddId, unit.key(), mapped, findings);
    return Optional.of(new OpenEntries.Open(mapped, findings));
  }

  private boolean isAdmitted() {
    return spec.admission() == Admission.ALWAYS
        || AdmissionLedger.process().reason(spec.relation()).isEmpty();
  }
}
