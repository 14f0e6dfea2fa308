// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.EncodeOptions;
import io.sparkdiskcache.arrow.EntryCipher;
import io.sparkdiskcache.arrow.EntryEncryption;
import io.sparkdiskcache.arrow.EntrySummary;
import io.sparkdiskcache.arrow.EntryWriter;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.conf.Admission;
import io.sparkdiskcache.relation.UnitWriter.EntryWriteException;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.shim.TaskMemory;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.EntryMeta;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.Lease;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.VerifyMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.LongFunction;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.util.ArrowUtils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Finds the entry of a unit, or computes and stores it.
 *
 * <h2>Publishing</h2>
 *
 * A unit is drained to its end into a temporary file, which is then mapped and only then given its
 * name and its row in the index. What is served to the running query is the mapping: it stays
 * readable whatever becomes of the name. If the unit may not be published (an input moved, settings
 * changed) the name is dropped and the mapping is held for the relation: later queries of the
 * application read the same rows, as from Spark's own cache, and nobody else ever sees them.
 *
 * <h2>Errors of the store never fail a task</h2>
 *
 * If the cache directory cannot be written the unit is computed once more into Spark's own scratch
 * directory, and is private.
 */
final class EntryAccess {
  private static final Logger log = LoggerFactory.getLogger(EntryAccess.class);
  private static final SingleFlight FLIGHTS = new SingleFlight();

  /** For another process that computes the same entry. */
  private static final Duration LEASE_WAIT = Duration.ofSeconds(30);

  private final int rddId;
  private final RelationSpec spec;
  private final Optional<DiskStore> store;
  private final @Nullable EntryCipher cipher;

