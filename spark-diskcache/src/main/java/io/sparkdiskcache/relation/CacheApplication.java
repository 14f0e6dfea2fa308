// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.conf.DiskCacheConf;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.IdentityWeakMap;
import io.sparkdiskcache.fingerprint.IgnoredSettings;
import io.sparkdiskcache.fingerprint.OpaqueInputs;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.scheduler.JobSucceeded$;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerUnpersistRDD;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The state that the driver keeps for one Spark application: the settings that hold for all of it,
 * the decisions on its cached relations, the counters. Closed by Spark's end of the application.
 */
@Internal
public final class CacheApplication {
  private static final Logger log = LoggerFactory.getLogger(CacheApplication.class);

  /** Longer times to live would be out of the range of dates. */
  private static final Duration FOR_EVER = Duration.ofDays(1_000_000);

  static final String IO_ENCRYPTION = "spark.io.encryption.enabled";
  private static final Map<SparkContext, CacheApplication> RUNNING = new HashMap<>();

  private final SparkContext context;
  private final Settings settings;
  private final @Nullable Encryption encryption;
  private final StageCosts costs;
  private final RelationCounters counters = new RelationCounters();
  private final UnfinishedSets unfinished = new UnfinishedSets();
  // By identity: builders are case classes that compare whole plans.
  private final IdentityWeakMap<CachedRDDBuilder, Decision> decisions = new IdentityWeakMap<>();
  private final IdentityWeakMap<CachedRDDBuilder, CacheTag> tags = new IdentityWeakMap<>();

  private final IdentityWeakMap<CachedRDDBuilder, InputVersion> inputVersions =
      new IdentityWeakMap<>();
  private final IdentityWeakMap<CachedRDDBuilder, PrecisionPolicy> precisions =
      new IdentityWeakMap<>();
  private final IdentityWeakMap<CachedRDDBuilder, Duration> ttls = new IdentityWeakMap<>();
  private final Map<String, String> rddsOfFunctions = new ConcurrentHashMap<>();
  private final Map<String, Runnable> atEnd = new ConcurrentHashMap<>();
  private final AtomicBoolean saidThatMemoIsOff = new AtomicBoolean();

  private CacheApplication(SparkContext context, Settings settings) {
    this.context = context;
    this.settings = settings;
    this.encryption = Encryption.of(settings.encryptionKey());
    RemoteTier.check(settings.remote(), context.hadoopConfiguration());
    IgnoredSettings unused = IgnoredSettings.parse(settings.ignoredSettings());
    this.costs = StageCosts.of(context);
  }

  /**
   * The application of a context, made at the first call.
   *
   * @throws IllegalArgumentException on a bad configuration value
   */
  public static CacheApplication of(SparkContext context) {
    synchronized (RUNNING) {
      CacheApplication running = RUNNING.get(context);
      if (running == null) {
        Map<String, String> conf = asMap(context.getConf());
        running = new CacheApplication(context, Settings.of(conf));
        for (String key : DiskCacheConf.unknownKeys(conf)) {
          log.warn(
              "{} is not a key of spark-diskcache and has no effect; check its spelling.", key);
        }
        if (running.lacksKey()) {
          log.warn(
              "Nothing is cached on disk: {} is true, and neither {} nor {} names a key.",
              IO_ENCRYPTION,
              DiskCacheConf.KEY_FILE.key(),
              DiskCacheConf.KEY_ENV.key());
        }
        RUNNING.put(context, running);
        context.addSparkListener(running.new Lifecycle());
      }
      return running;
    }
  }

  /** All {@code spark.diskcache.} keys of a configuration. */
  public static Map<String, String> asMap(SparkConf conf) {
    return Arrays.stream(conf.getAllWithPrefix(DiskCacheConf.PREFIX))
        .collect(Collectors.toMap(kv -> DiskCacheConf.PREFIX + kv._1(), Tuple2::_2));
  }

  /** Whether the user wants nothing on local disks that is not encrypted, and gave no key. */
  boolean lacksKey() {
    return encryption == null && context.getConf().getBoolean(IO_ENCRYPTION, false);
  }

