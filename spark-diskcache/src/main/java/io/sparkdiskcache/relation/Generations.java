// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * The run-bound sets that this process is computing. A set is published whole, by the task that
 * stores the last of its partitions, and only if all of them come from one run: a partition
 * computed twice, in a repeated stage, or kept for the application only spoils the generation.
 * Nothing more is stored under one that is spoilt; what was stored is removed with its relation.
 */
final class Generations {
  private static final Generations PROCESS = new Generations();

  private enum State {
    FILLING,
    SPOILT,
    COMPLETE
  }

  private final Map<String, Filling> fillings = new HashMap<>();

  static Generations process() {
    return PROCESS;
  }

  /**
   * Registers a generation.
   *
   * @param below tells of functions of other tasks
   * @param publish runs once, in the task that stores the last partition; whether it is a set now
   */
  synchronized void begin(
      DiskStore store,
      String generation,
      int partitions,
      Supplier<Findings> below,
      BooleanSupplier publish) {
    fillings.put(generation, new Filling(store, partitions, below, publish));
  }

  /** Findings about the functions of the stages below, once those have run. */
  Findings below(String generation) {
    Filling filling;
    synchronized (this) {
      filling = fillings.get(generation);
    }
    return filling == null ? Findings.NONE : filling.below.get(); // none: it is never published
  }

  /** Whether a task may publish a partition under the generation: each once. */
  boolean mayStore(String generation, int partition, int stageAttempt) {
    Filling filling;
    synchronized (this) {
      filling = fillings.get(generation);
      if (filling == null || filling.state != State.FILLING) {
        return false;
      }
      if (stageAttempt == 0 && !filling.granted.get(partition)) {
        filling.granted.set(partition);
        return true;
      }
      filling.state = State.SPOILT;
    }
    filling.store.sets().relinquish(new Key(generation));
    return false;
  }

  /** A partition was published under the generation. */
  void stored(String generation, int partition) {
    Filling filling;
    boolean last;
    synchronized (this) {
      filling = fillings.get(generation);
      if (filling == null) {
        return; // see isAbandoned
      }
      filling.stored.set(partition);
      last = filling.state == State.FILLING && filling.stored.cardinality() == filling.partitions;
    }
    if (last) {
      boolean complete = filling.publish.getAsBoolean();
      synchronized (this) {
        filling.state = complete ? State.COMPLETE : State.SPOILT;
      }
    }
    if (isSpoilt(filling)) {
      filling.store.sets().relinquish(new Key(generation));
    }
  }

  private synchronized boolean isSpoilt(Filling filling) {
    return filling.state == State.SPOILT;
  }

  /**
   * Whether what was stored just now came too late: the set was given up while it was written. To
   * be removed by the caller.
   */
  synchronized boolean isAbandoned(String generation) {
    return !fillings.containsKey(generation);
  }

  /** The generation lacks a partition, or mixes rows of different runs: it is never published. */
  void spoil(String generation) {
    Filling filling;
    synchronized (this) {
      filling = fillings.get(generation);
      if (filling == null || filling.state != State.FILLING) {
        return;
      }
      filling.state = State.SPOILT;
    }
    filling.store.sets().relinquish(new Key(generation));
  }

  /** Its entries may be evicted before others, though it may yet be completed. */
  void relinquish(String generation) {
    Filling filling;
    synchronized (this) {
      filling = fillings.get(generation);
    }
    if (filling != null && filling.state != State.COMPLETE) {
      filling.store.sets().relinquish(new Key(generation));
    }
  }

  synchronized boolean isComplete(String generation) {
    Filling filling = fillings.get(generation);
    return filling != null && filling.state == State.COMPLETE;
  }

  /** The relation has no use for the generation any more. */
  void abandon(String generation) {
    Filling filling;
    synchronized (this) {
      filling = fillings.remove(generation);
    }
    if (filling != null && filling.state != State.COMPLETE) {
      filling.store.sets().abandon(new Key(generation));
    }
  }

  /** How many there are, for leak tests. */
  synchronized int count() {
    return fillings.size();
  }

  private static final class Filling {
    private final DiskStore store;
    private final int partitions;
    private final Supplier<Findings> below;
    private final BooleanSupplier publish;
    private final BitSet granted = new BitSet();
    private final BitSet stored = new BitSet();
    private State state = State.FILLING;

    Filling(DiskStore store, int partitions, Supplier<Findings> below, BooleanSupplier publish) {
      this.store = store;
      this.partitions = partitions;
      this.below = below;
      this.publish = publish;
    }
  }
}
