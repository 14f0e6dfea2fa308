// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.CorruptEntryException;
import io.sparkdiskcache.arrow.EntryCipher;
import io.sparkdiskcache.arrow.EntrySummary;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.conf.Admission;
import io.sparkdiskcache.relation.UnitWriter.EntryWriteException;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Lease;
import io.sparkdiskcache.store.NoRoomException;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.VerifyMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Finds the entry of a unit, or computes and stores it.
 *
 * <h2>Publishing</h2>
 *
 * A unit is drained to its end into a temporary file, which is then mapped and only then given its
 * name and its row in the index. The running query is served the mapping: it stays readable
 * whatever becomes of the name. If the unit may not be published (an input moved, settings changed,
 * a function did not prove itself) the name is dropped and the mapping is held for the relation:
 * later queries of the application read the same rows, as from Spark's own cache, and nobody else
 * ever sees them.
 *
 * <h2>Errors of the store never fail a task</h2>
 *
 * If the cache directory cannot be written the unit is computed once more, see {@link
 * UnstoredUnits}.
 */
final class EntryAccess {
  private static final SingleFlight FLIGHTS = new SingleFlight();

  /** For another process that computes the same entry. */
  private static final Duration LEASE_WAIT = Duration.ofSeconds(30);

  private final int rddId;
  private final RelationSpec spec;
  private final Optional<DiskStore> store;
  private final @Nullable EntryCipher cipher;
  private final UnitFiles files;
  private final SetMembership set;
  private final UnstoredUnits unstored;

  private EntryAccess(
      int rddId, RelationSpec spec, Optional<DiskStore> store, @Nullable EntryCipher cipher) {
    this.rddId = rddId;
    this.spec = spec;
    this.store = store;
    this.cipher = cipher;
    this.files = new UnitFiles(spec, cipher);
    this.set = new SetMembership(spec);
    this.unstored = new UnstoredUnits(rddId, spec, store, files);
  }

  /** Without the key nothing is stored, and what is held is encrypted all the same. */
  static EntryAccess of(int rddId, RelationSpec spec) {
    Optional<DiskStore> store = ProcessStores.find(spec.storeOptions());
    if (spec.encryption() == null) {
      return new EntryAccess(rddId, spec, store, null);
    }
    Optional<EntryCipher> cipher = spec.encryption().cipher();
    return cipher.isPresent()
        ? new EntryAccess(rddId, spec, store, cipher.get())
        : new EntryAccess(rddId, spec, Optional.empty(), Encryption.ofProcess());
  }

  /** The entry if it is there and sound. */
  Optional<Made> find(CacheUnit unit) {
    Optional<OpenEntries.Open> open = OpenEntries.process().held(rddId, unit.key());
    if (open.isEmpty() && unit.publish() && spec.verify() != VerifyMode.ALWAYS) {
      open = OpenEntries.process().recent(unit.key(), spec.notBefore());
    }
    if (open.isPresent() || !unit.publish()) {
      return open.map(found -> new Made(found, Origin.FOUND));
    }
    return store.flatMap(
        s ->
            s.find(unit.storeKey())
                .filter(entry -> !entry.isOlderThan(spec.notBefore()))
                .flatMap(entry -> made(s, entry, Origin.FOUND)));
  }

  private Optional<Made> made(DiskStore from, Entry entry, Origin origin) {
    return map(from, spec, entry)
        .map(
            mapped ->
                new Made(
                    mapped,
                    origin,
                    0,
                    Findings.ofStored(entry.reads()),
                    null,
                    entry.meta().computeTime()));
  }

  /**
   * Keeps for the relation what depends on files: it goes on showing these rows when they change.
   */
  void keep(CacheUnit unit, Made made) {
    if (!made.findings().reads().isEmpty() && !OpenEntries.process().isHeld(rddId, unit.key())) {
      OpenEntries.process().hold(rddId, unit.key(), made.entry(), made.findings());
    }
  }

