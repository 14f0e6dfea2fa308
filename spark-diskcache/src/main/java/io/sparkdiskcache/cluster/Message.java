// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.cluster.PeerEntries.Peer;
import io.sparkdiskcache.store.SetMeta;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/**
 * A question or a report of an executor to its driver. {@link DriverLink} sends it, {@link
 * ClusterDirectory#receive} has it answered, {@link Wire} is its form in between. Entries are named
 * by the first eight bytes of their keys, directories as {@link ExecutorInventory#directory} does,
 * executors by Spark's number, sets by their generation.
 *
 * @param <R> the type of the answer
 */
@SuppressWarnings("ArrayRecordComponent") // messages are never compared
sealed interface Message<R> {
  /** On the driver, with its monitor held: returns at once. */
  R answer(ClusterDirectory driver);

  /** The facts of the driver's environment that its keys hold for. */
  record Environment() implements Message<SortedMap<String, String>> {
    @Override
    public SortedMap<String, String> answer(ClusterDirectory driver) {
      return driver.environment();
    }
  }

  /**
   * All entries of a directory, in one or several messages.
   *
   * @param last whether this is the last of them
   */
  record Keys(String executor, String directory, long[] keys, boolean last)
      implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.keys(this);
      return true;
    }
  }

  /** Parts of run-bound sets that a directory holds, and the driver has not been told of. */
  record Parts(String directory, List<Part> parts) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.parts(this);
      return true;
    }
  }

  /**
   * A part of a set.
   *
   * @param key of the set or the part
   * @param partitions of the whole set
   * @param members a bit for each partition that is here
   */
  record Part(String key, String generation, int partitions, long createdMillis, long[] members) {}

  /**
   * The changes of a directory; asks what there is to do.
   *
   * @param releasesSeen how many unpersisted RDDs the executor has been told of
   * @param obeyed orders that have been carried out, by generation
   */
  record Changes(
      String executor,
      String directory,
      long[] added,
      long[] removed,
      long releasesSeen,
      Map<String, SetFills.Due> obeyed)
      implements Message<Orders> {
    @Override
    public Orders answer(ClusterDirectory driver) {
      return driver.changes(this);
    }
  }

  /**
   * The driver's orders to an executor.
   *
   * @param pollTicks when it is to ask again, see {@link PollSchedule}
   * @param toFinish parts of sets to write
   * @param releases how many RDDs have been unpersisted in all
   * @param released those of them that the executor has not seen
   * @param due orders about generations that are no set
   * @param report whether it is to report its whole directory again
   */
  record Orders(
      int pollTicks,
      List<Finish> toFinish,
      long releases,
      int[] released,
      Map<String, SetFills.Due> due,
      boolean report) {}

  /**
   * The order to write the part of a set.
   *
   * @param partitions of the whole set
   * @param members those that the directory holds
   */
  record Finish(
      String partKey,
      String generation,
      int partitions,
      int[] members,
      String description,
      Map<String, String> components,
      long belowNanos,
      long fillNanos) {
    SetMeta meta() {
      return new SetMeta(
          description, components, Duration.ofNanos(belowNanos), Duration.ofNanos(fillNanos));
    }
  }

  /** Whether a task may publish a partition of a set. */
  record MayStore(String generation, int partition, int stageAttempt) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      return driver.fills().mayStore(generation, partition, stageAttempt);
    }
  }

  /** The driver's knowledge of the stages below a set, as the relation encodes it. */
  record Below(String generation) implements Message<byte[]> {
    @Override
    public byte[] answer(ClusterDirectory driver) {
      return driver.fills().below(generation);
    }
  }

  /** A partition of a set was published. */
  record Stored(String generation, int partition, String directory)
      implements Message<SetFills.Stored> {
    @Override
    public SetFills.Stored answer(ClusterDirectory driver) {
      return driver.fills().stored(generation, partition, directory);
    }
  }

  /** A partition of a set is kept for the application only. */
  record Spoil(String generation) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.fills().spoil(generation);
      return true;
    }
  }

  /** The part of a set was written, or could not be. */
  record Finished(String generation, String directory, boolean written)
      implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.fills().finished(generation, directory, written);
      return true;
    }
  }

  /** Whether a set is published, or will not be. */
  record IsOver(String generation) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      return driver.fills().isOver(generation);
    }
  }

  /** Whether another directory that can be reached holds an entry. */
  record IsElsewhere(long key, String than) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      return driver.isElsewhere(key, than);
    }
  }

  /** Where an executor answers to others. */
  record PeerAt(String executor, Peer peer) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.peer(executor, peer);
      return true;
    }
  }

  /** Where the executors that read an entry in another directory answer. */
  record Peers(long key, String than) implements Message<List<Peer>> {
    @Override
    public List<Peer> answer(ClusterDirectory driver) {
      return driver.peers(key, than);
    }
  }

  /** Whether executors that are alive read a directory. */
  record IsServed(String directory) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      return driver.isServed(directory);
    }
  }

  /** An executor of a host cannot use its directory. */
  record Unusable(String host, String reason) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.unusable(host, reason);
      return true;
    }
  }

  /** An entry of an RDD without a parent is not there any more. */
  record Lost(int rddId, long key, String directory) implements Message<Boolean> {
    @Override
    public Boolean answer(ClusterDirectory driver) {
      driver.lost(rddId, key, directory);
      return true;
    }
  }
}
