// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.ConfDigest;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FileChunk;
import io.sparkdiskcache.fingerprint.FingerprintResult;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import io.sparkdiskcache.fingerprint.FunctionProof;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.InputStats;
import io.sparkdiskcache.relation.Holdings.Detached;
import io.sparkdiskcache.relation.Holdings.DetachedRun;
import io.sparkdiskcache.relation.Holdings.Found;
import io.sparkdiskcache.relation.Holdings.FoundRun;
import io.sparkdiskcache.relation.Holdings.HeldPartitions;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.Key;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
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
  private final Holdings holdings;
  private final SetPublisher sets;
  private final StageCosts.Build costs;
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
    this.costs = application.costs().build();
    this.holdings = Holdings.of(application, builder);
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
    return costs.run(plan::execute);
  }

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
    Optional<Objection> unheld = holdings.obstacle();
    if (unheld.isPresent()) {
      return privately(unheld.get());
    }
    Optional<String> obstacle = FunctionProof.obstacle(now.functions());
    if (obstacle.isPresent()) {
      return privately(Objection.Reason.REFUSED, "its functions", obstacle.get());
    }
    Optional<Path> distrusted =
        application.findStore().flatMap(store -> store.functions().distrusted(now.relation()));
    if (distrusted.isPresent()) {
      return privately(Objection.Reason.AUDIT, "the function", Audit.refusal(distrusted.get()));
    }
    return switch (now.planClass()) {
      case ROW_LOCAL -> rowLocal(now);
      case PARTITION_LOCAL -> partitionLocal(now);
      case RUN_BOUND -> runBound(now, Optional.empty());
    };
  }

  // ---- row-local: one unit per file chunk

  private Optional<Materialization> rowLocal(Accepted now) {
    List<List<CacheUnit>> units = Units.ofChunks(now);
    Found found = holdings.find(units, now);
    if (found.size() > 0 && !mayRead(now)) {
      return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
    }
    boolean audited = chooseForAudit(units, found);
    Optional<Identity> identity = Units.identity(now);
    boolean whole = found.size() == Units.count(units);
    if (PlanShapes.runsJobs(plan)) {
      Optional<Materialization> detached =
          !whole || audited || identity.isEmpty()
              ? Optional.empty()
              : holdings
                  .detach(units, found, spec(now, Optional.empty()), results)
                  .map(relation -> ready(relation, identity.get(), now));
      if (detached.isPresent() || !mayExecute) {
        return detached;
      }
    } else if (!mayExecute && !whole) {
      return Optional.empty();
    }
    RDD<InternalRow> parent = execute();
    if (!LineageDigest.handsSplitsThrough(parent) || parent.partitions().length != units.size()) {
      return runBound(now, Optional.of(parent));
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
    HeldPartitions held = holdings.use(units, found);
    DiskCachedRDD rdd =
        DiskCachedRDD.ofChunks(
            spec(now, Optional.empty(), shareOfJobs(Units.count(units))),
            ParentRows.of(plan, parent),
            partitions,
            results,
            now.functions());
    return Optional.of(ready(rdd, held, identity, now));
  }

  /** Of each unit in the jobs that executing the plan has run. */
  private Duration shareOfJobs(int units) {
    return units > 0 && PlanShapes.runsJobs(plan)
        ? costs.below(Set.of()).dividedBy(units)
        : Duration.ZERO;
  }

  private static Set<InputFile> besides(Accepted now) {
    Set<InputFile> others = new LinkedHashSet<>(now.inputs());
    now.chunks().forEach(chunk -> others.remove(chunk.file()));
    return others;
  }

  // ---- partition-local: one unit per Spark partition, known by what it reads

  private Optional<Materialization> partitionLocal(Accepted now) {
    if (PlanShapes.runsJobs(plan)) {
      return runBound(now, Optional.empty());
    }
    RDD<InternalRow> parent = execute();
    Optional<List<List<CacheUnit>>> laidOut = Units.ofPartitions(now, parent);
    if (laidOut.isEmpty()) {
      return runBound(now, Optional.of(parent));
    }
    List<List<CacheUnit>> units = laidOut.get();
    Found found = holdings.find(units, now);
    if (found.size() > 0 && !mayRead(now)) {
      return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
    }
    if (!mayExecute && found.size() < units.size()) {
      return Optional.empty();
    }
    chooseForAudit(units, found);
    HeldPartitions held = holdings.use(units, found);
    DiskCachedRDD rdd = attached(spec(now, Optional.empty()), parent, units, now.functions());
    return Optional.of(ready(rdd, held, Units.identity(now), now));
  }

  // ---- run-bound: all partitions of one run, or none

  private Optional<Materialization> runBound(Accepted now, Optional<RDD<InternalRow>> executed) {
    if (!now.settled()) {
      return privately(
          Objection.Reason.SETTLING, "an input file", "it changed a moment before it was read");
    }
    Key setKey = Units.setKey(now);
    Optional<SetPublisher.Comparison> toCompare = Optional.empty();
    if (executed.isEmpty() && !hasFinalPlan()) {
      if (!mayRead(now)) {
        return privately(Objection.Reason.ACCESS, "an input", NOT_READABLE);
      }
      FoundRun found = holdings.findRun(setKey, spec(now, Optional.empty()), results, sets);
      if (found.run().isPresent()) {
        DetachedRun run = found.run().get();
        Identity identity = Units.runIdentity(setKey, run.generation(), now);
        return Optional.of(ready(run.relation(), identity, now));
      }
      toCompare = found.toCompare();
    }
    if (!mayExecute) {
      return Optional.empty();
    }
    RDD<InternalRow> parent = executed.orElseGet(this::execute);
    Key generation = Units.randomKey();
    results.outcome().ofRun(parent.partitions().length);
    RelationSpec spec = spec(now, Optional.of(generation));
    DiskCachedRDD rdd =
        attached(
            spec,
            parent,
            Units.ofRun(setKey, generation, parent, holdings.keepsRuns()),
            now.functions());
    holdings.begin(
        new SetPublisher.Run(
            setKey,
            generation,
            rdd.id(),
            rdd.unitKeys(),
            spec,
            now,
            evidence(now),
            new SetPublisher.Cost(costs, StageCosts.shuffles(parent)),
            toCompare),
        sets);
    Identity identity = Units.runIdentity(setKey, generation, now);
    return Optional.of(ready(rdd, HeldPartitions.none(), Optional.of(identity), now));
  }

  /**
   * A plan that AQE has already finished has a partitioning of its own, known to Spark's planner:
   * another run's partitions would not fit it.
   */
  private boolean hasFinalPlan() {
    return plan instanceof AdaptiveSparkPlanExec adaptive && adaptive.isFinalPlan();
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
    return privately(new Objection(reason, object, sentence));
  }

  private Optional<Materialization> privately(Objection why) {
    if (!mayExecute) {
      return Optional.empty();
    }
    application.counters().madePrivate();
    // Told with the rows.
    results.outcome().nothingIsKept(why);
    RDD<InternalRow> parent = execute();
    DiskCachedRDD rdd =
        attached(
            spec(builder.planned(), Optional.empty()),
            parent,
            Units.withoutNames(parent),
            List.of());
    return Optional.of(
        new Materialization(
            rdd,
            register(rdd),
            Optional.empty(),
            List.of(),
            ConfDigest.of(SQLConf.get()),
            notBefore,
            HeldPartitions.none()));
  }

  // ---- shared

  private DiskCachedRDD attached(
      RelationSpec spec,
      RDD<InternalRow> parent,
      List<List<CacheUnit>> units,
      List<FunctionProof> functions) {
    return DiskCachedRDD.attached(
        spec, ParentRows.of(plan, parent), CachedPartition.of(units), results, functions);
  }

  private Materialization ready(Detached relation, Identity identity, Accepted now) {
    application.counters().skipped(PlanShapes.exchanges(plan));
    return ready(relation.rdd(), relation.held(), Optional.of(identity), now);
  }

  private Materialization ready(
      DiskCachedRDD rdd, HeldPartitions held, Optional<Identity> identity, Accepted now) {
    PartitionResults registered = register(rdd);
    holdings.announce(rdd, held, now.relation());
    held.known().forEach((partition, result) -> registered.add(new Tuple2<>(partition, result)));
    return new Materialization(
        rdd, registered, identity, now.inputs(), now.confDigest(), notBefore, held);
  }

  private PartitionResults register(DiskCachedRDD rdd) {
    application.context().register(results);
    rdd.setName(builder.cachedName());
    SparkInternals.unpersistWhenGarbage(application.context(), rdd);
    return results;
  }

  private RelationSpec spec(Accepted now, Optional<Key> generation) {
    return spec(now, generation, Duration.ZERO);
  }

  private RelationSpec spec(Accepted now, Optional<Key> generation, Duration shareOfJobs) {
    Encryption encryption = application.encryption();
    RunEvidence evidence = evidence(now);
    SortedMap<String, String> components =
        application.settings().literals() ? now.components() : HiddenLiterals.in(now.components());
    return new RelationSpec(
        new RelationSpec.Rows(
            builder.fingerprint().schema(),
            builder.fingerprint().schema().json(),
            builder.fingerprint().precision(),
            builder.compression()),
        new RelationSpec.Storing(
            application.storeOptions(),
            application.settings().admission(),
            application.settings().remote(),
            encryption),
        new RelationSpec.Keys(
            now.confDigest(),
            now.expires().map(Instant::toEpochMilli).orElse(Long.MAX_VALUE),
            notBefore,
            EnvironmentIdentity.facts(),
            now.proofs()),
        new RelationSpec.About(
            tag,
            SparkInternals.writer(application.context()),
            description(),
            encryption == null ? components : encryption.seal(components)),
        now.relation(),
        generation.map(Key::hex).orElse(null),
        new RelationSpec.StagesBelow(evidence.now(), evidence.isPossible(), shareOfJobs),
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