  /** The entry from another host or the remote tier. */
  Optional<Made> fetch(CacheUnit unit, TaskContext context) {
    if (store.isEmpty() || !unit.publish()) {
      return Optional.empty();
    }
    Optional<Made> ofPeer =
        new PeerReads(rddId, spec, store.get(), context)
            .read(unit, UnitFiles.encryption(cipher, unit.key()))
            .map(found -> new Made(found, Origin.PEER));
    if (ofPeer.isPresent() || spec.generation() != null) {
      return ofPeer; // a run's entries have names that the remote tier never heard of
    }
    RemoteTier.Wanted wanted =
        new RemoteTier.Wanted(unit.storeKey(), spec.relation(), spec.fetchedNotBefore());
    return spec.remoteTier()
        .flatMap(tier -> tier.fetch(store.get(), wanted, context::killTaskIfInterrupted))
        .flatMap(entry -> made(store.get(), entry, Origin.FETCHED));
  }

  /** Verifies and maps an entry of the index. */
  static Optional<MappedEntry> map(DiskStore store, RelationSpec spec, Entry entry) {
    long start = System.nanoTime();
    if (!store.verify(entry)) {
      return Optional.empty();
    }
    EntryCipher cipher = null;
    if (spec.encryption() != null) {
      cipher = spec.encryption().cipher().orElse(null);
      if (cipher == null) {
        return Optional.empty();
      }
    }
    try {
      MappedEntry mapped =
          MappedEntry.open(entry.path(), UnitFiles.encryption(cipher, entry.key().hex()));
      AdmissionLedger.process().read(entry.bytes(), System.nanoTime() - start);
      long found = mapped.rows();
      if (found != entry.rows()) {
        store.quarantine(
            entry, "it holds %d rows where its index says %d".formatted(found, entry.rows()));
        return Optional.empty();
      }
      OpenEntries.process().remember(entry, mapped);
      spec.remoteTier().ifPresent(tier -> tier.used(entry));
      return Optional.of(mapped);
    } catch (CorruptEntryException e) {
      if (Files.exists(entry.path())) {
        store.quarantine(entry, "it cannot be read: " + e.getMessage());
      }
      return Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty(); // evicted since it was found
    } catch (IOException e) { // too many open files, or no memory: says nothing about the entry
      store.countError("Cannot open an entry", e);
      return Optional.empty();
    }
  }

  /** Whether an audit has found that entries of this relation's function are wrong. */
  boolean isDistrusted() {
    return store.isPresent() && store.get().functions().distrusted(spec.relation()).isPresent();
  }

  /**
   * Compares what is stored of a unit with what it computes.
   *
   * @param rows the computed rows
   * @param comparable asked where they differ: whether the rows really should be the same
   * @param nowAndThen called between rows; may throw to give up
   */
  Audit.Outcome audit(
      CacheUnit unit,
      MappedEntry stored,
      Iterator<InternalRow> rows,
      BooleanSupplier comparable,
      Runnable nowAndThen) {
    return store.isEmpty()
        ? Audit.Outcome.UNKNOWN
        : Audit.compare(
            store.get(),
            spec,
            unit,
            stored,
            CollectionConverters.asJava(rows),
            comparable,
            nowAndThen);
  }

  /**
   * An entry, and how it came to be there.
   *
   * @param origin how it came to be there
   * @param batches that were copied column by column for it; 0 if it was written from rows
   * @param findings about the functions that computed it
   * @param notKept why it was computed and is not stored; null if it is
   * @param saved what computing it had taken, where it was found in the store
   */
  record Made(
      MappedEntry entry,
      Origin origin,
      long batches,
      Findings findings,
      @Nullable Objection notKept,
      Duration saved) {
    Made(OpenEntries.Open open, Origin origin) {
      this(open.entry(), origin, 0, open.findings(), null, open.saved());
    }

    /** Of one that was computed. */
    Made(MappedEntry entry, long batches, Findings findings, @Nullable Objection notKept) {
      this(entry, Origin.COMPUTED, batches, findings, notKept, Duration.ZERO);
    }
  }

  /** Asked before the first and after the last row. */
  interface Permission {
    /** Why the rows may not be published; empty if they may. */
    Optional<Objection> objection();
  }

  /** Where an entry is from: a faster task, another host, the remote tier, or this task. */
  enum Origin {
    FOUND,
    PEER,
    FETCHED,
    COMPUTED
  }

  /**
   * Computes the unit, once per process.
   *
   * @param permission asked before the first and after the last row
   */
  Made compute(
      CacheUnit unit,
      int partition,
      TaskContext context,
      UnitSource source,
      Permission permission) {
    String flight = unit.publish() ? spec.directory() + unit.key() : rddId + unit.key();
    return FLIGHTS.run(
        flight,
        context,
        () -> find(unit),
        () -> once(unit, partition, context, source, permission));
  }

