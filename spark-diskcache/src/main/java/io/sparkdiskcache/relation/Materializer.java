// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.KeptEntry;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FileChunk;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.InputStats;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.PartitionedFile;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * From a fingerprint to an RDD: looks up what is stored, executes the plan if it must, and lays out
 * the partitions. One instance per attempt.
 */
final class Materializer {
  private static final Logger log = LoggerFactory.getLogger(Materializer.class);

  private static final String NOT_READABLE = "the file system says that this user may not read it";

  private final CacheApplication application;
  private final DiskCachedRelationBuilder builder;
  private final String tag;
  private final SparkPlan plan;
  private final Configuration hadoopConf;
  private final PartitionResults results;
  private final Instant notBefore;
  private Instant oldest = Instant.now();
  private final Map<Integer, PartitionResult> known = new HashMap<>();
  private final Optional<ClusterLookup> cluster;
  private final SetPublisher sets;

  /** Directories by partition, of executors that hold it whole; only on a cluster. */
  private List<List<String>> holders = List.of();

  private boolean mayExecute;

  /** From then on an exception may be the query's own. */
  private boolean executing;

  Materializer(CacheApplication application, DiskCachedRelationBuilder builder, String tag) {
    this.application = application;
    this.builder = builder;
    this.tag = tag;
    this.plan = builder.cachedPlan();
    this.hadoopConf = builder.fingerprint().hadoopConf();
    this.results = new PartitionResults(application.counters(), description());
    this.notBefore = builder.notBefore();
    this.cluster = ClusterLookup.of(application.context());
    this.sets = new SetPublisher(application, builder, results);
  }

  /** The relation, from what is stored and from the plan. */
  Materialization build() {
    mayExecute = true;
    Optional<Materialization> built;
    try {
      built = attempt();
    } catch (Exception | LinkageError | StackOverflowError e) {
      if (executing) {
        throw e;
      }
      log.warn("Cannot look up {}, so it is computed.", description(), e);
      built = privately(Objection.Reason.ERROR, "the cache", "it failed: " + e);
    }
    return built.orElseThrow(
        () -> new IllegalStateException("an attempt that may execute gives an RDD"));
  }

  /** The relation if it can be had without running a job, that is if all of it is stored. */
  Optional<Materialization> buildWithoutJobs() {
    mayExecute = false;
    try {
      return attempt();
    } catch (Exception | LinkageError | StackOverflowError e) {
      // If it is the query's own, its execution says so.
      log.warn("Cannot look up {} without executing it.", description(), e);
      return Optional.empty();
    }
  }

  /** Whoever may not read the input gets no rows that another has made of it. */
  private boolean mayRead(Accepted now) {
    return InputStats.unreadable(now.inputs(), hadoopConf).isEmpty();
  }

  private RDD<InternalRow> execute() {
    executing = true;
    return plan.execute();
  }

  /** The store of this process is used where it runs the tasks: on a cluster it may have none. */
  private Optional<Materialization> attempt() {
    FingerprintResult result = builder.fingerprint().whenExecuted();
    if (result instanceof Refused refused) {
      return privately(Objection.Reason.REFUSED, "the query", refused.refusal().toString());
    }
    Accepted now = (Accepted) result;
    if (!Arrays.equals(now.confDigest(), builder.planned().confDigest())) {
      return privately(
          Objection.Reason.SETTINGS, "a setting", "it was changed after the plan was made");
    }
    Optional<DiskStore> store = application.findStore();
    if (store.isEmpty() && application.needsStoreHere()) {
      return privately(
          Objection.Reason.STORE,
          "the driver",
          String.join(" ", application.hostsWithoutStore().values()));
    }
    Optional<String> obstacle = FunctionProof.obstacle(now.functions());
    if (obstacle.isPresent()) {
      return privately(Objection.Reason.REFUSED, "its functions", obstacle.get());
    }
    Optional<Path> distrusted = store.flatMap(s -> s.distrusted(now.relation()));
    if (distrusted.isPresent()) {
      return privately(Objection.Reason.AUDIT, "the function", Audit.refusal(distrusted.get()));
    }
    return switch (now.planClass()) {
      case ROW_LOCAL -> rowLocal(now, store);
      case PARTITION_LOCAL -> partitionLocal(now, store);
      case RUN_BOUND -> runBound(now, store, Optional.empty());
    };
  }

  // ---- row-local: one unit per file chunk

