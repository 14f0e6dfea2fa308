// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
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
@Internal
public final class ClusterDirectory {
  private static final Logger log = LoggerFactory.getLogger(ClusterDirectory.class);
  private static final Map<SparkContext, ClusterDirectory> RUNNING = new HashMap<>();
  private static final int MAX_RELEASED = 1 << 16;

  /** Of relations whose hosts are noted; eight bytes each. */
  private static final int MAX_WATCHED = 1 << 20;

  private final SparkContext context;
  private final Supplier<SortedMap<String, String>> environment;
  private final Arrivals arrivals;
  private final RelationHosts hosts;
  private final SetFills fills = new SetFills();
  private final StoredSets sets = new StoredSets();
  private final Map<String, Directory> directories = new LinkedHashMap<>();
  private final Map<String, String> directoryOf = new HashMap<>();
  private final Map<String, PeerEntries.Peer> peers = new HashMap<>(); // by executor
  private final Map<String, String> unusable = new TreeMap<>(); // reasons by host
  private final Departed departed;
  private final Map<String, List<long[]>> unfinished = new HashMap<>();
  private final Set<Integer> lost = new HashSet<>();
  private final List<Integer> released = new ArrayList<>();
  private long releasedBefore;

  /** Keys of the partitions of relations, the one used last at the end. */
  private final Map<String, long[]> watched = new LinkedHashMap<>();

  private int watchedKeys;

  private ClusterDirectory(
      SparkContext context,
      Duration wait,
      Optional<Path> notes,
      Supplier<SortedMap<String, String>> environment) {
    this.context = context;
    this.environment = environment;
    this.arrivals = new Arrivals(context, wait, this::isReported, this::isHostServed);
    boolean hostsReturn = RelationHosts.mayReturn(context.master());
    this.hosts = new RelationHosts(notes, hostsReturn);
    this.departed = new Departed(hostsReturn ? wait : Duration.ZERO, System::nanoTime);
  }

  /**
   * Begins to keep a directory for the application.
   *
   * @param wait how long a lookup waits at most for executors
   * @param notes a directory for what is to be remembered between applications, if there is one
   * @param environment the facts that the driver's keys hold for
   */
  public static ClusterDirectory start(
      SparkContext context,
      Duration wait,
      Optional<Path> notes,
      Supplier<SortedMap<String, String>> environment) {
    ClusterDirectory started = new ClusterDirectory(context, wait, notes, environment);
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
    noteHosts();
    hosts.save();
    fills.close();
  }

  // ---- questions of the driver