  private EntryAccess(
      int rddId, RelationSpec spec, Optional<DiskStore> store, @Nullable EntryCipher cipher) {
    this.rddId = rddId;
    this.spec = spec;
    this.store = store;
    this.cipher = cipher;
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

  /** The entry if it is there and sound, with a reference for the caller. */
  Optional<MappedEntry> find(CacheUnit unit) {
    Optional<MappedEntry> open = OpenEntries.process().held(rddId, unit.key());
    if (open.isEmpty() && unit.publish() && spec.verify() != VerifyMode.ALWAYS) {
      open = OpenEntries.process().recent(unit.key(), spec.notBefore());
    }
    if (open.isPresent() || !unit.publish()) {
      return open;
    }
    return store.flatMap(
        s ->
            s.find(unit.storeKey())
                .filter(entry -> isYoung(s, entry))
                .flatMap(entry -> map(s, spec, entry)));
  }

  /** The entry from another host or the remote tier; a reference for the caller. */
  Optional<Made> fetch(CacheUnit unit, TaskContext context) {
    if (store.isEmpty() || !unit.publish()) {
      return Optional.empty();
    }
    Optional<Made> ofPeer =
        new PeerReads(rddId, spec, store.get(), context)
            .read(unit, encryption(cipher, unit.key()))
            .map(entry -> new Made(entry, Origin.PEER, 0));
    if (ofPeer.isPresent() || spec.generation() != null) {
      return ofPeer; // a run's entries have names that the remote tier never heard of
    }
    RemoteTier.Wanted wanted =
        new RemoteTier.Wanted(unit.storeKey(), spec.relation(), spec.fetchedNotBefore());
    return spec.remoteTier()
        .flatMap(tier -> tier.fetch(store.get(), wanted, context::killTaskIfInterrupted))
        .flatMap(entry -> map(store.get(), spec, entry))
        .map(entry -> new Made(entry, Origin.FETCHED, 0));
  }

  /** What is too old is removed, so that what is computed instead can take its place. */
  private boolean isYoung(DiskStore from, Entry entry) {
    if (entry.isOlderThan(spec.notBefore())) {
      from.expire(List.of(entry), spec.notBefore());
      return false;
    }
    return true;
  }

  /** Verifies and maps an entry of the index; a reference for the caller. */
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
      MappedEntry mapped = MappedEntry.open(entry.path(), encryption(cipher, entry.key().hex()));
      AdmissionLedger.process().read(entry.bytes(), System.nanoTime() - start);
      long found = mapped.rows();
      if (found != entry.rows()) {
        mapped.release();
        store.quarantine(
            entry, "it holds %d rows where its index says %d".formatted(found, entry.rows()));
        return Optional.empty();
      }
      OpenEntries.process().remember(entry, mapped);
      return Optional.of(mapped);
    } catch (IOException e) {
      if (Files.exists(entry.path())) {
        store.quarantine(entry, "it cannot be read: " + e.getMessage());
      }
      return Optional.empty();
    }
  }

  /** Whether an audit has found that entries of this relation's function are wrong. */
  boolean isDistrusted() {
    return store.isPresent() && store.get().distrusted(spec.relation()).isPresent();
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
   * An entry that was not there when it was first looked for.
   *
   * @param entry with a reference for the caller
   * @param origin how it came to be there
   * @param batches that were copied column by column for it; 0 if it was written from rows
   */
  record Made(MappedEntry entry, Origin origin, long batches) {
    static Made byAnother(MappedEntry entry) {
      return new Made(entry, Origin.FOUND, 0);
    }
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
   * @param mayPublish asked before the first and after the last row
   */
  Made compute(
      CacheUnit unit,
      int partition,
      TaskContext context,
      UnitSource source,
      BooleanSupplier mayPublish) {
    String flight = unit.publish() ? spec.directory() + unit.key() : rddId + unit.key();
    return FLIGHTS.run(
        flight,
        context,
        () -> find(unit).map(Made::byAnother),
        () -> once(unit, partition, context, source, mayPublish));
  }

  /** Computes what no other process is computing; waits for one that is, within bounds. */
  private Made once(
      CacheUnit unit,
      int partition,
      TaskContext context,
      UnitSource source,
      BooleanSupplier mayPublish) {
    if (store.isEmpty()) {
      return intoScratch(unit, context, source);
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
      Optional<MappedEntry> found = waited[0] ? find(unit) : Optional.empty();
      if (found.isPresent()) {
        return Made.byAnother(found.get());
      }
      Optional<Made> fetched = fetch(unit, context);
      return fetched.isPresent()
          ? fetched.get()
          : intoStore(store.get(), unit, partition, context, source, mayPublish);
    } catch (StoreException | EntryWriteException e) {
      store.get().countError("Cannot write an entry", e);
      return intoScratch(unit, context, source);
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
      BooleanSupplier mayPublish)
      throws StoreException, EntryWriteException {
    boolean publish = mayPublish.getAsBoolean();
    try (PendingEntry pending = into.begin(unit.storeKey())) {
      WriteTimer timer = new WriteTimer();
      UnitWriter.Written written =
          write(
              pending.path(),
              pending::requireRoom,
              context,
              unit,
              source,
              timer,
              count -> describe(unit, partition, count, timer));
      EntrySummary summary = written.summary();
      MappedEntry mapped = open(pending.path(), unit);
      Made made = new Made(mapped, Origin.COMPUTED, written.batches());
      if (publish
          && mayPublish.getAsBoolean()
          && pays(summary, timer)
          && mayJoinSet(partition, context)) {
        try {
          Entry stored =
              pending.publish(
                  meta(
                      partition,
                      summary.rows(),
                      summary.bytes(),
                      summary.crc32c(),
                      timer.computing(),
                      timer.writing()));
          OpenEntries.process().remember(stored, mapped);
          spec.remoteTier().ifPresent(tier -> tier.upload(stored));
          countTowardsSet(partition, context);
          return made;
        } catch (StoreException e) {
          into.countError("Cannot publish an entry", e);
        }
      }
      OpenEntries.process().hold(rddId, unit.key(), mapped);
      return made;
    }
  }

  /** Rows of run-bound relations also save the stages below, which are not measured here. */
  private boolean pays(EntrySummary summary, WriteTimer timer) {
    boolean pays =
        AdmissionLedger.process()
            .computed(spec.relation(), timer.computing(), timer.writing(), summary.bytes());
    return pays || spec.admission() == Admission.ALWAYS || spec.generation() != null;
  }

  /** On a cluster the driver decides, because attempts may be in several processes. */
  private boolean mayJoinSet(int partition, TaskContext context) {
    String generation = spec.generation();
    return generation == null
        || ExecutorInventory.process()
            .map(cluster -> cluster.mayStore(generation, partition, context.stageAttemptNumber()))
            .orElse(true);
  }

  /** A repeated stage may have other rows in other partitions than the first: not one run. */
  private void countTowardsSet(int partition, TaskContext context) {
    String generation = spec.generation();
    Optional<ExecutorInventory> cluster = ExecutorInventory.process();
    if (generation != null && cluster.isPresent()) {
      cluster.get().stored(generation, partition);
    } else if (generation != null) {
      if (context.stageAttemptNumber() > 0) {
        Generations.process().spoil(generation);
      }
      Generations.process().stored(generation, partition);
    }
  }

  private Made intoScratch(CacheUnit unit, TaskContext context, UnitSource source) {
    Path file =
        SparkEnv.get().blockManager().diskBlockManager().createTempLocalBlock()._2().toPath();
    try {
      UnitWriter.Written written =
          write(file, () -> {}, context, unit, source, new WriteTimer(), count -> "");
      MappedEntry mapped = open(file, unit);
      OpenEntries.process().hold(rddId, unit.key(), mapped);
      return new Made(mapped, Origin.COMPUTED, written.batches());
    } catch (EntryWriteException | StoreException e) {
      throw new IllegalStateException(
          "Cannot keep a partition of %s: neither the cache directory nor Spark's scratch directory %s takes it: %s. Free disk space, set spark.local.dir, or do not cache rows of this size."
              .formatted(spec.description(), file.getParent(), e.getMessage()),
          e);
    } finally {
      deleteQuietly(file);
    }
  }

  private UnitWriter.Written write(
      Path file,
      UnitWriter.RoomCheck room,
      TaskContext context,
      CacheUnit unit,
      UnitSource source,
      WriteTimer timer,
      LongFunction<String> describe)
      throws EntryWriteException, StoreException {
    TaskMemory memory = TaskMemory.of(context);
    return new UnitWriter(create(file, unit, memory), memory, room, context, timer)
        .write(source, describe);
  }

  private EntryWriter create(Path file, CacheUnit unit, TaskMemory memory)
      throws EntryWriteException {
    Map<String, String> metadata =
        Map.of(
            "diskcache.key", unit.key(),
            "diskcache.relation", spec.relation(),
            "diskcache.application", spec.application());
    try {
      return EntryWriter.create(
          file,
          spec.schema(),
          metadata,
          ArrowUtils.rootAllocator(),
          memory,
          EncodeOptions.defaults()
              .withPrecision(spec.precision())
              .withCompression(spec.compression()),
          encryption(cipher, unit.key()));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  private MappedEntry open(Path file, CacheUnit unit) throws EntryWriteException {
    try {
      return MappedEntry.open(file, encryption(cipher, unit.key()));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  private static @Nullable EntryEncryption encryption(@Nullable EntryCipher cipher, String key) {
    return cipher == null ? null : new EntryEncryption(cipher, key);
  }

  private String describe(CacheUnit unit, int partition, long rows, WriteTimer timer) {
    return EntryDescription.text(
        unit.storeKey(),
        meta(partition, rows, 0, 0, timer.computing(), timer.writing()),
        Instant.now(),
        cipher == null ? spec.schema().json() : "");
  }

  private EntryMeta meta(
      int partition, long rows, long bytes, long crc32c, Duration computing, Duration writing) {
    return new EntryMeta(
        spec.relation(),
        Optional.ofNullable(spec.generation()).map(Key::new),
        partition,
        rows,
        bytes,
        crc32c,
        computing,
        writing,
        spec.tag(),
        spec.application(),
        spec.description(),
        spec.components());
  }

  private static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      log.warn("Cannot delete {}: {}. Spark deletes it with its scratch directory.", file, e);
    }
  }
}
