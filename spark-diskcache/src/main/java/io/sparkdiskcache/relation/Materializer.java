// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FileChunk;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.InputStats;
import io.sparkdiskcache.fingerprint.Keys;
import io.sparkdiskcache.fingerprint.PlanClass;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreException;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;

/**
 * From a fingerprint to an RDD: looks up what is stored, executes the plan if it must, and lays out
 * the partitions. One instance per attempt.
 */
final class Materializer {
  private static final Logger log = LoggerFactory.getLogger(Materializer.class);
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int KEY_BYTES = 32;

  private final CacheApplication application;
  private final DiskCachedRelationBuilder builder;
  private final String tag;
  private final SparkPlan plan;
  private final Configuration hadoopConf;
  private final PartitionResults results;
  private final Map<Integer, PartitionResult> known = new HashMap<>();
  private boolean mayExecute;

  Materializer(CacheApplication application, DiskCachedRelationBuilder builder, String tag) {
    this.application = application;
    this.builder = builder;
    this.tag = tag;
    this.plan = builder.cachedPlan();
    this.hadoopConf = builder.fingerprint().hadoopConf();
    this.results = new PartitionResults(application.counters());
  }

  /** The relation, from what is stored and from the plan. */
  Materialization build() {
    mayExecute = true;
    return attempt()
        .orElseThrow(() -> new IllegalStateException("an attempt that may execute gives an RDD"));
  }

  /** The relation if it can be had without running a job, that is if all of it is stored. */
  Optional<Materialization> buildWithoutJobs() {
    mayExecute = false;
    return attempt();
  }

  private Optional<Materialization> attempt() {
    FingerprintResult result = builder.fingerprint().whenExecuted();
    if (result instanceof Refused refused) {
      return privately(refused.refusal().toString());
    }
    Accepted now = (Accepted) result;
    if (!Arrays.equals(now.confDigest(), builder.planned().confDigest())) {
      return privately("a setting was changed after the plan was made");
    }
    Optional<DiskStore> store = ProcessStores.find(application.storeOptions());
    if (store.isEmpty()) {
      return privately("the cache directory cannot be used");
    }
    return switch (now.planClass()) {
      case ROW_LOCAL -> rowLocal(now, store.get());
      case PARTITION_LOCAL -> partitionLocal(now, store.get());
      case RUN_BOUND -> runBound(now, store.get(), Optional.empty());
    };
  }

  // ---- row-local: one unit per file chunk

