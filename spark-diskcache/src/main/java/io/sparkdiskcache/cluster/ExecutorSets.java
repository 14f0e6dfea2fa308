// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An executor's half of the run-bound sets that its tasks fill; the driver's is {@link SetFills}.
 * Questions and reports of tasks may be lost, because tasks are killed while they send them; the
 * executor's own thread reports the partitions that are stored and not reported.
 */
public final class ExecutorSets {
  private static final Logger log = LoggerFactory.getLogger(ExecutorSets.class);
  private static final long PUBLISHING_MILLIS = 10_000;

  private final DriverLink driver;
  private final StoreOptions options;
  private final Supplier<String> directory;
  private final PollSchedule schedule;

  /** A partition of a run-bound set that was published here. */
  private record Partition(String generation, int number) {}

  /** Partitions of which the tasks that published them could not tell, because they were killed. */
  private final Queue<Partition> untold = new ConcurrentLinkedQueue<>();

  /** The orders of the driver's last reply, by generation. */
  private Map<String, String> obeyed = Map.of();

  ExecutorSets(
      DriverLink driver, StoreOptions options, Supplier<String> directory, PollSchedule schedule) {
    this.driver = driver;
    this.options = options;
    this.directory = directory;
    this.schedule = schedule;
  }

  /** Whether this task may publish a partition of a run-bound set. */
  public boolean mayStore(String generation, int partition, int stageAttempt) {
    try {
      return Boolean.TRUE.equals(driver.ask("may", generation, partition, stageAttempt));
    } catch (Exception e) {
      driver.unanswered("A partition is not published", e);
      return false;
    }
  }

  /**
   * The driver's knowledge of stages below those of a run-bound set; empty if it does not answer.
   */
  public Optional<byte[]> below(String generation) {
    try {
      return Optional.of((byte[]) driver.ask("below", generation));
    } catch (Exception e) {
      driver.unanswered("Nothing is known of stages below", e);
      return Optional.empty();
    }
  }

  /**
   * A partition was published; the last one of a set waits until the set is.
   *
   * @return false if the set was given up meanwhile: the partition is to be removed
   */
  public boolean stored(String generation, int partition) {
    Object answer;
    try {
      answer = driver.ask("stored", generation, partition, directory.get());
    } catch (Exception e) {
      // A set that has been given up is to be removed all the same.
      untold.add(new Partition(generation, partition));
      driver.unanswered("The driver is told later of a partition", e);
      return true;
    } finally {
      schedule.hurry();
    }
    if (answer.equals(SetFills.Stored.LAST.name())) {
      awaitPublished(generation);
    }
    return !answer.equals(SetFills.Stored.TOO_LATE.name());
  }

  private void awaitPublished(String generation) {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PUBLISHING_MILLIS);
    try {
      while (!Boolean.TRUE.equals(driver.ask("over", generation)) && System.nanoTime() < deadline) {
        Thread.sleep(PollSchedule.TICK_MILLIS / 2);
      }
    } catch (Exception e) {
      driver.unanswered("A set may stay unpublished", e);
    }
  }

  /** A partition of a set is kept for the application only. */
  public void spoil(String generation) {
    try {
      driver.ask("spoil", generation);
    } catch (Exception e) {
      driver.unanswered("A set that stays unpublished may be waited for", e);
    }
  }

  boolean hasUntold() {
    return !untold.isEmpty();
  }

  /** Tells what tasks could not; one that came too late is removed by an order. */
  void tellOfPartitions() throws Exception {
    for (Partition of = untold.peek(); of != null; of = untold.peek()) {
      driver.ask("stored", of.generation, of.number, directory.get());
      boolean told = untold.remove(of);
      assert told;
    }
  }

  /** Carries out orders about generations that are not a set, and will perhaps be none. */
  void obey(Map<?, ?> orders) {
    Map<String, String> done = new HashMap<>();
    Optional<DiskStore> store = orders.isEmpty() ? Optional.empty() : driver.store();
    if (store.isPresent()) {
      orders.forEach(
          (generation, order) -> {
            Key of = new Key((String) generation);
            if (SetFills.Due.parse((String) order).order() == SetFills.Order.ABANDON) {
              store.get().abandon(of);
            } else {
              store.get().relinquish(of);
            }
            done.put((String) generation, (String) order);
          });
    }
    obeyed = done;
  }

  /** The last orders that have been carried out, for the driver. */
  Map<String, String> obeyed() {
    return obeyed;
  }

  /** Writes the part of this directory of a set that is whole. */
  @SuppressWarnings("unchecked") // as SetFills makes it
  void finish(Object[] command) throws Exception {
    String generation = (String) command[1];
    boolean written = false;
    try {
      List<Integer> members = Arrays.stream((int[]) command[3]).boxed().toList();
      written =
          ProcessStores.get(options)
              .completePart(
                  new Key((String) command[0]),
                  new Key(generation),
                  (Integer) command[2],
                  members,
                  new SetMeta(
                      (String) command[4], new TreeMap<>((Map<String, String>) command[5])));
    } catch (StoreException e) {
      driver
          .store()
          .ifPresentOrElse(
              store -> store.countError("Cannot publish a part of a set", e),
              () -> log.warn("A set is not published: {}", e.getMessage()));
    }
    driver.ask("finished", generation, directory.get(), written);
  }
}
