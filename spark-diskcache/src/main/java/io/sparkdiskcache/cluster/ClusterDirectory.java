// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerUnpersistRDD;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver's half: which directory of which host holds an entry, and which executors can read it
 * there. Takes eight bytes an entry. Forgets a directory with its last executor, but for {@link
 * Departed}.
 */
public final class ClusterDirectory {
  private static final Logger log = LoggerFactory.getLogger(ClusterDirectory.class);
  private static final Map<SparkContext, ClusterDirectory> RUNNING = new HashMap<>();
  private static final int MAX_RELEASED = 1 << 16;

  /** Executors come one after the other: so long after the last one all are taken to be there. */
  private static final long QUIET_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long POLL_MILLIS = 20;

  private final SparkContext context;
  private final Duration wait;
  private final SetFills fills = new SetFills();
  private final Map<String, Directory> directories = new LinkedHashMap<>();
  private final Map<String, String> directoryOf = new HashMap<>();
  private final Departed departed;
  private final Map<String, List<long[]>> unfinished = new HashMap<>();
  private final Set<Integer> lost = new HashSet<>();
  private final List<Integer> released = new ArrayList<>();
  private long releasedBefore;
  private long lastArrival = System.nanoTime();
  private long waitUntil;

  private ClusterDirectory(SparkContext context, Duration wait) {
    this.context = context;
    this.wait = wait;
    this.departed = new Departed(wait, System::nanoTime);
  }

  /** Begins to keep a directory for the application. */
  public static ClusterDirectory start(SparkContext context, Duration wait) {
    ClusterDirectory started = new ClusterDirectory(context, wait);
    synchronized (RUNNING) {
      RUNNING.put(context, started);
    }
    context.addSparkListener(started.new Losses());
    return started;
  }

  /** Of a running application whose executors are other processes and have the plugin. */
  public static Optional<ClusterDirectory> of(SparkContext context) {
    synchronized (RUNNING) {
      return Optional.ofNullable(RUNNING.get(context));
    }
  }

  /** The application has ended. */
  public void stop() {
    synchronized (RUNNING) {
      RUNNING.remove(context);
    }
    fills.close();
  }

  // ---- questions of the driver

  /**
   * Where keys may be found: directories by key, those without any left out. The first call waits
   * for executors to report, within bounds.
   */
  public Map<Key, List<String>> holders(Collection<Key> keys) {
    awaitInventories();
    Map<Key, List<String>> holders = new LinkedHashMap<>();
    synchronized (this) {
      for (Key key : keys) {
        long prefix = ExecutorInventory.prefix(key);
        List<String> of = new ArrayList<>();
        directories.forEach(
            (id, directory) -> {
              if (directory.keys.contains(prefix)) {
                of.add(id);
              }
            });
        if (!of.isEmpty()) {
          holders.put(key, of);
        }
      }
    }
    return holders;
  }

  /**
   * A generation of which every partition is somewhere.
   *
   * @param holders the directory of each partition
   * @param createdAt when its first part was published, by the clock of that host
   */
  public record FoundSet(Key generation, List<String> holders, Instant createdAt) {}

  /** The youngest generation that is complete, of a set whole or in parts. */
  public Optional<FoundSet> findSet(Key setKey, Key partKey) {
    awaitInventories();
    Map<String, List<PartOf>> generations = new LinkedHashMap<>();
    synchronized (this) {
      directories.forEach(
          (id, directory) -> {
            for (String key : List.of(setKey.hex(), partKey.hex())) {
              Part part = directory.parts.get(key);
              if (part != null) {
                generations
                    .computeIfAbsent(part.generation, g -> new ArrayList<>())
                    .add(new PartOf(id, part));
              }
            }
          });
    }
    return generations.entrySet().stream()
        .flatMap(e -> whole(new Key(e.getKey()), e.getValue()).stream())
        .max(java.util.Comparator.comparing(FoundSet::createdAt));
  }