  /** Whether results of memoised functions may be kept, which are not encrypted. */
  public boolean keepsMemo() {
    boolean keeps = encryption == null && !lacksKey();
    if (!keeps && !saidThatMemoIsOff.getAndSet(true)) {
      log.warn(
          "Memoised functions are called for every row: their results would not be encrypted, as"
              + " this cache is or has to be.");
    }
    return keeps;
  }

  /** Keeps the variable of the key out of Spark's event log, where executors are given it. */
  public static void redactKey(SparkConf conf, Settings settings) {
    String variable = settings.encryptionKey().env();
    if (!variable.isEmpty()) {
      SparkInternals.redact(conf, variable);
    }
  }

  /** Null if entries are plain. */
  @Nullable Encryption encryption() {
    return encryption;
  }

  /** Lets go of what this process holds for an RDD. */
  public static void release(int rddId) {
    OpenEntries.process().release(rddId);
  }

  /** Lets go of everything that an executor holds, and closes its stores: it ends. */
  public static void endExecutor() {
    OpenEntries.process().releaseAll();
    ProcessStores.end();
  }

  /**
   * Has something done once the last application of this process ends that uses the directory.
   *
   * @param what of several with the same name only the first counts
   */
  public void atEnd(String what, Runnable action) {
    atEnd.putIfAbsent(what, action);
  }

  SparkContext context() {
    return context;
  }

  /** The settings of the application; a session may override those of session scope. */
  public Settings settings() {
    return settings;
  }

  /** Run-bound sets that are being filled. */
  UnfinishedSets unfinished() {
    return unfinished;
  }

  /** Counters of this application. */
  public RelationCounters counters() {
    return counters;
  }

  /** Task times of the stages of this application. */
  StageCosts costs() {
    return costs;
  }

  StoreOptions storeOptions() {
    return settings.store();
  }

  /**
   * The store of this process.
   *
   * @throws StoreException with problem, cause and cure
   */
  public DiskStore store() throws StoreException {
    return ProcessStores.get(storeOptions());
  }

  /** The store of this process, if its directory can be used. */
  public Optional<DiskStore> findStore() {
    return ProcessStores.find(storeOptions());
  }

  /** Hosts that run tasks and cannot use their cache directories, and why. */
  public Map<String, String> hostsWithoutStore() {
    return ClusterDirectory.of(context)
        .map(ClusterDirectory::unusable)
        .orElseGet(
            () ->
                ProcessStores.problem(storeOptions())
                    .map(
                        reason ->
                            Map.of(SparkEnv.get().blockManager().blockManagerId().host(), reason))
                    .orElse(Map.of()));
  }

  /**
   * Whether the process has to have a store to keep a relation: on a cluster executors have theirs,
   * and the driver asks these.
   */
  public boolean needsStoreHere() {
    return ClusterDirectory.of(context).isEmpty();
  }

  /** The decision on a builder of Spark's; made once, so that a relation never changes sides. */
  Optional<Decision> decision(CachedRDDBuilder original) {
    return decisions.get(original);
  }

  void decide(CachedRDDBuilder original, Decision decision) {
    decisions.put(original, decision);
  }

  /** A label for one relation; wins over the session's. To be given before its first query. */
  public void tag(CachedRDDBuilder original, String tag) {
    tags.put(original, new CacheTag(tag));
  }

  Optional<String> tag(CachedRDDBuilder original) {
    return tags.get(original).map(CacheTag::value);
  }

  /**
   * The user's word for the opaque inputs of one relation. To be given before its first query.
   *
   * @throws IllegalArgumentException if the relation has another word, or has been used without
   */
  public void inputVersion(CachedRDDBuilder builder, String version) {
    synchronized (this) {
      boolean ours = builder instanceof DiskCachedRelationBuilder;
      String earlier =
          builder instanceof DiskCachedRelationBuilder kept
              ? kept.fingerprint().inputVersion()
              : inputVersions.get(builder).map(InputVersion::value).orElse("");
      if (earlier.equals(version)) {
        return;
      }
      if (ours || !earlier.isEmpty() || decision(builder).isPresent()) {
        throw new IllegalArgumentException(
            "Cannot give the input version '%s' to a DataFrame that is cached already %s: its rows may be others. Unpersist it first."
                .formatted(version, earlier.isEmpty() ? "without" : "under '" + earlier + "'"));
      }
      inputVersions.put(builder, new InputVersion(version));
    }
  }