  /**
   * Where keys of a relation may be found: directories by key, those without any left out. Waits
   * for executors to report, within bounds.
   */
  public Map<Key, List<String>> holders(String relation, Collection<Key> keys) {
    awaitInventories(relation);
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

  /** The youngest generation that is complete, of a set whole or in parts. */
  public Optional<FoundSet> findSet(String relation, Key setKey, Key partKey) {
    awaitInventories(relation);
    synchronized (this) {
      return sets.find(List.of(setKey, partKey));
    }
  }

  /** The host of a directory, see {@link ExecutorInventory#directory}. */
  public static String host(String directory) {
    return directory.substring(0, directory.indexOf(":/"));
  }

  /** Those that executors have reported. */
  public synchronized Set<String> directories() {
    return Set.copyOf(directories.keySet());
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
   * @param below what tasks are told that ask what is known of stages below; at once
   * @param mayPublish asked when all of it is stored; may take its time
   * @param published called when every host has written its part; returns at once
   */
  public void begin(
      Key partKey,
      Key generation,
      int partitions,
      Supplier<SetMeta> meta,
      Supplier<byte[]> below,
      BooleanSupplier mayPublish,
      Consumer<SetMeta> published) {
    fills.begin(partKey, generation, partitions, meta, below, mayPublish, published);
  }

  /** Who is told if a directory could not write its part of a set: the set is not published. */
  public void whenUnwritten(String generation, Consumer<String> then) {
    fills.whenUnwritten(generation, then);
  }

  /** Whether jobs that fill a set are running. */
  public void active(String generation, boolean running) {
    fills.active(generation, running);
  }

  /** Entries of a set that is not whole may be evicted before others. */
  public void relinquish(String generation) {
    fills.relinquish(generation);
  }

  /** The relation of a set is gone: what there is of it is removed, unless it is whole. */
  public void abandon(String generation) {
    fills.abandon(generation);
  }

  /** Whether a set of this application has been published. */
  public boolean isPublished(String generation) {
    return fills.isPublished(generation);
  }

  private void awaitInventories(String relation) {
    hosts.forget(arrivals.await(hosts.of(relation)));
  }

  private synchronized boolean isReported(String executor) {
    return directoryOf.containsKey(executor);
  }

  private synchronized boolean isHostServed(String host) {
    return directories.keySet().stream().anyMatch(of -> host(of).equals(host));
  }

  // ---- what is remembered

  /** Has it noted, when hosts or the application go, who holds these partitions of a relation. */
  public synchronized void watch(String relation, List<Key> keys) {
    long[] before = watched.remove(relation);
    watchedKeys -= before == null ? 0 : before.length;
    long[] prefixes = keys.stream().mapToLong(ExecutorInventory::prefix).distinct().toArray();
    watched.put(relation, prefixes);
    watchedKeys += prefixes.length;
    Iterator<long[]> eldest = watched.values().iterator();
    while (watchedKeys > MAX_WATCHED) {
      watchedKeys -= eldest.next().length;
      eldest.remove();
    }
  }

  private synchronized void noteHosts() {
    Set<String> asked =
        directories.keySet().stream().map(ClusterDirectory::host).collect(Collectors.toSet());
    watched.forEach(
        (relation, keys) -> {
          Map<String, Integer> held = new HashMap<>();
          directories.forEach(
              (id, directory) -> {
                int n = (int) Arrays.stream(keys).filter(directory.keys::contains).count();
                if (n > 0) {
                  held.merge(host(id), n, Integer::sum);
                }
              });
          hosts.note(relation, held, asked);
        });
  }

  // ---- messages of executors

  /** Answers a message; called by Spark's one thread for them, so nothing here waits. */
  public synchronized Object receive(Object message) {
    return Wire.encode(((Message<?>) Wire.decode(message)).answer(this));
  }

  SortedMap<String, String> environment() {
    return new TreeMap<>(environment.get());
  }

  SetFills fills() {
    return fills;
  }

  void parts(Message.Parts reported) {
    sets.report(reported.directory(), reported.parts());
  }

  void peer(String executor, PeerEntries.Peer peer) {
    peers.put(executor, peer);
  }

  boolean isServed(String directory) {
    return directories.containsKey(directory) || departed.mayReturn(directory);
  }

  void lost(int rddId, long key, String of) {
    lost.add(rddId);
    Directory directory = directories.get(of);
    if (directory != null) {
      directory.keys.remove(key);
    }
  }

  void unusable(String host, String reason) {
    if (!reason.equals(unusable.put(host, reason))) {
      log.warn("Nothing is cached on disk on host {}: {}", host, reason);
    }
  }

  /** Hosts whose executors cannot use their cache directories, and why. */
  public synchronized Map<String, String> unusable() {
    return Map.copyOf(unusable);
  }

  boolean isElsewhere(long key, String than) {
    return departed.mayReturn(key, than)
        || directories.entrySet().stream()
            .anyMatch(of -> !of.getKey().equals(than) && of.getValue().keys.contains(key));
  }

  /** Where the executors that read an entry in another directory answer. */
  List<PeerEntries.Peer> peers(long key, String than) {
    return directories.entrySet().stream()
        .filter(of -> !of.getKey().equals(than) && of.getValue().keys.contains(key))
        .flatMap(of -> of.getValue().executors.stream())
        .map(peers::get)
        .filter(java.util.Objects::nonNull)
        .collect(Collectors.toCollection(ArrayList::new));
  }

  void keys(Message.Keys reported) {
    String executor = reported.executor();
    String directory = reported.directory();
    List<long[]> chunks = unfinished.computeIfAbsent(executor, e -> new ArrayList<>());
    chunks.add(reported.keys());
    if (reported.last()) {
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
      arrivals.reported();
      log.info("Executor {} holds {} entries in {}", executor, all.length, directory);
    }
  }

  Message.Orders changes(Message.Changes changes) {
    String directory = changes.directory();
    Directory of = directories.get(directory);
    if (of != null) {
      for (long key : changes.added()) {
        of.keys.add(key);
      }
      for (long key : changes.removed()) {
        of.keys.remove(key);
      }
    }
    int from = (int) Math.max(0, changes.releasesSeen() - releasedBefore);
    int[] release =
        released.subList(Math.min(from, released.size()), released.size()).stream()
            .mapToInt(Integer::intValue)
            .toArray();
    List<Message.Finish> toFinish = fills.toFinish(directory);
    fills.obeyed(directory, changes.obeyed());
    return new Message.Orders(
        fills.isFilling(directory) ? PollSchedule.ticks(directoryOf.size()) : PollSchedule.IDLE,
        toFinish,
        releasedBefore + released.size(),
        release,
        fills.orders(directory),
        // Taken for lost and alive after all.
        !directoryOf.containsKey(changes.executor()));
  }

  // ---- what is lost

  synchronized void removed(String executor) {
    unfinished.remove(executor);
    peers.remove(executor);
    String id = directoryOf.remove(executor);
    Directory directory = id == null ? null : directories.get(id);
    if (directory != null) {
      directory.executors.remove(executor);
      if (directory.executors.isEmpty()) {
        noteHosts();
        directories.remove(id);
        sets.gone(id);
        fills.gone(id);
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

  private static final class Directory {
    private final HostInventory keys = new HostInventory();
    private final Set<String> executors = new HashSet<>();
  }
}
