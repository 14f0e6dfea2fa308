// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.KeptEntry;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Rows in the store of this process. Where tasks run elsewhere though nobody tells what the hosts
 * hold, as without our plugin, they are found in a directory that all share, and no run is kept.
 */
final class HeldHere implements Holdings {
  private final CacheApplication application;
  private final DiskCachedRelationBuilder builder;
  private final Optional<DiskStore> store;

  /** Whether this process runs the tasks, and so can hold what they read. */
  private final boolean readsHere;

  HeldHere(CacheApplication application, DiskCachedRelationBuilder builder) {
    this.application = application;
    this.builder = builder;
    this.store = application.findStore();
    this.readsHere = application.context().isLocal();
  }

  @Override
  public Optional<Objection> obstacle() {
    return store.isPresent()
        ? Optional.empty()
        : Optional.of(
            new Objection(
                Objection.Reason.STORE,
                "the driver",
                String.join(" ", application.hostsWithoutStore().values())));
  }

  @Override
  public Found find(List<List<CacheUnit>> units, Accepted now) {
    Instant notBefore = builder.notBefore();
    Map<Key, Entry> found =
        store
            .orElseThrow()
            .findAll(units.stream().flatMap(List::stream).map(CacheUnit::storeKey).toList());
    found.values().removeIf(entry -> entry.isOlderThan(notBefore));
    return new Found(found, Map.of());
  }

  /** Of the partitions those are known of which every unit is stored and not to be audited. */
  @Override
  public HeldPartitions use(List<List<CacheUnit>> units, Found found) {
    application.counters().hit(found.here().values());
    Map<Integer, PartitionResult> known = new HashMap<>();
    for (int i = 0; readsHere && i < units.size(); i++) {
      List<Entry> entries =
          units.get(i).stream()
              .filter(unit -> !unit.audit())
              .map(unit -> found.here().get(unit.storeKey()))
              .filter(Objects::nonNull)
              .toList();
      if (entries.size() == units.get(i).size()) {
        known.put(i, result(entries));
      }
    }
    Instant oldest =
        found.here().values().stream()
            .map(Entry::createdAt)
            .min(Instant::compareTo)
            .orElseGet(Instant::now);
    return new HeldPartitions(List.of(), known, oldest);
  }

  private static PartitionResult result(List<Entry> entries) {
    return PartitionResult.found(
        entries.stream().mapToLong(Entry::rows).sum(),
        entries.stream().mapToLong(Entry::dataBytes).sum(),
        entries.size(),
        entries.stream()
            .map(entry -> Findings.ofStored(entry.reads()))
            .reduce(Findings.NONE, Findings::and));
  }

  @Override
  public Optional<Detached> detach(
      List<List<CacheUnit>> units, Found found, RelationSpec spec, PartitionResults results) {
    if (!readsHere) {
      return Optional.empty();
    }
    DiskStore from = store.orElseThrow();
    List<Entry> entries = List.copyOf(found.here().values());
    List<Optional<KeptEntry>> mapped =
        entries.parallelStream()
            .map(entry -> EntryAccess.map(from, spec, entry).<KeptEntry>map(MappedEntry::kept))
            .toList();
    if (mapped.stream().anyMatch(Optional::isEmpty)) {
      return Optional.empty();
    }
    List<List<CacheUnit>> parentless = units.stream().map(CacheUnit::parentless).toList();
    HeldPartitions held = use(parentless, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.detached(
            application.context(), spec, CachedPartition.of(parentless), results);
    for (int i = 0; i < entries.size(); i++) {
      Entry entry = entries.get(i);
      OpenEntries.process()
          .hold(
              rdd.id(),
              entry.key().hex(),
              mapped.get(i).orElseThrow(),
              Findings.ofStored(entry.reads()));
      OpenEntries.process().pin(rdd.id(), from.pin(entry));
    }
    return Optional.of(new Detached(rdd, held));
  }

  @Override
  public FoundRun findRun(
      Key setKey, RelationSpec spec, PartitionResults results, SetPublisher sets) {
    DiskStore from = store.orElseThrow();
    Optional<EntrySet> set = young(from.findSet(setKey));
    if (set.isPresent()) {
      EntrySet found = set.get();
      spec.remoteTier().ifPresent(tier -> tier.used(found));
    } else if (fetchSet(setKey, spec, from)) {
      set = young(from.findSet(setKey));
    }
    Optional<SetPublisher.Comparison> toCompare = set.flatMap(sets::comparisonWith);
    if (set.isEmpty() || toCompare.isPresent()) {
      return new FoundRun(Optional.empty(), toCompare);
    }
    Optional<DetachedRun> run = detach(set.get(), spec, results);
    if (run.isEmpty()) {
      from.sets().drop(setKey);
    }
    return new FoundRun(run, Optional.empty());
  }

  private Optional<DetachedRun> detach(EntrySet set, RelationSpec spec, PartitionResults results) {
    List<List<CacheUnit>> units = new ArrayList<>();
    Map<Key, Entry> found = new LinkedHashMap<>();
    for (Entry entry : set.entries()) {
      units.add(List.of(new CacheUnit(entry.key().hex(), null, List.of(), true)));
      found.put(entry.key(), entry);
    }
    return detach(units, new Found(found, Map.of()), spec, results)
        .map(held -> new DetachedRun(set.generation(), held.notAfter(set.createdAt())));
  }

  /** Whether a set that this host lacks was found in the remote tier. */
  private boolean fetchSet(Key setKey, RelationSpec spec, DiskStore into) {
    if (!readsHere) {
      return false;
    }
    RemoteTier.Wanted wanted =
        new RemoteTier.Wanted(setKey, spec.relation(), spec.fetchedNotBefore());
    return spec.remoteTier()
        .map(
            tier ->
                tier.restoreSet(
                    into,
                    wanted,
                    (generation, i) -> new Key(Units.memberKey(setKey, generation, i))))
        .orElse(false);
  }

  private Optional<EntrySet> young(Optional<EntrySet> set) {
    Instant notBefore = builder.notBefore();
    return set.filter(found -> !found.isOlderThan(notBefore));
  }

  @Override
  public Optional<Key> generation(Accepted now) {
    return store.flatMap(from -> young(from.findSet(Units.setKey(now)))).map(EntrySet::generation);
  }

  @Override
  public boolean keepsRuns() {
    return readsHere;
  }

  @Override
  public void begin(SetPublisher.Run run, SetPublisher sets) {
    DiskStore into = store.orElseThrow();
    BooleanSupplier publish = () -> sets.publish(into, run);
    int partitions = run.members().size();
    if (partitions == 0) {
      boolean unused = publish.getAsBoolean();
    } else if (readsHere) {
      String generation = run.generation().hex();
      Generations.process().begin(into, generation, partitions, run.evidence()::now, publish);
      application
          .unfinished()
          .begin(run.rddId(), UnfinishedSets.here(generation, () -> builder.forget(run.rddId())));
    }
  }

  @Override
  public void announce(DiskCachedRDD rdd, HeldPartitions held, String relation) {
    held.known()
        .forEach(
            (partition, result) -> {
              if (OpenEntries.process().firstAnnouncement(rdd.id(), partition)) {
                SparkInternals.announce(rdd.id(), partition, result.bytes());
              }
            });
  }

  @Override
  public StoredPart storedPart(Accepted now) {
    return store.map(from -> StoredPart.of(builder, now, from)).orElseGet(StoredPart::nothing);
  }
}