  /** Computes what no other process is computing; waits for one that is, within bounds. */
  private Made once(
      CacheUnit unit,
      int partition,
      TaskContext context,
      UnitSource source,
      Permission permission) {
    if (store.isEmpty()) {
      String why =
          ProcessStores.problem(spec.storeOptions()).orElse("the key to encrypt with is missing");
      set.giveUp();
      return unstored.compute(
          unit,
          context,
          source,
          permission,
          new Objection(Objection.Reason.STORE, "host " + host(), why));
    }
    boolean[] waited = {false};
    Optional<Lease> lease = Optional.empty();
    if (unit.publish() && spec.generation() == null) { // nobody else computes this very run
      lease =
          store
              .get()
              .lease(
                  unit.storeKey(),
                  LEASE_WAIT,
                  () -> {
                    waited[0] = true;
                    context.killTaskIfInterrupted();
                  });
    }
    try {
      Optional<Made> found = waited[0] ? find(unit) : Optional.empty();
      if (found.isPresent()) {
        return found.get();
      }
      Optional<Made> fetched = fetch(unit, context);
      return fetched.isPresent()
          ? fetched.get()
          : intoStore(store.get(), unit, partition, context, source, permission);
    } catch (StoreException | EntryWriteException e) {
      store.get().countError("Cannot write an entry", e);
      set.giveUp();
      return unstored.compute(unit, context, source, permission, failed(e));
    } finally {
      lease.ifPresent(Lease::close);
    }
  }

  private Made intoStore(
      DiskStore into,
      CacheUnit unit,
      int partition,
      TaskContext context,
      UnitSource source,
      Permission permission)
      throws StoreException, EntryWriteException {
    Optional<Objection> before = permission.objection();
    try (PendingEntry pending = into.begin(unit.storeKey());
        TaskEvidence.Unit evidence = TaskEvidence.begin(context)) {
      WriteTimer timer = new WriteTimer();
      UnitWriter.Written written =
          files.write(
              pending.path(),
              pending::requireRoom,
              context,
              unit,
              source,
              timer,
              (rows, dataBytes) ->
                  files.describe(
                      unit,
                      partition,
                      rows,
                      dataBytes,
                      timer,
                      RunEvidence.ofUnit(spec, evidence).reads()));
      EntrySummary summary = written.summary();
      MappedEntry mapped = files.open(pending.path(), unit);
      Findings findings = RunEvidence.ofUnit(spec, evidence);
      Objection notKept =
          before
              .or(() -> findings.objections().stream().findFirst())
              .or(permission::objection)
              .or(() -> pays(summary, timer))
              .or(() -> set.objection(partition, context))
              .orElse(null);
      if (notKept == null) {
        try {
          Entry stored =
              pending.publish(
                  files.meta(partition, summary, timer, findings.reads()),
                  Instant.MAX,
                  spec.notBefore());
          OpenEntries.process().remember(stored, mapped);
          spec.remoteTier().ifPresent(tier -> tier.upload(stored));
          notKept = set.stored(into, partition).orElse(null);
          return new Made(mapped, written.batches(), findings, notKept);
        } catch (StoreException e) {
          into.countError("Cannot publish an entry", e);
          notKept = failed(e);
        }
      }
      set.giveUp();
      return unstored.held(unit, mapped, written.batches(), findings, notKept);
    }
  }

  private static Objection failed(Exception e) {
    boolean isFull = NoRoomException.isCauseOf(e);
    return new Objection(
        isFull ? Objection.Reason.ROOM : Objection.Reason.STORE,
        "host " + host(),
        String.valueOf(e.getMessage()));
  }

  /** Of this process, as Spark names it. */
  static String host() {
    return SparkEnv.get().blockManager().blockManagerId().host();
  }

  /** Rows of run-bound relations also save the stages below, which are not measured here. */
  private Optional<Objection> pays(EntrySummary summary, WriteTimer timer) {
    boolean pays =
        AdmissionLedger.process()
            .computed(spec.relation(), timer.computing(), timer.writing(), summary.bytes());
    return pays || spec.admission() == Admission.ALWAYS || spec.generation() != null
        ? Optional.empty()
        : Optional.of(
            new Objection(
                Objection.Reason.ADMISSION,
                "relation " + spec.relation(),
                AdmissionLedger.process()
                    .reason(spec.relation())
                    .orElse("keeping it does not pay")));
  }
}
