// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.internal.LegacyBehaviorPolicy;
import org.apache.spark.sql.internal.SQLConf;

/**
 * The settings rows depend on.
 *
 * <p>Many results depend on settings that are not in the plan ({@code legacy.timeParserPolicy},
 * {@code mapKeyDedupPolicy}, {@code caseSensitive}), and Spark does not say which. So every setting
 * that somebody set counts, unless it is on the ignore list; an unknown one costs hits, never a
 * wrong row. Time zone and ANSI mode always count: their defaults come from the JVM and the
 * environment.
 *
 * <p>Settings are read when rows are computed, not when they are planned. {@link #of} uses only
 * what Spark carries into tasks, so it can be computed again there: another digest means that the
 * rows are not those the key promises.
 */
@Internal
public final class ConfDigest {
  /**
   * Settings that say how to run, where, and as whom. Of those that shape a plan (broadcast
   * threshold, number of partitions) the plan itself is encoded. Spark switches the two of bucketed
   * scans and shuffle optimization when it plans a cached relation.
   */
  static final Set<String> IGNORED =
      Set.of(
          "spark.sql.autoBroadcastJoinThreshold",
          "spark.sql.cache.serializer",
          "spark.sql.debug.maxToStringFields",
          "spark.sql.defaultCacheStorageLevel",
          "spark.sql.dataset.queryExecution.id",
          "spark.sql.execution.id",
          "spark.sql.execution.query.id",
          "spark.sql.execution.root.id",
          "spark.sql.files.maxPartitionBytes",
          "spark.sql.files.maxPartitionNum",
          "spark.sql.files.minPartitionNum",
          "spark.sql.files.openCostInBytes",
          "spark.sql.leafNodeDefaultParallelism",
          "spark.sql.maxPlanStringLength",
          "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning",
          "spark.sql.shuffle.partitions",
          "spark.sql.sources.bucketing.autoBucketedScan.enabled",
          "spark.sql.warehouse.dir",
          "spark.cores.max",
          "spark.default.parallelism",
          // Listeners are told of queries; run ids and schedulers' names are told to them.
          "spark.extraListeners",
          "spark.logConf",
          "spark.sql.queryExecutionListeners",
          // Part of the keys of the Python functions whose rows depend on it.
          "spark.executorEnv.PYTHONHASHSEED",
          "spark.master",
          "spark.plugins",
          "spark.rdd.compress",
          "spark.serializer.objectStreamReset");

  /** Likewise these keys and all below them. */
  static final List<String> IGNORED_TREES =
      List.of(
          "spark.acls",
          "spark.admin",
          "spark.airflow",
          "spark.app",
          "spark.archives",
          "spark.authenticate",
          "spark.blockManager",
          "spark.broadcast",
          "spark.cleaner",
          "spark.connect",
          "spark.databricks.clusterUsageTags",
          "spark.databricks.env",
          "spark.databricks.job",
          "spark.databricks.notebook",
          "spark.databricks.workspace",
          "spark.databricks.workspaceUrl",
          "spark.datahub",
          "spark.dataproc",
          "spark.decommission",
          "spark.deploy",
          "spark.driver",
          "spark.dynamicAllocation",
          "spark.emr-containers",
          "spark.emr-serverless",
          "spark.emr.job",
          "spark.eventLog",
          "spark.executor",
          "spark.files",
          "spark.history",
          "spark.jars",
          "spark.job",
          "spark.jobGroup",
          "spark.kubernetes",
          "spark.livy",
          "spark.local",
          "spark.locality",
          "spark.log",
          "spark.memory",
          "spark.metrics",
          "spark.modify",
          "spark.network",
          "spark.openlineage",
          "spark.port",
          "spark.rdd.scope",
          "spark.redaction",
          "spark.repl",
          "spark.rpc",
          "spark.scheduler",
          "spark.shuffle",
          "spark.speculation",
          "spark.sql.adaptive",
          "spark.sql.codegen",
          "spark.sql.inMemoryColumnarStorage",
          "spark.sql.planChangeLog",
          "spark.sql.repl",
          "spark.sql.streaming",
          "spark.sql.thriftServer",
          "spark.sql.ui",
          "spark.ssl",
          "spark.stage",
          "spark.standalone",
          "spark.storage",
          "spark.submit",
          "spark.task",
          "spark.ui",
          "spark.yarn");

  /** Below ignored trees, but these decide which files and records are read. */
  static final Set<String> COUNTED =
      Set.of(
          "spark.files.ignoreCorruptFiles",
          "spark.files.ignoreMissingFiles",
          "spark.sql.streaming.fileStreamSink.ignoreMetadata");

  private static final String OWN_PREFIX = "spark.diskcache.";
  private static final String OWN_CONTENT_PREFIX = "spark.diskcache.precision";

  /** Who reads, not what is read; tokens differ in every application. */
  private static final Pattern CREDENTIAL =
      Pattern.compile("(?i)secret|passw|token(?!iz)|access[._-]?key|credential|private[._-]?key");

  /** Hadoop's settings come with hundreds of defaults; these choose and decode content. */
  private static final List<String> HADOOP_CONTENT =
      List.of(
          "parquet.",
          "orc.",
          "avro.",
          "io.compression.",
          "textinputformat.",
          "mapreduce.input.",
          "fs.defaultFS",
          "fs.viewfs.",
          "dfs.nameservices",
          "dfs.namenode.rpc-address");

  private static final String SPARK_PREFIX = "spark.";
  private static final String SPARK_SQL_PREFIX = "spark.sql.";

  private ConfDigest() {}

  /** The digest of the settings as tasks see them too; equal in driver and task. */
  public static byte[] of(SQLConf conf) {
    return digest(settings(conf));
  }