  private static Optional<FoundSet> whole(Key generation, List<PartOf> parts) {
    int n = parts.get(0).part.partitions;
    String[] holders = new String[n];
    Instant oldest = Instant.MAX;
    for (PartOf of : parts) {
      if (of.part.partitions != n) {
        return Optional.empty();
      }
      of.part.members.stream().filter(i -> i < n).forEach(i -> holders[i] = of.directory);
      Instant created = Instant.ofEpochMilli(of.part.createdMillis);
      oldest = created.isBefore(oldest) ? created : oldest;
    }
    return Arrays.stream(holders).allMatch(java.util.Objects::nonNull)
        ? Optional.of(new FoundSet(generation, List.of(holders), oldest))
        : Optional.empty();
  }

  private record PartOf(String directory, Part part) {}

  /** The host of a directory, see {@link ExecutorInventory#directory}. */
  public static String host(String directory) {
    return directory.substring(0, directory.indexOf(":/"));
  }

  /** The executors that read a directory and are alive. */
  public List<BlockManagerId> executors(String directory) {
    Set<String> of;
    synchronized (this) {
      Directory known = directories.get(directory);
      of = known == null ? Set.of() : Set.copyOf(known.executors);
    }
    return SparkInternals.executors(context).stream()
        .filter(id -> of.contains(id.executorId()))
        .toList();
  }

  /** Whether an RDD without a parent can still be read, as far as is known. */
  public synchronized boolean isReadable(int rddId, Collection<String> of) {
    return !lost.contains(rddId) && directories.keySet().containsAll(of);
  }

  /**
   * Announces a run-bound set that tasks are about to fill.
   *
   * @param mayPublish asked when all of it is stored; may take its time
   * @param published called when every host has written its part; returns at once
   */
  public void begin(
      Key partKey,
      Key generation,
      int partitions,
      SetMeta meta,
      BooleanSupplier mayPublish,
      Runnable published) {
    fills.begin(partKey, generation, partitions, meta, mayPublish, published);
  }