  private Optional<Materialization> rowLocal(Accepted now, Optional<DiskStore> store) {
    List<List<CacheUnit>> units = Units.ofChunks(now);
    Found found = find(units, now, store);
    if (found.size() > 0 && !mayRead(now)) {
      return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
    }
    boolean audited = chooseForAudit(units, found);
    Optional<Identity> identity = Units.identity(now);
    if (PlanShapes.runsJobs(plan)) {
      Optional<Materialization> detached =
          audited ? Optional.empty() : identity.flatMap(of -> detach(now, units, found, store, of));
      if (detached.isPresent() || !mayExecute) {
        return detached;
      }
    } else if (!mayExecute && found.size() < count(units)) {
      return Optional.empty();
    }
    RDD<InternalRow> parent = execute();
    if (!LineageDigest.handsSplitsThrough(parent) || parent.partitions().length != units.size()) {
      return runBound(now, store, Optional.of(parent));
    }
    // Broadcast sides are read by now; the tasks ask for the files of their own chunks only.
    if (!InputStats.unchanged(besides(now), hadoopConf)) {
      return privately(
          Objection.Reason.INPUT, "an input of a broadcast side", "it changed while it was read");
    }
    CachedPartition[] partitions = new CachedPartition[units.size()];
    for (int i = 0; i < partitions.length; i++) {
      PartitionedFile[] files =
          now.partitions().get(i).stream().map(FileChunk::split).toArray(PartitionedFile[]::new);
      partitions[i] =
          new CachedPartition(
              i, units.get(i), List.of(new FilePartition(i, files).preferredLocations()));
    }
    countFound(units, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.ofChunks(
            spec(now, Optional.empty()),
            ParentRows.of(plan, parent),
            partitions,
            results,
            now.functions());
    return ready(rdd, partitions.length, identity, now);
  }

  private static Set<InputFile> besides(Accepted now) {
    Set<InputFile> others = new LinkedHashSet<>(now.inputs());
    now.chunks().forEach(chunk -> others.remove(chunk.file()));
    return others;
  }

  // ---- partition-local: one unit per Spark partition, known by what it reads

  private Optional<Materialization> partitionLocal(Accepted now, Optional<DiskStore> store) {
    if (PlanShapes.runsJobs(plan)) {
      return runBound(now, store, Optional.empty());
    }
    RDD<InternalRow> parent = execute();
    Optional<List<List<CacheUnit>>> laidOut = Units.ofPartitions(now, parent);
    if (laidOut.isEmpty()) {
      return runBound(now, store, Optional.of(parent));
    }
    List<List<CacheUnit>> units = laidOut.get();
    int n = units.size();
    Found found = find(units, now, store);
    if (found.size() > 0 && !mayRead(now)) {
      return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
    }
    if (!mayExecute && found.size() < n) {
      return Optional.empty();
    }
    chooseForAudit(units, found);
    countFound(units, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(
            spec(now, Optional.empty()),
            ParentRows.of(plan, parent),
            partitions(units),
            results,
            now.functions());
    return ready(rdd, n, Units.identity(now), now);
  }

  // ---- run-bound: all partitions of one run, or none

  private Optional<Materialization> runBound(
      Accepted now, Optional<DiskStore> ofProcess, Optional<RDD<InternalRow>> executed) {
    if (!now.settled()) {
      return privately(
          Objection.Reason.SETTLING, "an input file", "it changed a moment before it was read");
    }
    Key setKey = Units.setKey(now);
    // A plan that AQE has already finished has a partitioning of its own, known to Spark's planner:
    // another run's partitions would not fit it.
    boolean finished = plan instanceof AdaptiveSparkPlanExec adaptive && adaptive.isFinalPlan();
    Optional<SetPublisher.Comparison> audit = Optional.empty();
    if (executed.isEmpty() && !finished && !mayRead(now)) {
      return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
    }
    if (executed.isEmpty() && !finished && cluster.isPresent()) {
      Optional<Materialization> detached = detachSetInCluster(now, setKey);
      if (detached.isPresent()) {
        return detached;
      }
    } else if (executed.isEmpty() && !finished) {
      DiskStore store = ofProcess.orElseThrow();
      Optional<EntrySet> set = store.findSet(setKey);
      set = set.filter(found -> !found.isOlderThan(notBefore));
      if (set.isPresent()) {
        EntrySet found = set.get();
        spec(now, Optional.empty()).remoteTier().ifPresent(tier -> tier.used(found));
      } else if (fetchSet(setKey, now, store)) {
        set = store.findSet(setKey).filter(found -> !found.isOlderThan(notBefore));
      }
      audit = set.flatMap(sets::comparisonWith);
      if (set.isPresent() && audit.isEmpty()) {
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
    RDD<InternalRow> parent = executed.orElseGet(this::execute);
    int n = parent.partitions().length;
    Key generation = Units.randomKey();
    List<List<CacheUnit>> units = new ArrayList<>();
    boolean local = application.context().isLocal();
    for (int i = 0; i < n; i++) {
      units.add(
          List.of(
              new CacheUnit(
                  Units.memberKey(setKey, generation, i),
                  parent.partitions()[i],
                  List.of(),
                  local || cluster.isPresent())));
    }
    results.outcome().ofRun(n);
    RunEvidence evidence = evidence(now);
    RelationSpec spec = spec(now, Optional.of(generation));
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(
            spec, ParentRows.of(plan, parent), partitions(units), results, now.functions());
    if (cluster.isPresent()) {
      SetMeta meta = new SetMeta(spec.description(), spec.components());
      List<Key> members = rdd.unitKeys();
      application
          .unfinished()
          .begin(
              rdd.id(),
              UnfinishedSets.onCluster(
                  cluster.get().directory(), generation.hex(), () -> builder.forget(rdd.id())));
      cluster
          .get()
          .directory()
          .begin(
              Units.partKey(setKey),
              generation,
              n,
              meta,
              evidence::encoded,
              () -> sets.mayPublish(spec, now, evidence),
              () -> {
                results.outcome().published();
                spec.remoteTier()
                    .ifPresent(tier -> tier.uploadSet(setKey, generation, members, meta));
              });
      cluster
          .get()
          .directory()
          .whenUnwritten(
              generation.hex(),
              directory ->
                  results
                      .outcome()
                      .nothingIsKept(
                          new Objection(
                              Objection.Reason.STORE, directory, "its part was not written")));
      return ready(rdd, n, Optional.of(Units.runIdentity(setKey, generation, now)), now);
    }
    Optional<SetPublisher.Comparison> toCompare = audit;
    BooleanSupplier publish =
        () ->
            sets.publish(
                ofProcess.orElseThrow(),
                new SetPublisher.Run(setKey, generation, rdd.unitKeys(), evidence),
                now,
                spec,
                toCompare);
    if (n == 0) {
      boolean unused = publish.getAsBoolean();
    } else if (local) {
      Generations.process()
          .begin(ofProcess.orElseThrow(), generation.hex(), n, evidence::now, publish);
      application
          .unfinished()
          .begin(rdd.id(), UnfinishedSets.here(generation.hex(), () -> builder.forget(rdd.id())));
    }
    return ready(rdd, n, Optional.of(Units.runIdentity(setKey, generation, now)), now);
  }

  /** Whether a set that this host lacks was found in the remote tier. */
  private boolean fetchSet(Key setKey, Accepted now, DiskStore store) {
    if (!application.context().isLocal()) {
      return false; // this process does not read it
    }
    RelationSpec spec = spec(now, Optional.empty());
    RemoteTier.Wanted wanted =
        new RemoteTier.Wanted(setKey, spec.relation(), spec.fetchedNotBefore());
    return spec.remoteTier()
        .map(
            tier ->
                tier.restoreSet(
                    store,
                    wanted,
                    (generation, i) -> new Key(Units.memberKey(setKey, generation, i))))
        .orElse(false);
  }

  private Optional<Materialization> detachSet(Accepted now, EntrySet set, DiskStore store) {
    List<List<CacheUnit>> units = new ArrayList<>();
    Map<Key, Entry> found = new LinkedHashMap<>();
    for (Entry entry : set.entries()) {
      units.add(List.of(new CacheUnit(entry.key().hex(), null, List.of(), true)));
      found.put(entry.key(), entry);
    }
    storedAt(set.createdAt());
    return detach(
        now,
        units,
        Found.here(found),
        Optional.of(store),
        Units.runIdentity(set.setKey(), set.generation(), now));
  }

  private Optional<Materialization> detachSetInCluster(Accepted now, Key setKey) {
    return new ClusterDetachment(application, cluster.orElseThrow(), results)
        .set(setKey, spec(now, Optional.empty()), builder.audits())
        .flatMap(
            set -> ready(set.relation(), Units.runIdentity(setKey, set.generation(), now), now));
  }

  /** Marks units among those found; whether there are any. */
  private boolean chooseForAudit(List<List<CacheUnit>> units, Found found) {
    boolean any = false;
    for (List<CacheUnit> ofPartition : units) {
      for (int i = 0; i < ofPartition.size(); i++) {
        Key key = ofPartition.get(i).storeKey();
        if (found.contains(key) && builder.audits().contains(key)) {
          ofPartition.set(i, ofPartition.get(i).audited());
          any = true;
        }
      }
    }
    return any;
  }

  // ---- for this application only

  private Optional<Materialization> privately(
      Objection.Reason reason, String object, String sentence) {
    if (!mayExecute) {
      return Optional.empty();
    }
    application.counters().madePrivate();
    // Told with the rows.
    results.outcome().nothingIsKept(new Objection(reason, object, sentence));
    RDD<InternalRow> parent = execute();
    int n = parent.partitions().length;
    List<List<CacheUnit>> units = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      units.add(
          List.of(
              new CacheUnit(Units.randomKey().hex(), parent.partitions()[i], List.of(), false)));
    }
    Accepted planned = builder.planned();
    DiskCachedRDD rdd =
        DiskCachedRDD.attached(
            spec(planned, Optional.empty()),
            ParentRows.of(plan, parent),
            partitions(units),
            results,
            List.of());
    return Optional.of(
        new Materialization(
            rdd,
            n,
            register(rdd),
            Optional.empty(),
            List.of(),
            ConfDigest.of(SQLConf.get()),
            notBefore,
            oldest,
            List.of()));
  }

  // ---- shared

  /**
   * An RDD without a parent, if every unit can be opened, verified and held now: what is missing
   * means a miss here and not a failure later.
   */
  private Optional<Materialization> detach(
      Accepted now,
      List<List<CacheUnit>> units,
      Found found,
      Optional<DiskStore> ofProcess,
      Identity identity) {
    if (found.size() < count(units)) {
      return Optional.empty();
    }
    if (cluster.isPresent()) {
      return new ClusterDetachment(application, cluster.get(), results)
          .units(units, found.elsewhere(), spec(now, Optional.empty()))
          .flatMap(detached -> ready(detached, identity, now));
    }
    if (!application.context().isLocal()) {
      return Optional.empty();
    }
    DiskStore store = ofProcess.orElseThrow();
    List<Entry> entries = List.copyOf(found.here().values());
    RelationSpec spec = spec(now, Optional.empty());
    List<Optional<KeptEntry>> mapped =
        entries.parallelStream().map(entry -> keep(store, spec, entry)).toList();
    if (mapped.stream().anyMatch(Optional::isEmpty)) {
      return Optional.empty();
    }
    List<List<CacheUnit>> parentless = units.stream().map(CacheUnit::parentless).toList();
    countFound(parentless, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.detached(application.context(), spec, partitions(parentless), results);
    for (int i = 0; i < entries.size(); i++) {
      OpenEntries.process()
          .hold(
              rdd.id(),
              entries.get(i).key().hex(),
              mapped.get(i).orElseThrow(),
              Findings.ofStored(entries.get(i).reads()));
      OpenEntries.process().pin(rdd.id(), store.pin(entries.get(i)));
    }
    application.counters().skipped(PlanShapes.exchanges(plan));
    return ready(rdd, units.size(), Optional.of(identity), now);
  }

  private Optional<Materialization> ready(
      ClusterDetachment.Detached detached, Identity identity, Accepted now) {
    holders = detached.holders();
    known.putAll(detached.known());
    storedAt(detached.oldest());
    application.counters().skipped(PlanShapes.exchanges(plan));
    return ready(detached.rdd(), holders.size(), Optional.of(identity), now);
  }

  private static Optional<KeptEntry> keep(DiskStore store, RelationSpec spec, Entry entry) {
    return EntryAccess.map(store, spec, entry).map(MappedEntry::kept);
  }

  private Optional<Materialization> ready(
      DiskCachedRDD rdd, int partitions, Optional<Identity> identity, Accepted now) {
    PartitionResults registered = register(rdd);
    cluster.ifPresent(
        lookup -> {
          lookup.announce(rdd.id(), holders, known);
          lookup.directory().watch(now.relation(), rdd.unitKeys());
        });
    known.forEach(
        (partition, result) -> {
          registered.add(new Tuple2<>(partition, result));
          if (cluster.isEmpty() && OpenEntries.process().firstAnnouncement(rdd.id(), partition)) {
            SparkInternals.announce(rdd.id(), partition, result.bytes());
          }
        });
    return Optional.of(
        new Materialization(
            rdd,
            partitions,
            registered,
            identity,
            now.inputs(),
            now.confDigest(),
            notBefore,
            oldest,
            rdd.isDetached()
                ? holders.stream().flatMap(List::stream).distinct().toList()
                : List.of()));
  }

  private PartitionResults register(DiskCachedRDD rdd) {
    application.context().register(results);
    rdd.setName(builder.cachedName());
    SparkInternals.unpersistWhenGarbage(application.context(), rdd);
    return results;
  }

  /**
   * The stored units: entries of this process's store, or on a cluster the directories that should
   * have them.
   */
  private record Found(Map<Key, Entry> here, Map<Key, List<String>> elsewhere) {
    static Found here(Map<Key, Entry> entries) {
      return new Found(entries, Map.of());
    }

    boolean contains(Key key) {
      return here.containsKey(key) || elsewhere.containsKey(key);
    }

    int size() {
      return here.size() + elsewhere.size();
    }
  }

  /** Entries that are stored and young enough; those that are too old are recomputed. */
  private Found find(List<List<CacheUnit>> units, Accepted now, Optional<DiskStore> ofProcess) {
    if (cluster.isPresent()) {
      List<Key> published =
          units.stream()
              .flatMap(List::stream)
              .filter(CacheUnit::publish)
              .map(CacheUnit::storeKey)
              .toList();
      return new Found(Map.of(), cluster.get().directory().holders(now.relation(), published));
    }
    DiskStore store = ofProcess.orElseThrow();
    Map<Key, Entry> found =
        store.findAll(units.stream().flatMap(List::stream).map(CacheUnit::storeKey).toList());
    found.values().removeIf(entry -> entry.isOlderThan(notBefore));
    return Found.here(found);
  }

  /**
   * Remembers the partitions of which every unit is stored and not to be audited, and counts hits.
   */
  private void countFound(List<List<CacheUnit>> units, Found found) {
    if (cluster.isPresent()) {
      application.counters().hit(found.size(), 0);
      holders = units.stream().map(of -> ClusterLookup.nearest(of, found.elsewhere())).toList();
      if (found.size() > 0) {
        storedAt(Instant.EPOCH); // only the executors know
      }
      return;
    }
    application.counters().hit(found.here().values());
    found.here().values().forEach(entry -> storedAt(entry.createdAt()));
    if (!application.context().isLocal()) {
      return; // this process does not hold them
    }
    for (int i = 0; i < units.size(); i++) {
      List<Entry> entries =
          units.get(i).stream()
              .filter(unit -> !unit.audit())
              .map(unit -> found.here().get(unit.storeKey()))
              .filter(Objects::nonNull)
              .toList();
      if (entries.size() == units.get(i).size()) {
        known.put(
            i,
            PartitionResult.found(
                entries.stream().mapToLong(Entry::rows).sum(),
                entries.stream().mapToLong(Entry::dataBytes).sum(),
                entries.size(),
                entries.stream()
                    .map(entry -> Findings.ofStored(entry.reads()))
                    .reduce(Findings.NONE, Findings::and)));
      }
    }
  }

  private void storedAt(Instant time) {
    oldest = time.isBefore(oldest) ? time : oldest;
  }

  private static CachedPartition[] partitions(List<List<CacheUnit>> units) {
    return IntStream.range(0, units.size())
        .mapToObj(i -> new CachedPartition(i, units.get(i), List.of()))
        .toArray(CachedPartition[]::new);
  }

  private static int count(List<List<CacheUnit>> units) {
    return (int) units.stream().flatMap(List::stream).map(CacheUnit::key).distinct().count();
  }

  private RelationSpec spec(Accepted now, Optional<Key> generation) {
    Encryption encryption = application.encryption();
    RunEvidence evidence = evidence(now);
    SortedMap<String, String> components =
        application.settings().literals() ? now.components() : HiddenLiterals.in(now.components());
    return new RelationSpec(
        application.storeOptions(),
        application.settings().admission(),
        builder.fingerprint().schema(),
        builder.fingerprint().precision(),
        builder.compression(),
        now.relation(),
        generation.map(Key::hex).orElse(null),
        now.confDigest(),
        now.expires().map(Instant::toEpochMilli).orElse(Long.MAX_VALUE),
        notBefore,
        tag,
        SparkInternals.writer(application.context()),
        description(),
        encryption == null ? components : encryption.seal(components),
        encryption,
        application.settings().remote(),
        now.proofs(),
        evidence.now(),
        evidence.isPossible(),
        EnvironmentIdentity.facts(),
        new SerializableConfiguration(hadoopConf));
  }

  private RunEvidence evidence(Accepted now) {
    return new RunEvidence(
        builder.since(), now.proofs().elsewhere(), builder.fingerprint().nestedResults());
  }

  private String description() {
    String line = PlanShapes.oneLine(plan);
    return application.settings().literals() ? line : HiddenLiterals.step(line);
  }
}
