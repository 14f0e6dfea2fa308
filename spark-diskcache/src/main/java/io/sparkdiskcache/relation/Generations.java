// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The run-bound sets that this process is computing. A set is published whole, by the task that
 * stores the last of its partitions, and only if all of them come from one run: a partition
 * computed twice, or in a repeated stage, spoils the generation.
 */
final class Generations {
  private static final Generations PROCESS = new Generations();

  private final Map<String, Filling> filling = new HashMap<>();

  static Generations process() {
    return PROCESS;
  }

  /**
   * Registers a generation; {@code below} tells of functions of other tasks, {@code publish} runs
   * once, in the task that stores the last partition.
   */
  synchronized void begin(
      String generation, int partitions, Supplier<Findings> below, Runnable publish) {
    filling.put(generation, new Filling(partitions, below, publish));
  }

  /** What is known of the functions of the stages below, once those have run. */
  Findings below(String generation) {
    Filling state;
    synchronized (this) {
      state = filling.get(generation);
    }
    return state == null ? Findings.NONE : state.below.get(); // none: it is never published
  }

  /** A partition was published under the generation. */
  void stored(String generation, int partition) {
    Runnable publish = markStored(generation, partition);
    if (publish != null) {
      publish.run();
    }
  }

  /** The generation mixes rows of different runs: it is never published. */
  synchronized void spoil(String generation) {
    filling.remove(generation);
  }

  private synchronized @Nullable Runnable markStored(String generation, int partition) {
    Filling state = filling.get(generation);
    if (state == null) {
      return null;
    }
    if (state.stored.get(partition)) {
      filling.remove(generation);
      return null;
    }
    state.stored.set(partition);
    if (state.stored.cardinality() < state.partitions) {
      return null;
    }
    filling.remove(generation);
    return state.publish;
  }

  private static final class Filling {
    private final int partitions;
    private final Supplier<Findings> below;
    private final Runnable publish;
    private final BitSet stored = new BitSet();

    Filling(int partitions, Supplier<Findings> below, Runnable publish) {
      this.partitions = partitions;
      this.below = below;
      this.publish = publish;
    }
  }
}