  private Optional<Materialization> rowLocal(Accepted now, DiskStore store) {
    List<List<FileChunk>> packed = pack(now.chunks(), now.chunkedScan().orElseThrow());
    List<List<CacheUnit>> units = new ArrayList<>();
    for (List<FileChunk> chunks : packed) {
      List<CacheUnit> ofPartition = new ArrayList<>();
      for (FileChunk chunk : chunks) {
        FilePartition split =
            new FilePartition(units.size(), new PartitionedFile[] {chunk.split()});
        String key =
            chunk.settled() ? key(Keys.chunkKey(now.function(), chunk)) : Key.of(random()).hex();
        ofPartition.add(new CacheUnit(key, split, List.of(chunk.file()), chunk.settled()));
      }
      units.add(ofPartition);
    }
    Map<Key, Entry> found = find(units, store);
    Optional<Identity> identity = identity(now);
    if (!isFree(plan)) {
      Optional<Materialization> detached =
          identity.flatMap(of -> detach(now, units, found, store, of));
      if (detached.isPresent() || !mayExecute) {
        return detached;
      }
    } else if (!mayExecute && found.size() < count(units)) {
      return Optional.empty();
    }
    RDD<InternalRow> parent = plan.execute();
    if (!LineageDigest.handsSplitsThrough(parent)) {
      return runBound(now, store, Optional.of(parent));
    }
    // Broadcast sides are read by now; the tasks ask for the files of their own chunks only.
    if (!InputStats.unchanged(besides(packed, now), hadoopConf)) {
      return privately("an input of a broadcast side changed while it was read");
    }
    CachedPartition[] partitions = new CachedPartition[units.size()];
    for (int i = 0; i < partitions.length; i++) {
      PartitionedFile[] files =
          packed.get(i).stream().map(FileChunk::split).toArray(PartitionedFile[]::new);
      partitions[i] =
          new CachedPartition(
              i, units.get(i), List.of(new FilePartition(i, files).preferredLocations()));
    }
    countFound(units, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.ofChunks(
            spec(now, Optional.empty()), parent, partitions, results, serializableConf());
    return ready(rdd, partitions.length, identity, now);
  }

  private static Set<InputFile> besides(List<List<FileChunk>> units, Accepted now) {
    Set<InputFile> others = new LinkedHashSet<>(now.inputs());
    units.forEach(chunks -> chunks.forEach(chunk -> others.remove(chunk.file())));
    return others;
  }

  /** Of rows that do not depend on the run; none while an input is unsettled. */
  private static Optional<Identity> identity(Accepted now) {
    return now.settled()
        ? Optional.of(new Identity(Keys.setKey(now.function(), now.inputs()), now.inputs()))
        : Optional.empty();
  }

  /** Spark's own packing, over canonical chunks. */
  private static List<List<FileChunk>> pack(List<FileChunk> chunks, FileSourceScanExec scan) {
    IdentityHashMap<PartitionedFile, FileChunk> bySplit = new IdentityHashMap<>();
    List<PartitionedFile> splits = new ArrayList<>();
    chunks.stream()
        .sorted((a, b) -> Long.compare(b.length(), a.length()))
        .forEach(
            chunk -> {
              bySplit.put(chunk.split(), chunk);
              splits.add(chunk.split());
            });
    long maxSplitBytes =
        FilePartition.maxSplitBytes(scan.relation().sparkSession(), scan.selectedPartitions());
    List<List<FileChunk>> packed = new ArrayList<>();
    for (FilePartition partition :
        CollectionConverters.asJava(
            FilePartition.getFilePartitions(
                scan.relation().sparkSession(),
                CollectionConverters.asScala(splits).toSeq(),
                maxSplitBytes))) {
      packed.add(
          Arrays.stream(partition.files())
              .map(split -> java.util.Objects.requireNonNull(bySplit.get(split)))
              .toList());
    }
    return packed;
  }

  // ---- partition-local: one unit per Spark partition, known by what it reads

  private Optional<Materialization> partitionLocal(Accepted now, DiskStore store) {
    if (!isFree(plan)) {
      return runBound(now, store, Optional.empty());
    }
    RDD<InternalRow> parent = plan.execute();
    Optional<List<List<CacheUnit>>> laidOut = partitionUnits(now, parent);
    if (laidOut.isEmpty()) {
      return runBound(now, store, Optional.of(parent));
    }
    List<List<CacheUnit>> units = laidOut.get();
    int n = units.size();
    Map<Key, Entry> found = find(units, store);
    if (!mayExecute && found.size() < n) {
      return Optional.empty();
    }
    countFound(units, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(
            spec(now, Optional.empty()), parent, partitions(units), results, serializableConf());
    return ready(rdd, n, identity(now), now);
  }

  /** One unit per partition of the plan, or empty if its lineage does not say what they read. */
  private static Optional<List<List<CacheUnit>>> partitionUnits(
      Accepted now, RDD<InternalRow> parent) {
    int n = parent.partitions().length;
    boolean ownChunks =
        now.partitions().size() == n && LineageDigest.handsSplitsThrough(parent) && n > 0;
    Optional<byte[]> lineage = LineageDigest.of(parent);
    if (lineage.isEmpty()) {
      return Optional.empty();
    }
    byte[] setKey = Keys.setKey(now.function(), now.inputs());
    List<List<CacheUnit>> units = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      boolean settled =
          ownChunks ? now.partitions().get(i).stream().allMatch(FileChunk::settled) : now.settled();
      byte[] unitKey =
          ownChunks
              ? Keys.partitionKey(now.function(), i, now.partitions().get(i))
              : Keys.packedKey(setKey, lineage.get(), i);
      List<InputFile> inputs =
          ownChunks
              ? now.partitions().get(i).stream().map(FileChunk::file).distinct().toList()
              : now.inputs();
      String key = settled ? key(unitKey) : Key.of(random()).hex();
      units.add(List.of(new CacheUnit(key, parent.partitions()[i], inputs, settled)));
    }
    return Optional.of(units);
  }

  // ---- run-bound: all partitions of one run, or none

  private Optional<Materialization> runBound(
      Accepted now, DiskStore store, Optional<RDD<InternalRow>> executed) {
    if (!now.settled()) {
      return privately("an input file changed a moment ago");
    }
    Key setKey = new Key(key(Keys.setKey(now.function(), now.inputs())));
    // A plan that AQE has already finished has a partitioning of its own, known to Spark's planner:
    // another run's partitions would not fit it.
    boolean finished = plan instanceof AdaptiveSparkPlanExec adaptive && adaptive.isFinalPlan();
    if (executed.isEmpty() && !finished) {
      Optional<EntrySet> set = store.findSet(setKey);
      if (set.isPresent()) {
        Optional<Materialization> detached = detachSet(now, set.get(), store);
        if (detached.isPresent()) {
          return detached;
        }
        store.dropSet(setKey);
      }
    }
    if (!mayExecute) {
      return Optional.empty();
    }
    RDD<InternalRow> parent = executed.orElseGet(plan::execute);
    int n = parent.partitions().length;
    Key generation = Key.of(random());
    List<List<CacheUnit>> units = new ArrayList<>();
    boolean local = application.context().isLocal();
    for (int i = 0; i < n; i++) {
      units.add(
          List.of(
              new CacheUnit(
                  memberKey(setKey, generation, i), parent.partitions()[i], List.of(), local)));
    }
    RelationSpec spec = spec(now, Optional.of(generation));
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(spec, parent, partitions(units), results, serializableConf());
    Runnable publish = () -> publishSet(store, setKey, generation, n, now, spec);
    if (n == 0) {
      publish.run();
    } else if (local) {
      Generations.process().begin(generation.hex(), n, publish);
    }
    return ready(rdd, n, Optional.of(runIdentity(setKey, generation, now)), now);
  }

  private Optional<Materialization> detachSet(Accepted now, EntrySet set, DiskStore store) {
    List<List<CacheUnit>> units = new ArrayList<>();
    Map<Key, Entry> found = new LinkedHashMap<>();
    for (Entry entry : set.entries()) {
      units.add(List.of(new CacheUnit(entry.key().hex(), null, List.of(), true)));
      found.put(entry.key(), entry);
    }
    return detach(now, units, found, store, runIdentity(set.setKey(), set.generation(), now));
  }

  /** Runs in the task that stored the last partition. */
  private void publishSet(
      DiskStore store, Key setKey, Key generation, int n, Accepted now, RelationSpec spec) {
    if (System.currentTimeMillis() >= spec.expires()
        || !InputStats.unchanged(now.inputs(), hadoopConf)) {
      log.info("{} is not published: its input changed meanwhile.", spec.description());
      return;
    }
    try {
      store.completeSet(setKey, generation, n, new SetMeta(spec.description(), spec.components()));
    } catch (StoreException e) {
      store.countError("Cannot publish a set", e);
    }
  }

  private static Identity runIdentity(Key setKey, Key generation, Accepted now) {
    return new Identity(Keys.inEnvironment(bytes(setKey), bytes(generation)), now.inputs());
  }

  private static String memberKey(Key setKey, Key generation, int partition) {
    return Key.of(
            Keys.partitionKey(
                Keys.inEnvironment(bytes(setKey), bytes(generation)), partition, List.of()))
        .hex();
  }

  /** What {@link DiskCachedRelationBuilder#peekIdentity} can say without building anything. */
  Optional<Identity> peekIdentity(Accepted now) {
    byte[] setKey = Keys.setKey(now.function(), now.inputs());
    if (now.planClass() != PlanClass.RUN_BOUND) {
      return identity(now);
    }
    Key stored = new Key(key(setKey));
    return ProcessStores.find(application.storeOptions())
        .flatMap(store -> store.findSet(stored))
        .map(set -> runIdentity(stored, set.generation(), now));
  }

  /** How much of the relation is stored, without any effect. */
  Stored peek(Accepted now) {
    DiskStore store = ProcessStores.find(application.storeOptions()).orElse(null);
    if (store == null) {
      return Stored.nothing();
    }
    if (now.planClass() == PlanClass.ROW_LOCAL) {
      List<Key> keys =
          now.chunks().stream()
              .map(chunk -> new Key(key(Keys.chunkKey(now.function(), chunk))))
              .toList();
      Map<Key, Entry> found = store.findAll(keys);
      return Stored.of(keys, found);
    }
    Optional<Materialization> built = builder.materialization();
    if (now.planClass() == PlanClass.PARTITION_LOCAL && isFree(plan)) {
      Optional<List<Key>> keys =
          built
              .map(ready -> ready.rdd().unitKeys())
              .or(
                  () ->
                      partitionUnits(now, plan.execute())
                          .map(
                              units ->
                                  units.stream()
                                      .flatMap(List::stream)
                                      .map(CacheUnit::storeKey)
                                      .toList()));
      if (keys.isPresent()) {
        return Stored.of(keys.get(), store.findAll(keys.get()));
      }
    }
    return store
        .findSet(new Key(key(Keys.setKey(now.function(), now.inputs()))))
        .map(
            set ->
                new Stored(
                    set.entries().size(),
                    set.entries().size(),
                    set.entries().stream().mapToLong(Entry::bytes).sum(),
                    true))
        .orElseGet(Stored::nothing);
  }

  /**
   * @param found units that are stored
   * @param wanted units there are; 0 where only an execution could tell
   * @param bytes size of what is stored
   * @param complete whether a query would compute nothing
   */
  record Stored(int found, int wanted, long bytes, boolean complete) {
    static Stored nothing() {
      return new Stored(0, 0, 0, false);
    }

    static Stored of(List<Key> keys, Map<Key, Entry> found) {
      int wanted = (int) keys.stream().distinct().count();
      long bytes = found.values().stream().mapToLong(Entry::bytes).sum();
      return new Stored(found.size(), wanted, bytes, found.size() == wanted);
    }
  }

  // ---- for this application only

  private Optional<Materialization> privately(String reason) {
    if (!mayExecute) {
      return Optional.empty();
    }
    log.info("{} is cached for this application only: {}", description(), reason);
    application.counters().madePrivate();
    RDD<InternalRow> parent = plan.execute();
    int n = parent.partitions().length;
    List<List<CacheUnit>> units = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      units.add(
          List.of(new CacheUnit(Key.of(random()).hex(), parent.partitions()[i], List.of(), false)));
    }
    Accepted planned = builder.planned();
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(
            spec(planned, Optional.empty()),
            parent,
            partitions(units),
            results,
            serializableConf());
    return Optional.of(
        new Materialization(
            rdd, n, register(rdd), Optional.empty(), List.of(), ConfDigest.of(SQLConf.get())));
  }

