// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.cluster.ClusterDirectory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The run-bound sets of an application that are not complete, and when they are garbage.
 *
 * <p>A set is filled by the jobs that read its relation. While one runs, its entries are spared.
 * Once none does, the set may be completed by a later query, or never ({@code take(1)}): its
 * entries are the first to be evicted. If no job over the relation has succeeded, nobody has seen
 * its rows: it is removed, and the relation forgotten, so that the next query begins anew.
 * Unpersisting the relation and the end of the application remove it in any case.
 */
final class UnfinishedSets {
  /** The steps in the life of a set; none of them throws or takes long. */
  interface Unfinished {
    /** Jobs that fill it begin to run, or do not run any more. */
    void active(boolean running);

    /** It may yet be completed, and its entries may go. */
    void relinquish();

    /** It will not be completed. */
    void abandon();

    /** The relation is to be looked up anew. */
    void forget();

    /** Whether it has been published. */
    boolean isComplete();
  }

  /** A set that tasks of this process fill. */
  static Unfinished here(String generation, Runnable forget) {
    return new Unfinished() {
      @Override
      public void active(boolean running) {
        // Nobody is asked about it meanwhile.
      }

      @Override
      public void relinquish() {
        Generations.process().relinquish(generation);
      }

      @Override
      public void abandon() {
        Generations.process().abandon(generation);
      }

      @Override
      public void forget() {
        forget.run();
      }

      @Override
      public boolean isComplete() {
        return Generations.process().isComplete(generation);
      }
    };
  }

  /** A set that executors fill. */
  static Unfinished onCluster(ClusterDirectory cluster, String generation, Runnable forget) {
    return new Unfinished() {
      @Override
      public void active(boolean running) {
        cluster.active(generation, running);
      }

      @Override
      public void relinquish() {
        cluster.relinquish(generation);
      }

      @Override
      public void abandon() {
        cluster.abandon(generation);
      }

      @Override
      public void forget() {
        forget.run();
      }

      @Override
      public boolean isComplete() {
        return cluster.isPublished(generation);
      }
    };
  }

  private static final class Filling {
    private final Unfinished set;
    private final Set<Integer> jobs = new HashSet<>();
    private boolean shown;

    Filling(Unfinished set) {
      this.set = set;
    }
  }

  private final Map<Integer, Filling> byRdd = new HashMap<>();
  private final Map<Integer, List<Integer>> rddsOfJobs = new HashMap<>();

  synchronized void begin(int rddId, Unfinished set) {
    byRdd.put(rddId, new Filling(set));
  }

  /**
   * @param rdds all that its stages read
   */
  synchronized void jobStarted(int job, Set<Integer> rdds) {
    List<Integer> filled = new ArrayList<>();
    for (int rdd : rdds) {
      Filling filling = byRdd.get(rdd);
      if (filling != null) {
        filled.add(rdd);
        filling.jobs.add(job);
        if (filling.jobs.size() == 1) {
          filling.set.active(true);
        }
      }
    }
    if (!filled.isEmpty()) {
      rddsOfJobs.put(job, filled);
    }
  }

  synchronized void jobEnded(int job, boolean succeeded) {
    List<Integer> filled = rddsOfJobs.remove(job);
    for (int rdd : filled == null ? List.<Integer>of() : filled) {
      Filling filling = byRdd.get(rdd);
      if (filling != null) {
        filling.jobs.remove(job);
        filling.shown |= succeeded;
        if (filling.jobs.isEmpty()) {
          paused(rdd, filling);
        }
      }
    }
  }

  private void paused(int rdd, Filling filling) {
    filling.set.active(false);
    if (filling.set.isComplete()) {
      return;
    }
    if (filling.shown) {
      filling.set.relinquish();
    } else {
      byRdd.remove(rdd);
      filling.set.forget();
      filling.set.abandon();
    }
  }

  synchronized void unpersisted(int rddId) {
    Filling filling = byRdd.remove(rddId);
    if (filling != null) {
      filling.set.abandon();
    }
  }

  /** The application has ended. */
  synchronized void end() {
    byRdd.values().forEach(filling -> filling.set.abandon());
    byRdd.clear();
    rddsOfJobs.clear();
  }
}
