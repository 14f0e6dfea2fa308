// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.Threads;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The run-bound sets that the executors of this application are filling; see the package.
 *
 * <p>Executors ask now and then for what there is to do, and quickly only where something may be
 * soon: while a job fills a set, or while the parts of a whole one are written. A spoilt or paused
 * set is the first to be evicted; a set that is given up is removed by any executor of each
 * directory.
 */
final class SetFills {
  private static final Logger log = LoggerFactory.getLogger(SetFills.class);

  private enum State {
    FILLING,
    CHECKING,
    FINISHING,
    DEAD
  }

  /** An order to a directory about the entries of a generation that is no set. */
  enum Order {
    RELINQUISH,
    ABANDON
  }

  /** Generations whose sets have been published, as long as their relations are in use. */
  private final Set<String> published = new HashSet<>();

  /**
   * An order as executors are told it and say that they have obeyed it.
   *
   * @param number of the order; another with the same words is another order
   */
  record Due(Order order, long number) {}

  /** By directory and generation, until they have been obeyed. */
  private final Map<String, Map<String, Due>> orders = new HashMap<>();

  private long ordersGiven;

  private final Map<String, Fill> fills = new HashMap<>();
  private final ExecutorService checks =
      Executors.newSingleThreadExecutor(task -> Threads.daemon(task, "diskcache-set-checks"));

  synchronized void begin(
      Key partKey,
      Key generation,
      int partitions,
      Supplier<SetMeta> meta,
      Supplier<byte[]> below,
      BooleanSupplier mayPublish,
      Consumer<SetMeta> whenPublished) {
    fills.put(
        generation.hex(), new Fill(partKey, partitions, meta, below, mayPublish, whenPublished));
  }

  /** Who is told if a directory could not write its part of a set: the set is not published. */
  synchronized void whenUnwritten(String generation, Consumer<String> then) {
    Fill fill = fills.get(generation);
    if (fill != null) {
      fill.unwritten = then;
    }
  }

  /**
   * The driver's knowledge of stages below, as the relation encodes it; nothing of a set that died.
   */
  byte[] below(String generation) {
    Fill fill;
    synchronized (this) {
      fill = fills.get(generation);
    }
    return fill == null
        ? new byte[0]
        : fill.below.get(); // nothing: the relation takes it for unknown
  }

  /** Whether a task may publish a partition of that generation: once. */
  synchronized boolean mayStore(String generation, int partition, int stageAttempt) {
    Fill fill = fills.get(generation);
    if (fill == null || fill.state != State.FILLING) {
      return false;
    }
    if (stageAttempt > 0 || fill.granted.get(partition)) {
      log.info("Generation {} is not published: partition {} ran twice.", generation, partition);
      die(generation, fill);
      return false;
    }
    fill.granted.set(partition);
    return true;
  }

  /** The fate of a partition that was stored. */
  enum Stored {
    /** It is one of many. */
    COUNTED,
    /** It was the last: the set is about to be published. */
    LAST,
    /** The set has been given up: the partition is to be removed. */
    TOO_LATE
  }

  /** A partition is in a directory; the last one starts the check. */
  synchronized Stored stored(String generation, int partition, String directory) {
    Fill fill = fills.get(generation);
    if (fill == null && published.contains(generation)) {
      return Stored.COUNTED; // told a second time
    }
    if (fill == null) {
      order(directory, generation, Order.ABANDON); // the task may not live to see the answer
      return Stored.TOO_LATE;
    }
    fill.members.computeIfAbsent(directory, d -> new TreeSet<>()).add(partition);
    if (fill.state == State.DEAD) {
      order(directory, generation, Order.RELINQUISH);
    }
    if (fill.state != State.FILLING) {
      return Stored.COUNTED;
    }
    int stored = fill.members.values().stream().mapToInt(Set::size).sum();
    if (stored < fill.partitions) {
      return Stored.COUNTED;
    }
    fill.state = State.CHECKING;
    checks.execute(() -> check(generation, fill));
    return Stored.LAST;
  }

  /** A partition is kept for the application only: the set will not be whole. */
  synchronized void spoil(String generation) {
    Fill fill = fills.get(generation);
    if (fill != null && fill.state == State.FILLING) {
      die(generation, fill);
    }
  }

  private void die(String generation, Fill fill) {
    fill.state = State.DEAD;
    fill.members.keySet().forEach(directory -> order(directory, generation, Order.RELINQUISH));
  }

  private void order(String directory, String generation, Order order) {
    orders
        .computeIfAbsent(directory, d -> new HashMap<>())
        .put(generation, new Due(order, ++ordersGiven));
  }

  /** Whether jobs that fill the set are running. */
  synchronized void active(String generation, boolean running) {
    Fill fill = fills.get(generation);
    if (fill != null) {
      fill.active = running;
    }
  }

  /** No job fills it now: its entries need not be spared. */
  synchronized void relinquish(String generation) {
    Fill fill = fills.get(generation);
    if (fill != null && (fill.state == State.FILLING || fill.state == State.DEAD)) {
      fill.members.keySet().forEach(directory -> order(directory, generation, Order.RELINQUISH));
    }
  }