  /** {@link #of} and what is set besides Spark's own keys, which only the driver knows. */
  static byte[] ofSession(SQLConf conf) {
    return digest(settingsOfSession(conf));
  }

  /** The settings that count in {@link #ofSession}, by key. */
  static SortedMap<String, String> settingsOfSession(SQLConf conf) {
    SortedMap<String, String> all = settings(conf);
    IgnoredSettings ignored = ignored(conf);
    ScalaInterop.map(conf.getAllConfs())
        .forEach(
            (key, value) -> {
              if (!key.startsWith(SPARK_PREFIX)
                  && isRead(key)
                  && !CREDENTIAL.matcher(key).find()
                  && !ignored.matches(key)) {
                all.put(key, value);
              }
            });
    return all;
  }

  /**
   * Whether any code may read a key that is not Spark's. Such settings are no part of what tasks
   * get from a session; they reach rows as settings of Hadoop only, so that nothing reads those
   * whose first word no part of Hadoop, no file system and no file format begins a key with.
   */
  private static boolean isRead(String key) {
    int dot = key.indexOf('.');
    return key.startsWith("spark")
        || (dot < 0
            ? HadoopDefaults.KEYS.containsKey(key)
            : HadoopDefaults.FIRST_WORDS.contains(key.substring(0, dot)));
  }

  private static IgnoredSettings ignored(SQLConf conf) {
    return IgnoredSettings.of(conf.getConfString(IgnoredSettings.KEY, ""));
  }

  /** The settings that count, by key, with the resolved time zone and ANSI mode. */
  public static SortedMap<String, String> settings(SQLConf conf) {
    SortedMap<String, String> settings = new TreeMap<>();
    IgnoredSettings ignored = ignored(conf);
    ScalaInterop.map(conf.getAllConfs())
        .forEach(
            (key, value) -> {
              if (counts(key) && !ignored.matches(key)) {
                settings.put(key, value);
              }
            });
    // By its rules: an executor's own "Etc/UTC" is the driver's "UTC". Where the name shows in
    // rows, it is in the plan.
    ZoneId zone = DateTimeUtils.getZoneId(conf.sessionLocalTimeZone()).normalized();
    settings.put("spark.sql.session.timeZone", zone.getId());
    settings.put("spark.sql.ansi.enabled", Boolean.toString(conf.ansiEnabled()));
    return settings;
  }

  /** {@link #settings} as people may see them. */
  public static SortedMap<String, String> shown(SQLConf conf) {
    SortedMap<String, String> settings = settings(conf);
    settings.replaceAll(Redaction::shown);
    return settings;
  }

  /** Of file system and format settings, those that choose or decode content. */
  static byte[] ofHadoop(Configuration conf) {
    return digest(settingsOfHadoop(conf));
  }

  /** Those of {@link #ofHadoop} that are not as Hadoop has them by default, for people. */
  static SortedMap<String, String> changedInHadoop(Configuration conf) {
    SortedMap<String, String> changed = settingsOfHadoop(conf);
    changed.entrySet().removeIf(of -> of.getValue().equals(HadoopDefaults.KEYS.get(of.getKey())));
    return changed;
  }

  private static SortedMap<String, String> settingsOfHadoop(Configuration conf) {
    SortedMap<String, String> settings = new TreeMap<>();
    for (Map.Entry<String, String> entry : conf) {
      if (isHadoopContent(entry.getKey())) {
        settings.put(entry.getKey(), entry.getValue());
      }
    }
    return settings;
  }

  /** Refuses settings under which unreadable input is skipped in silence. */
  static void requireComplete(SQLConf conf, String place) {
    if (conf.ignoreCorruptFiles() || conf.ignoreMissingFiles()) {
      String key = conf.ignoreCorruptFiles() ? "ignoreCorruptFiles" : "ignoreMissingFiles";
      throw RefusedException.of(
          Refusal.Code.CONF,
          place,
          "spark.sql.files." + key + "=true may leave rows out; unset it to have them cached");
    }
  }

  /** Legacy parsers place two-digit years relative to the day they are made. */
  static boolean parsesRelativeToToday(SQLConf conf) {
    return conf.legacyTimeParserPolicy().equals(LegacyBehaviorPolicy.LEGACY());
  }

  private static boolean counts(String key) {
    if (COUNTED.contains(key)) {
      return true;
    }
    if (!key.startsWith(SPARK_PREFIX) || IGNORED.contains(key)) {
      return false;
    }
    if (key.startsWith(OWN_PREFIX)) {
      return key.startsWith(OWN_CONTENT_PREFIX);
    }
    for (String tree : IGNORED_TREES) {
      if (isIn(tree, key)) {
        return false;
      }
    }
    return key.startsWith(SPARK_SQL_PREFIX) || !CREDENTIAL.matcher(key).find();
  }

  /** Asked of more than a thousand keys for every fingerprint: a loop costs a third of a stream. */
  private static boolean isHadoopContent(String key) {
    for (String prefix : HADOOP_CONTENT) {
      if (key.startsWith(prefix)) {
        return true;
      }
    }
    return key.startsWith("fs.") && (key.endsWith(".endpoint") || key.endsWith(".impl"));
  }

  static boolean isIn(String tree, String key) {
    return key.startsWith(tree)
        && (key.length() == tree.length() || key.charAt(tree.length()) == '.');
  }

  static byte[] digest(SortedMap<String, String> settings) {
    CanonicalHasher hasher = new CanonicalHasher().putInt(settings.size());
    settings.forEach((key, value) -> hasher.putString(key).putString(value));
    return hasher.digest();
  }
}