  // ---- shared

  /**
   * An RDD without a parent, if every unit can be opened, verified and held now: what is missing
   * means a miss here and not a failure later.
   */
  private Optional<Materialization> detach(
      Accepted now,
      List<List<CacheUnit>> units,
      Map<Key, Entry> found,
      DiskStore store,
      Identity identity) {
    if (found.size() < count(units) || !application.context().isLocal()) {
      return Optional.empty();
    }
    List<Entry> entries = List.copyOf(found.values());
    List<Optional<MappedEntry>> mapped =
        entries.parallelStream().map(entry -> EntryAccess.map(store, entry)).toList();
    try {
      if (mapped.stream().anyMatch(Optional::isEmpty)) {
        return Optional.empty();
      }
      List<List<CacheUnit>> parentless = new ArrayList<>();
      for (List<CacheUnit> ofPartition : units) {
        parentless.add(
            ofPartition.stream().map(u -> new CacheUnit(u.key(), null, u.inputs(), true)).toList());
      }
      countFound(parentless, found);
      DiskCachedRDD rdd =
          DiskCachedRDD.detached(
              application.context(),
              spec(now, Optional.empty()),
              partitions(parentless),
              results,
              serializableConf());
      for (int i = 0; i < entries.size(); i++) {
        OpenEntries.process()
            .hold(rdd.id(), entries.get(i).key().hex(), mapped.get(i).orElseThrow());
        OpenEntries.process().pin(rdd.id(), store.pin(entries.get(i)));
      }
      application.counters().skipped(PlanShapes.exchanges(plan));
      return ready(rdd, units.size(), Optional.of(identity), now);
    } finally {
      mapped.forEach(entry -> entry.ifPresent(MappedEntry::release));
    }
  }