  /** Its relation is gone; one that is whole is published all the same. */
  synchronized void abandon(String generation) {
    boolean unused = published.remove(generation);
    Fill fill = fills.get(generation);
    if (fill != null && (fill.state == State.FILLING || fill.state == State.DEAD)) {
      fill.members.keySet().forEach(directory -> order(directory, generation, Order.ABANDON));
      fills.remove(generation);
    } else if (fill != null) {
      fill.orphaned = true;
    }
  }

  synchronized boolean isPublished(String generation) {
    return published.contains(generation);
  }

  /** The orders for a directory, by generation; each is told until it is {@link #obeyed}. */
  synchronized Map<String, Due> orders(String directory) {
    return Map.copyOf(orders.getOrDefault(directory, Map.of()));
  }

  /** A directory has done what it was told; another order may have come meanwhile. */
  synchronized void obeyed(String directory, Map<String, Due> done) {
    Map<String, Due> due = orders.get(directory);
    if (due != null) {
      done.forEach(due::remove);
      if (due.isEmpty()) {
        orders.remove(directory);
      }
    }
  }

  /** Nobody is left there to do anything. */
  synchronized void gone(String directory) {
    orders.remove(directory);
  }

  private void check(String generation, Fill fill) {
    SetMeta meta = null;
    try {
      if (fill.mayPublish.getAsBoolean()) {
        meta = fill.meta.get();
      }
    } catch (RuntimeException | LinkageError | StackOverflowError e) {
      log.warn("A set is not published: it cannot be told whether it may be.", e);
    } finally { // whatever it was: executors wait for the answer
      synchronized (this) {
        if (meta != null) {
          fill.published = meta;
          fill.state = State.FINISHING;
        } else {
          over(generation, fill);
        }
      }
    }
  }

  /** The parts that a directory is to write. */
  synchronized List<Message.Finish> toFinish(String directory) {
    List<Message.Finish> commands = new ArrayList<>();
    fills.forEach(
        (generation, fill) -> {
          Set<Integer> members = fill.members.get(directory);
          SetMeta meta = fill.published;
          if (fill.state == State.FINISHING
              && meta != null
              && members != null
              && !fill.finished.contains(directory)) {
            commands.add(
                new Message.Finish(
                    fill.partKey.hex(),
                    generation,
                    fill.partitions,
                    members.stream().mapToInt(Integer::intValue).toArray(),
                    meta.description(),
                    new HashMap<>(meta.components()),
                    meta.below().toNanos(),
                    meta.fill().toNanos()));
          }
        });
    return commands;
  }

  /** A directory has written its part, or could not. */
  synchronized void finished(String generation, String directory, boolean written) {
    Fill fill = fills.get(generation);
    if (fill == null || fill.state != State.FINISHING) {
      return;
    }
    if (!written) {
      fill.unwritten.accept(directory);
      over(generation, fill);
      return;
    }
    fill.finished.add(directory);
    if (fill.finished.containsAll(fill.members.keySet())) {
      fill.whenPublished.accept(Objects.requireNonNull(fill.published));
      fills.remove(generation);
      if (!fill.orphaned) {
        published.add(generation);
      }
    }
  }

  /** A whole set that is not published after all. */
  private void over(String generation, Fill fill) {
    die(generation, fill);
    if (fill.orphaned) {
      abandon(generation);
    }
  }

  /** Whether a directory has partitions of a set for which there may be something to do soon. */
  synchronized boolean isFilling(String directory) {
    return fills.values().stream()
        .anyMatch(
            fill ->
                (fill.state == State.FILLING ? fill.active : fill.state != State.DEAD)
                    && fill.members.containsKey(directory));
  }

  /** Whether nothing more is to come of it. */
  synchronized boolean isOver(String generation) {
    Fill fill = fills.get(generation);
    return fill == null || fill.state == State.DEAD;
  }

  void close() {
    checks.shutdownNow();
  }

  private static final class Fill {
    private final Key partKey;
    private final int partitions;
    private final Supplier<SetMeta> meta;
    private final Supplier<byte[]> below;
    private final BooleanSupplier mayPublish;
    private final Consumer<SetMeta> whenPublished;
    private final BitSet granted = new BitSet();
    private final Map<String, Set<Integer>> members = new HashMap<>();
    private final Set<String> finished = new HashSet<>();
    private Consumer<String> unwritten = directory -> {};
    private State state = State.FILLING;

    /** True at first: the job that is about to fill it is announced a little later. */
    private boolean active = true;

    /** As it is published, once that is decided. */
    private @Nullable SetMeta published;

    /** Its relation is gone. */
    private boolean orphaned;

    Fill(
        Key partKey,
        int partitions,
        Supplier<SetMeta> meta,
        Supplier<byte[]> below,
        BooleanSupplier mayPublish,
        Consumer<SetMeta> whenPublished) {
      this.partKey = partKey;
      this.partitions = partitions;
      this.meta = meta;
      this.below = below;
      this.mayPublish = mayPublish;
      this.whenPublished = whenPublished;
    }
  }
}
