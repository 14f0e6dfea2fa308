// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.spark.ExecutorAllocationClient;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkContext$;
import org.apache.spark.SparkEnv;
import org.apache.spark.internal.config.package$;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerInterface;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.classic.Dataset;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.classic.SparkSession$;
import org.apache.spark.sql.execution.CacheManager;
import org.apache.spark.sql.execution.CachedData;
import org.apache.spark.sql.execution.CommandExecutionMode;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.execution.SQLExecution;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import org.apache.spark.sql.execution.columnar.InMemoryRelation$;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.storage.BlockManager;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.RDDBlockId;
import org.apache.spark.storage.StorageLevel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.jdk.javaapi.CollectionConverters;
import scala.jdk.javaapi.OptionConverters;

/** Spark 4.2's internals, by the thing wanted from them. */
@Internal
public final class SparkInternals {
  private static final Logger log = LoggerFactory.getLogger(SparkInternals.class);

  /** The version in which a plain Python UDF over columnar input never ends (SPARK-58241). */
  private static final String ARROW_UDF_HANG = "4.2.0";

  private static final String QUEUE = "diskcache";

  private static final String REDACTION = "spark.redaction.regex";

  private static final String DEFAULT_REDACTION =
      package$.MODULE$.SECRET_REDACTION_PATTERN().defaultValueString();

  private SparkInternals() {}

  /** Adds a listener that waits for no other one: it has a queue of events for itself. */
  public static void listen(SparkContext context, SparkListenerInterface listener) {
    context.listenerBus().addToQueue(listener, QUEUE);
  }

  /** Tells listeners of something, after all that has happened before. */
  public static void tellListeners(SparkContext context, SparkListenerEvent event) {
    context.listenerBus().post(event);
  }

  /** The same relation over another builder; statistics of the plan are carried over. */
  public static InMemoryRelation withBuilder(InMemoryRelation relation, CachedRDDBuilder builder) {
    InMemoryRelation swapped =
        new InMemoryRelation(relation.output(), builder, relation.outputOrdering());
    swapped.statsOfPlanToCache_$eq(relation.statsOfPlanToCache());
    return swapped;
  }

  /**
   * Replaces {@code original} by {@code builder} where Spark keeps its cached relations, so that
   * {@code unpersist}, {@code CLEAR CACHE}, {@code REFRESH TABLE} and writes into a table reach the
   * new builder and not the one it stands for. Spark has no public call for it. Where the field
   * cannot be reached the builder still serves the plans it was put into, but is withdrawn only
   * when it is garbage.
   */
  @SuppressWarnings("ReferenceEquality") // this very builder; equal ones may hold other data
  public static void replaceInCacheManager(
      CacheManager manager, CachedRDDBuilder original, CachedRDDBuilder builder) {
    try {
      Field field = CacheManager.class.getDeclaredField("cachedData");
      field.setAccessible(true);
      // The monitor under which CacheManager itself updates the field.
      synchronized (manager) {
        List<CachedData> swapped = new ArrayList<>();
        boolean found = false;
        for (Object element : CollectionConverters.asJava((IndexedSeq<?>) field.get(manager))) {
          CachedData data = (CachedData) element;
          if (data.cachedRepresentation().cacheBuilder() == original) {
            found = true;
            data = new CachedData(data.plan(), withBuilder(data.cachedRepresentation(), builder));
          }
          swapped.add(data);
        }
        if (found) {
          field.set(manager, CollectionConverters.asScala(swapped).toIndexedSeq());
        }
      }
    } catch (ReflectiveOperationException | RuntimeException e) {
      log.warn(
          "Cannot put a disk-cached relation into Spark's CacheManager: {}. Queries are served from"
              + " the SSD all the same; unpersist() frees the relation only after a garbage"
              + " collection. Use a Spark version that this release was built for.",
          e.toString());
    }
  }

  /**
   * Tells Spark's scheduler that this process holds a partition, so that it skips the stages below
   * it and sends the tasks here. Withdrawn by {@code rdd.unpersist()}.
   */
  public static void announce(int rddId, int partition, long bytes) {
    BlockManager blocks = SparkEnv.get().blockManager();
    BlockUpdates.announce(
        blocks.master(), blocks.blockManagerId(), new RDDBlockId(rddId, partition), bytes);
  }

  /** Tells Spark's scheduler that an executor holds a partition, as {@link #announce} does. */
  public static void announceAt(BlockManagerId executor, int rddId, int partition, long bytes) {
    BlockUpdates.announce(
        SparkEnv.get().blockManager().master(), executor, new RDDBlockId(rddId, partition), bytes);
  }

  /** Whether a plan is a recursive query, which Spark has since 4.1. */
  public static boolean isRecursion(SparkPlan plan) {
    return plan.getClass().getName().equals("org.apache.spark.sql.execution.UnionLoopExec");
  }

  /** The executors that are alive, the driver left out. */
  public static List<BlockManagerId> executors(SparkContext context) {
    List<BlockManagerId> executors = new ArrayList<>();
    for (BlockManagerId id :
        CollectionConverters.asJava(context.env().blockManager().master().getMemoryStatus())
            .keySet()) {
      if (!id.isDriver()) {
        executors.add(id);
      }
    }
    return executors;
  }