  private void awaitInventories() {
    boolean asked = false;
    long now = System.nanoTime();
    synchronized (this) {
      if (waitUntil == 0) {
        waitUntil = now + wait.toNanos();
      }
    }
    while (System.nanoTime() < waitUntil && !hasSettled()) {
      if (!asked
          && SparkInternals.executors(context).isEmpty()
          && context.getConf().getBoolean("spark.dynamicAllocation.enabled", false)) {
        asked = true;
        context.requestExecutors(1); // a lookup runs no task that would have Spark ask for one
      }
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
    waitUntil = Math.min(waitUntil, System.nanoTime()); // once
  }

  private boolean hasSettled() {
    List<BlockManagerId> alive = SparkInternals.executors(context);
    int expected = Math.max(1, context.getConf().getInt("spark.executor.instances", 0));
    boolean sure = context.getConf().contains("spark.executor.instances");
    synchronized (this) {
      return alive.size() >= expected
          && alive.stream().allMatch(id -> isReported(id.executorId()))
          && (sure || System.nanoTime() - lastArrival > QUIET_NANOS);
    }
  }

  private boolean isReported(String executor) {
    return directoryOf.containsKey(executor);
  }

  // ---- messages of executors

  /** Answers a message; called by Spark's one thread for them, so nothing here waits. */
  @SuppressWarnings("unchecked") // as ExecutorInventory makes them
  public synchronized Object receive(Object message) {
    Object[] parts = (Object[]) message;
    return switch ((String) parts[0]) {
      case "parts" -> parts((String) parts[2], (List<Object[]>) parts[3]);
      case "keys" ->
          keys((String) parts[1], (String) parts[2], (long[]) parts[3], (Boolean) parts[4]);
      case "changes" ->
          changes((String) parts[2], (long[]) parts[3], (long[]) parts[4], (Long) parts[5]);
      case "may" -> fills.mayStore((String) parts[1], (Integer) parts[2], (Integer) parts[3]);
      case "stored" -> fills.stored((String) parts[1], (Integer) parts[2], (String) parts[3]);
      case "finished" -> {
        fills.finished((String) parts[1], (String) parts[2], (Boolean) parts[3]);
        yield true;
      }
      case "elsewhere" -> isElsewhere((Long) parts[1], (String) parts[2]);
      case "served" ->
          directories.containsKey((String) parts[1]) || departed.mayReturn((String) parts[1]);
      case "over" -> fills.isOver((String) parts[1]);
      case "lost" -> {
        lost.add((Integer) parts[1]);
        Directory directory = directories.get((String) parts[3]);
        if (directory != null) {
          directory.keys.remove((Long) parts[2]);
        }
        yield true;
      }
      default -> throw new IllegalArgumentException("unknown message " + parts[0]);
    };
  }

  private boolean isElsewhere(long key, String than) {
    return departed.mayReturn(key, than)
        || directories.entrySet().stream()
            .anyMatch(of -> !of.getKey().equals(than) && of.getValue().keys.contains(key));
  }

  private Object parts(String directory, List<Object[]> parts) {
    Directory of = directories.computeIfAbsent(directory, d -> new Directory());
    for (Object[] part : parts) {
      of.parts.put(
          (String) part[0],
          new Part(
              (String) part[1],
              (Integer) part[2],
              (Long) part[3],
              BitSet.valueOf((long[]) part[4])));
    }
    return true;
  }

  private Object keys(String executor, String directory, long[] keys, boolean last) {
    List<long[]> chunks = unfinished.computeIfAbsent(executor, e -> new ArrayList<>());
    chunks.add(keys);
    if (last) {
      unfinished.remove(executor);
      long[] all = new long[chunks.stream().mapToInt(c -> c.length).sum()];
      int n = 0;
      for (long[] chunk : chunks) {
        System.arraycopy(chunk, 0, all, n, chunk.length);
        n += chunk.length;
      }
      Directory of = directories.computeIfAbsent(directory, d -> new Directory());
      of.keys.replace(all);
      of.executors.add(executor);
      departed.returned(directory);
      directoryOf.put(executor, directory);
      lastArrival = System.nanoTime();
      log.info("Executor {} holds {} entries in {}", executor, all.length, directory);
    }
    return true;
  }

  private Object changes(String directory, long[] added, long[] removed, long releasesSeen) {
    Directory of = directories.get(directory);
    if (of != null) {
      for (long key : added) {
        of.keys.add(key);
      }
      for (long key : removed) {
        of.keys.remove(key);
      }
    }
    int from = (int) Math.max(0, releasesSeen - releasedBefore);
    int[] release =
        released.subList(Math.min(from, released.size()), released.size()).stream()
            .mapToInt(Integer::intValue)
            .toArray();
    List<Object[]> commands = new ArrayList<>(fills.toFinish(directory));
    return new Object[] {
      fills.isFilling(directory), commands, releasedBefore + released.size(), release
    };
  }

  // ---- what is lost

  private synchronized void removed(String executor) {
    unfinished.remove(executor);
    String id = directoryOf.remove(executor);
    Directory directory = id == null ? null : directories.get(id);
    if (directory != null) {
      directory.executors.remove(executor);
      if (directory.executors.isEmpty()) {
        directories.remove(id);
        departed.left(id, directory.keys);
      }
    }
  }

  private synchronized void released(int rddId) {
    if (released.size() >= MAX_RELEASED) { // executors have long seen them
      releasedBefore += released.size();
      released.clear();
    }
    lost.remove(rddId);
    released.add(rddId);
  }

  private final class Losses extends SparkListener {
    @Override
    public void onExecutorRemoved(SparkListenerExecutorRemoved event) {
      removed(event.executorId());
    }

    @Override
    public void onUnpersistRDD(SparkListenerUnpersistRDD event) {
      released(event.rddId());
    }
  }

  private record Part(String generation, int partitions, long createdMillis, BitSet members) {}

  private static final class Directory {
    private final HostInventory keys = new HostInventory();
    private final Map<String, Part> parts = new HashMap<>();
    private final Set<String> executors = new HashSet<>();
  }
}
