// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.shim.SparkInternals;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.apache.spark.ShuffleDependency;
import org.apache.spark.SparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerStageCompleted;
import org.apache.spark.scheduler.StageInfo;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The task time of the stages that this application has run, so that a relation can tell what a hit
 * of it makes unnecessary: the stages whose shuffles it reads, and the jobs that executing its plan
 * has started, for broadcast sides, for subqueries and for stages of adaptive execution. A stage
 * that serves two relations counts for both. So does a cached relation below that is computed in a
 * job of this execution; one that was computed before counts for itself only.
 *
 * <p>Spark tells listeners of stages some time after they have ended, in order. Whoever asks waits,
 * for {@value #MAX_WAIT_MILLIS} ms at most, until all that has happened before has been told; a
 * cost that is not known by then is too low and nothing else.
 */
final class StageCosts extends SparkListener {
  private static final int MAX_WAIT_MILLIS = 200;
  private static final String BUILD = "spark.diskcache.build";

  /** Remembered, those that were announced last; 30 bytes each. */
  private static final int MAX_STAGES = 10_000;

  private final SparkContext context;
  private final AtomicLong builds = new AtomicLong();
  private final Map<Integer, Stage> stages =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Stage> eldest) {
          return size() > MAX_STAGES;
        }
      };

  /**
   * A stage of some job.
   *
   * @param shuffle that it writes; negative if it writes none
   * @param build that its first job was started by, or empty
   * @param millis that its tasks have run
   */
  private record Stage(int shuffle, String build, long millis) {}

  private StageCosts(SparkContext context) {
    this.context = context;
  }

  /** Those of an application, from now on. */
  static StageCosts of(SparkContext context) {
    StageCosts costs = new StageCosts(context);
    SparkInternals.listen(context, costs);
    return costs;
  }

  /**
   * One execution of a plan. Its jobs are those that {@link #run} starts, on its own thread or on
   * Spark's threads for broadcasts and subqueries.
   */
  final class Build {
    private final String id = Long.toString(builds.incrementAndGet());
    private long start = System.nanoTime();

    /** Executes the plan; another relation that is executed in it has its own jobs. */
    <T> T run(Supplier<T> execution) {
      start = System.nanoTime();
      String outer = context.getLocalProperty(BUILD);
      context.setLocalProperty(BUILD, id);
      try {
        return execution.get();
      } finally {
        context.setLocalProperty(BUILD, outer);
      }
    }

    /** The task time of its jobs until now, and of the stages that have written the shuffles. */
    Duration below(Set<Integer> shuffles) {
      return sum(shuffles, id);
    }

    /** Wall time since the execution has begun. */
    Duration wall() {
      return Duration.ofNanos(System.nanoTime() - start);
    }
  }

  /** For a plan that is to be executed. */
  Build build() {
    return new Build();
  }

  /** The shuffles that an RDD is computed from, but for those below other relations. */
  static Set<Integer> shuffles(RDD<?> rdd) {
    Set<Integer> shuffles = new HashSet<>();
    Set<Integer> seen = new HashSet<>();
    Queue<RDD<?>> next = new ArrayDeque<>();
    next.add(rdd);
    while (!next.isEmpty()) {
      RDD<?> current = next.remove();
      if (!seen.add(current.id()) || current instanceof DiskCachedRDD) {
        continue;
      }
      CollectionConverters.asJava(current.dependencies())
          .forEach(
              dependency -> {
                if (dependency instanceof ShuffleDependency<?, ?, ?> shuffle) {
                  shuffles.add(shuffle.shuffleId());
                }
                next.add(dependency.rdd());
              });
    }
    return shuffles;
  }

  private Duration sum(Set<Integer> shuffles, String build) {
    catchUp();
    synchronized (stages) {
      return Duration.ofMillis(
          stages.values().stream()
              .filter(s -> shuffles.contains(s.shuffle) || s.build.equals(build))
              .mapToLong(Stage::millis)
              .sum());
    }
  }

  private void catchUp() {
    Told told = new Told();
    SparkInternals.tellListeners(context, told);
    try {
      boolean unused = told.all.await(MAX_WAIT_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Comes after all that has happened before. */
  private static final class Told implements SparkListenerEvent {
    private final CountDownLatch all = new CountDownLatch(1);

    /** Kept out of Spark's event log. */
    @Override
    public boolean logEvent() {
      return false;
    }
  }

  @Override
  public void onJobStart(SparkListenerJobStart event) {
    String build = event.properties() == null ? "" : event.properties().getProperty(BUILD, "");
    synchronized (stages) {
      CollectionConverters.asJava(event.stageInfos())
          .forEach(
              stage -> stages.putIfAbsent(stage.stageId(), new Stage(shuffle(stage), build, 0)));
    }
  }

  @Override
  public void onStageCompleted(SparkListenerStageCompleted event) {
    StageInfo stage = event.stageInfo();
    if (stage.failureReason().isEmpty() && stage.taskMetrics() != null) {
      long millis = stage.taskMetrics().executorRunTime();
      synchronized (stages) {
        stages.computeIfPresent(
            stage.stageId(), (id, s) -> new Stage(s.shuffle, s.build, s.millis + millis));
      }
    }
  }

  @Override
  public void onOtherEvent(SparkListenerEvent event) {
    if (event instanceof Told told) {
      told.all.countDown();
    }
  }

  private static int shuffle(StageInfo stage) {
    return stage.shuffleDepId().isDefined() ? (Integer) stage.shuffleDepId().get() : -1;
  }
}