  /**
   * Asks the cluster manager for so many executors in all, where it can on these hosts. Spark's
   * dynamic allocation asks anew by its own count with the next tasks.
   *
   * @param tasksByHost how many tasks would be local there
   */
  public static void requestExecutors(
      SparkContext context, int total, Map<String, Integer> tasksByHost) {
    if (context.schedulerBackend() instanceof ExecutorAllocationClient client) {
      Object profile = ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID();
      Object tasks = tasksByHost.values().stream().mapToInt(Integer::intValue).sum();
      client.requestTotalExecutors(
          immutable(Map.of(profile, (Object) total)),
          immutable(Map.of(profile, tasks)),
          immutable(Map.of(profile, immutable(new HashMap<String, Object>(tasksByHost)))));
    }
  }

  private static <K, V> scala.collection.immutable.Map<K, V> immutable(Map<K, V> map) {
    return scala.collection.immutable.Map$.MODULE$.from(CollectionConverters.asScala(map));
  }

  /** The rows of a frame as its plan makes them. */
  public static RDD<InternalRow> internalRows(org.apache.spark.sql.Dataset<Row> df) {
    return ((Dataset<Row>) df).queryExecution().toRdd();
  }

  /** A frame of rows that are those of another one. */
  public static org.apache.spark.sql.Dataset<Row> ofRows(
      org.apache.spark.sql.Dataset<Row> like, RDD<InternalRow> rows) {
    return ((SparkSession) like.sparkSession()).internalCreateDataFrame(rows, like.schema(), false);
  }

  /** Lets Spark's own cleaner unpersist {@code rdd} once nothing refers to it any more. */
  public static void unpersistWhenGarbage(SparkContext context, RDD<?> rdd) {
    if (context.cleaner().isDefined()) {
      context.cleaner().get().registerRDDForCleanup(rdd);
    }
  }

  /** The running application's context. */
  public static Optional<SparkContext> activeContext() {
    return OptionConverters.toJava(SparkContext$.MODULE$.getActive());
  }

  /** The relation that {@code df.cache()} would make, known to nobody. */
  public static InMemoryRelation hypotheticalRelation(Dataset<?> df) {
    SparkSession session =
        SparkSession$.MODULE$.getOrCloneSessionWithConfigsOff(
            df.sparkSession(),
            CollectionConverters.asScala(List.of(SQLConf.AUTO_BUCKETED_SCAN_ENABLED())).toSeq());
    return session.withActive(
        () ->
            InMemoryRelation$.MODULE$.apply(
                StorageLevel.MEMORY_AND_DISK(),
                session
                    .sessionState()
                    .executePlan(
                        df.queryExecution().commandExecuted(), CommandExecutionMode.SKIP()),
                Option.empty()));
  }

  /**
   * The plan of a query with its cached relations, as a query that is made now would have it. A
   * Dataset keeps the plan it is asked for first: asking the given one would take from it what is
   * cached later.
   */
  public static LogicalPlan withCachedRelations(Dataset<?> df) {
    return df.sparkSession()
        .sessionState()
        .executePlan(df.queryExecution().commandExecuted(), CommandExecutionMode.SKIP())
        .withCachedData();
  }

  /** The settings of the frame's own session. */
  public static SQLConf conf(Dataset<?> df) {
    return df.sparkSession().sessionState().conf();
  }

  /**
   * Whether columnar output would make plain Python UDFs of this application hang. PySpark sets a
   * serializer option that hardly anybody else sets; a Connect server runs its clients' functions.
   */
  public static boolean columnarOutputHangsPython(SparkContext context) {
    return context.version().equals(ARROW_UDF_HANG)
        && (context.getConf().contains("spark.serializer.objectStreamReset")
            || context.getConf().get("spark.plugins", "").contains("SparkConnectPlugin")
            || System.getProperty("sun.java.command", "").contains("SparkConnectServer"));
  }

  /**
   * Who writes what the calling thread's query makes: the application and, after a slash, the
   * session whose query it is. Spark plans cached relations in copies of sessions, which only the
   * execution leads back to the one that was asked.
   */
  public static String writer(SparkContext context) {
    String execution = context.getLocalProperty(SQLExecution.EXECUTION_ROOT_ID_KEY());
    if (execution == null) {
      execution = context.getLocalProperty(SQLExecution.EXECUTION_ID_KEY());
    }
    QueryExecution query =
        execution == null ? null : SQLExecution.getQueryExecution(Long.parseLong(execution));
    String session =
        query != null
            ? query.sparkSession().sessionUUID()
            : OptionConverters.toJava(SparkSession$.MODULE$.getActiveSession())
                .map(SparkSession::sessionUUID)
                .orElse("");
    return context.applicationId() + "/" + session;
  }

  /**
   * Adds a name to those whose values Spark leaves out of its event log and its pages. Effective
   * before the application has begun, that is in a plugin.
   */
  public static void redact(SparkConf conf, String name) {
    String before = conf.get(REDACTION, DEFAULT_REDACTION);
    if (!Pattern.compile(before).matcher(name).find()) {
      conf.set(REDACTION, before + "|" + Pattern.quote(name));
    }
  }
}