  private Optional<Materialization> ready(
      DiskCachedRDD rdd, int partitions, Optional<Identity> identity, Accepted now) {
    PartitionResults registered = register(rdd);
    known.forEach(
        (partition, result) -> {
          registered.add(new Tuple2<>(partition, result));
          if (OpenEntries.process().firstAnnouncement(rdd.id(), partition)) {
            SparkInternals.announce(rdd.id(), partition, result.bytes());
          }
        });
    return Optional.of(
        new Materialization(rdd, partitions, registered, identity, now.inputs(), now.confDigest()));
  }

  private PartitionResults register(DiskCachedRDD rdd) {
    application.context().register(results);
    rdd.setName(builder.cachedName());
    SparkInternals.unpersistWhenGarbage(application.context(), rdd);
    return results;
  }

  private static Map<Key, Entry> find(List<List<CacheUnit>> units, DiskStore store) {
    return store.findAll(units.stream().flatMap(List::stream).map(CacheUnit::storeKey).toList());
  }

  /** Remembers the partitions of which every unit is stored, and counts hits. */
  private void countFound(List<List<CacheUnit>> units, Map<Key, Entry> found) {
    application.counters().hit(found.size());
    if (!application.context().isLocal()) {
      return; // this process does not hold them
    }
    for (int i = 0; i < units.size(); i++) {
      List<Entry> entries =
          units.get(i).stream()
              .map(unit -> found.get(unit.storeKey()))
              .filter(java.util.Objects::nonNull)
              .toList();
      if (entries.size() == units.get(i).size()) {
        known.put(
            i,
            new PartitionResult(
                entries.stream().mapToLong(Entry::rows).sum(),
                entries.stream().mapToLong(Entry::bytes).sum(),
                entries.size(),
                0));
      }
    }
  }

