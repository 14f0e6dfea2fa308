// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The run-bound sets that the executors of this application are filling; see the package. */
final class SetFills {
  private static final Logger log = LoggerFactory.getLogger(SetFills.class);

  private enum State {
    FILLING,
    CHECKING,
    FINISHING,
    DONE,
    DEAD
  }

  private final Map<String, Fill> fills = new HashMap<>();
  private final ExecutorService checks =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "diskcache-set-checks");
            thread.setDaemon(true);
            return thread;
          });

  synchronized void begin(
      Key partKey,
      Key generation,
      int partitions,
      SetMeta meta,
      Supplier<byte[]> below,
      BooleanSupplier mayPublish,
      Runnable published) {
    fills.put(generation.hex(), new Fill(partKey, partitions, meta, below, mayPublish, published));
  }

  /**
   * What the driver knows of stages below, as the relation encodes it; nothing of a set that died.
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
      fill.state = State.DEAD;
      return false;
    }
    fill.granted.set(partition);
    return true;
  }

  /** A partition is in a directory; the last one starts the check. */
  synchronized boolean stored(String generation, int partition, String directory) {
    Fill fill = fills.get(generation);
    if (fill == null || fill.state != State.FILLING) {
      return false;
    }
    fill.members.computeIfAbsent(directory, d -> new TreeSet<>()).add(partition);
    int stored = fill.members.values().stream().mapToInt(Set::size).sum();
    if (stored < fill.partitions) {
      return false;
    }
    fill.state = State.CHECKING;
    checks.execute(() -> check(fill));
    return true;
  }

  private void check(Fill fill) {
    boolean mayPublish = false;
    try {
      mayPublish = fill.mayPublish.getAsBoolean();
    } catch (RuntimeException e) {
      log.warn("Cannot tell whether a set may be published: {}", e.toString());
    }
    synchronized (this) {
      fill.state = mayPublish ? State.FINISHING : State.DEAD;
    }
  }

  /** What a directory is to write: for each set an array for {@link ExecutorInventory}. */
  synchronized List<Object[]> toFinish(String directory) {
    List<Object[]> commands = new ArrayList<>();
    fills.forEach(
        (generation, fill) -> {
          Set<Integer> members = fill.members.get(directory);
          if (fill.state == State.FINISHING
              && members != null
              && !fill.finished.contains(directory)) {
            commands.add(
                new Object[] {
                  fill.partKey.hex(),
                  generation,
                  fill.partitions,
                  members.stream().mapToInt(Integer::intValue).toArray(),
                  fill.meta.description(),
                  new HashMap<>(fill.meta.components())
                });
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
      fill.state = State.DEAD;
      return;
    }
    fill.finished.add(directory);
    if (fill.finished.containsAll(fill.members.keySet())) {
      fill.state = State.DONE;
      fill.published.run();
      fills.remove(generation);
    }
  }

  /** Whether a directory has partitions of a set that may yet be published. */
  synchronized boolean isFilling(String directory) {
    return fills.values().stream()
        .anyMatch(fill -> fill.state != State.DEAD && fill.members.containsKey(directory));
  }

  /** Whether nothing more is to come of it. */
  synchronized boolean isOver(String generation) {
    Fill fill = fills.get(generation);
    if (fill != null && fill.state == State.DEAD) {
      fills.remove(generation);
      return true;
    }
    return fill == null;
  }

  void close() {
    checks.shutdownNow();
  }

  private static final class Fill {
    private final Key partKey;
    private final int partitions;
    private final SetMeta meta;
    private final Supplier<byte[]> below;
    private final BooleanSupplier mayPublish;
    private final Runnable published;
    private final BitSet granted = new BitSet();
    private final Map<String, Set<Integer>> members = new HashMap<>();
    private final Set<String> finished = new HashSet<>();
    private State state = State.FILLING;

    Fill(
        Key partKey,
        int partitions,
        SetMeta meta,
        Supplier<byte[]> below,
        BooleanSupplier mayPublish,
        Runnable published) {
      this.partKey = partKey;
      this.partitions = partitions;
      this.meta = meta;
      this.below = below;
      this.mayPublish = mayPublish;
      this.published = published;
    }
  }
}