  /** The user's word for the opaque inputs of a relation, if there is one. */
  Optional<OpaqueInputs> opaqueInputs(CachedRDDBuilder original) {
    return inputVersions
        .get(original)
        .map(version -> new OpaqueInputs(version.value(), original.logicalPlan(), this::claim));
  }

  /**
   * How the numbers of one relation are kept; wins over the session's settings. To be given before
   * its first query.
   *
   * @throws IllegalArgumentException if it is cached already and its numbers are kept otherwise
   */
  public void precision(CachedRDDBuilder builder, PrecisionPolicy policy) {
    synchronized (this) {
      Optional<PrecisionPolicy> earlier =
          builder instanceof DiskCachedRelationBuilder kept
              ? Optional.of(kept.fingerprint().precision())
              : precisions.get(builder);
      if (earlier.isPresent() ? !earlier.get().equals(policy) : decision(builder).isPresent()) {
        throw new IllegalArgumentException(
            "Cannot keep the numbers of a DataFrame with another precision: it is cached already. Unpersist it first.");
      }
      precisions.put(builder, policy);
    }
  }

  /** How the numbers of a relation are kept. */
  PrecisionPolicy precision(CachedRDDBuilder original, Settings ofSession) {
    return precisions.get(original).orElseGet(ofSession::precisionPolicy);
  }

  /** How old results of one relation may be when it is first read. */
  public void ttl(CachedRDDBuilder builder, Duration ttl) {
    if (builder instanceof DiskCachedRelationBuilder kept) {
      kept.ttl(ttl);
    } else {
      ttls.put(builder, ttl);
    }
  }

  /** Results from before it are older than that. */
  static Instant limit(Duration ttl) {
    boolean forEver = ttl.isZero() || ttl.compareTo(FOR_EVER) > 0;
    return forEver ? Instant.MIN : Instant.now().minus(ttl);
  }

  /** Zero for any age. */
  Duration ttl(CachedRDDBuilder original) {
    return ttls.get(original).orElse(Duration.ZERO);
  }

  /** Whether rows that this application holds of a relation are older than that. */
  public boolean isOlder(@Nullable CachedRDDBuilder builder, Duration ttl) {
    return builder instanceof DiskCachedRelationBuilder kept && kept.isOlderThan(limit(ttl));
  }

  private boolean claim(String function, String rdds) {
    String first = rddsOfFunctions.putIfAbsent(function, rdds);
    return first == null || first.equals(rdds);
  }

  /**
   * Lets go of relations. Spark keeps the listeners of a context that has ended until its sessions
   * are collected, and the plans of relations name these.
   */
  private void forget() {
    decisions.clear();
    tags.clear();
    inputVersions.clear();
    precisions.clear();
    ttls.clear();
    atEnd.clear();
  }

  private record CacheTag(String value) {}

  private record InputVersion(String value) {}

  private final class Lifecycle extends SparkListener {
    @Override
    public void onUnpersistRDD(SparkListenerUnpersistRDD event) {
      OpenEntries.process().release(event.rddId());
      unfinished.unpersisted(event.rddId());
    }

    @Override
    public void onJobStart(SparkListenerJobStart event) {
      Set<Integer> rdds = new HashSet<>();
      CollectionConverters.asJava(event.stageInfos())
          .forEach(
              stage ->
                  CollectionConverters.asJava(stage.rddInfos()).forEach(rdd -> rdds.add(rdd.id())));
      unfinished.jobStarted(event.jobId(), rdds);
    }

    @Override
    public void onJobEnd(SparkListenerJobEnd event) {
      unfinished.jobEnded(event.jobId(), event.jobResult() == JobSucceeded$.MODULE$);
    }

    @Override
    public void onApplicationEnd(SparkListenerApplicationEnd event) {
      unfinished.end();
      RemoteTier.closeAll(); // waits for what is still to be written
      synchronized (RUNNING) {
        RUNNING.remove(context);
        if (RUNNING.values().stream()
            .noneMatch(a -> a.settings.directory().equals(settings.directory()))) {
          OpenEntries.process().releaseAll();
          ProcessStores.close(settings.directory());
          atEnd.values().forEach(Runnable::run);
        }
      }
      forget();
    }
  }
}