  private static CachedPartition[] partitions(List<List<CacheUnit>> units) {
    return IntStream.range(0, units.size())
        .mapToObj(i -> new CachedPartition(i, units.get(i), List.of()))
        .toArray(CachedPartition[]::new);
  }

  private static int count(List<List<CacheUnit>> units) {
    return (int) units.stream().flatMap(List::stream).map(CacheUnit::key).distinct().count();
  }

  /**
   * Whether executing the plan runs no job: nothing in it exchanges, broadcasts or asks a query.
   */
  static boolean isFree(SparkPlan plan) {
    return !PlanShapes.runsJobs(plan);
  }

  private RelationSpec spec(Accepted now, Optional<Key> generation) {
    return new RelationSpec(
        application.storeOptions(),
        application.settings().admission(),
        builder.fingerprint().schema(),
        HexFormat.of().formatHex(now.function()),
        generation.map(Key::hex).orElse(null),
        now.confDigest(),
        now.expires().map(Instant::toEpochMilli).orElse(Long.MAX_VALUE),
        tag,
        application.context().applicationId(),
        description(),
        now.components());
  }

  private String description() {
    return PlanShapes.oneLine(plan);
  }

  private SerializableConfiguration serializableConf() {
    return new SerializableConfiguration(hadoopConf);
  }

  /** As this process stores and finds it. */
  private static String key(byte[] key) {
    return Key.of(Keys.inEnvironment(key, EnvironmentIdentity.current())).hex();
  }

  private static byte[] bytes(Key key) {
    return HexFormat.of().parseHex(key.hex());
  }

  private static byte[] random() {
    byte[] bytes = new byte[KEY_BYTES];
    RANDOM.nextBytes(bytes);
    return bytes;
  }
}
