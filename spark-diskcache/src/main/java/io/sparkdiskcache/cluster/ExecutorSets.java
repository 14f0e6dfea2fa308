// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
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
@Internal
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
  private Map<String, SetFills.Due> obeyed = Map.of();

  ExecutorSets(
      DriverLink driver, StoreOptions options, Supplier<String> directory, PollSchedule schedule) {
    this.driver = driver;
    this.options = options;
    this.directory = directory;
    this.schedule = schedule;
  }

  /** Whether this task may publish a partition of a run-bound set. */
  public boolean mayStore(String generation, int partition, int stageAttempt) {
    return driver.ask(
        new Message.MayStore(generation, partition, stageAttempt),
        "A partition is not published",
        false);
  }

  /**
   * The driver's knowledge of stages below those of a run-bound set; empty if it does not answer.
   */
  public Optional<byte[]> below(String generation) {
    try {
      return Optional.of(driver.ask(new Message.Below(generation)));
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
    SetFills.Stored answer;
    try {
      answer = driver.ask(new Message.Stored(generation, partition, directory.get()));
    } catch (Exception e) {
      // A set that has been given up is to be removed all the same.
      untold.add(new Partition(generation, partition));
      driver.unanswered("The driver is told later of a partition", e);
      return true;
    } finally {
      schedule.hurry();
    }
    if (answer == SetFills.Stored.LAST) {
      awaitPublished(generation);
    }
    return answer != SetFills.Stored.TOO_LATE;
  }

  private void awaitPublished(String generation) {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PUBLISHING_MILLIS);
    try {
      while (!driver.ask(new Message.IsOver(generation)) && System.nanoTime() < deadline) {
        Thread.sleep(PollSchedule.TICK_MILLIS / 2);
      }
    } catch (Exception e) {
      driver.unanswered("A set may stay unpublished", e);
    }
  }

  /** A partition of a set is kept for the application only. */
  public void spoil(String generation) {
    boolean unused =
        driver.ask(
            new Message.Spoil(generation), "A set that stays unpublished may be waited for", false);
  }

  boolean hasUntold() {
    return !untold.isEmpty();
  }

  /** Tells what tasks could not; one that came too late is removed by an order. */
  void tellOfPartitions() throws Exception {
    for (Partition of = untold.peek(); of != null; of = untold.peek()) {
      var unused = driver.ask(new Message.Stored(of.generation, of.number, directory.get()));
      boolean told = untold.remove(of);
      assert told;
    }
  }

  /** Carries out orders about generations that are not a set, and will perhaps be none. */
  void obey(Map<String, SetFills.Due> orders) {
    Map<String, SetFills.Due> done = new HashMap<>();
    Optional<DiskStore> store = orders.isEmpty() ? Optional.empty() : driver.store();
    if (store.isPresent()) {
      orders.forEach(
          (generation, order) -> {
            Key of = new Key(generation);
            if (order.order() == SetFills.Order.ABANDON) {
              store.get().sets().abandon(of);
            } else {
              store.get().sets().relinquish(of);
            }
            done.put(generation, order);
          });
    }
    obeyed = done;
  }

  /** The last orders that have been carried out, for the driver. */
  Map<String, SetFills.Due> obeyed() {
    return obeyed;
  }

  /** Writes the part of this directory of a set that is whole. */
  void finish(Message.Finish order) throws Exception {
    boolean written = false;
    try {
      List<Integer> members = Arrays.stream(order.members()).boxed().toList();
      written =
          ProcessStores.get(options)
              .sets()
              .completePart(
                  new Key(order.partKey()),
                  new Key(order.generation()),
                  order.partitions(),
                  members,
                  order.meta());
    } catch (StoreException e) {
      driver
          .store()
          .ifPresentOrElse(
              store -> store.countError("Cannot publish a part of a set", e),
              () -> log.warn("A set is not published: {}", e.getMessage()));
    }
    boolean unused = driver.ask(new Message.Finished(order.generation(), directory.get(), written));
  }
}
