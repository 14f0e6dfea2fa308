// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.ChangeListener;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.SetPart;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An executor's half: tells the driver what this host holds, and does what its replies ask for. */
public final class ExecutorInventory implements ExecutorPlugin {
  private static final Logger log = LoggerFactory.getLogger(ExecutorInventory.class);

  /** Half a megabyte, far below the limit of a message. */
  private static final int KEYS_IN_MESSAGE = 1 << 16;

  private static final int PARTS_IN_MESSAGE = 1 << 10;
  private static final long TICK_MILLIS = PollSchedule.TICK_MILLIS;

  private static final long PUBLISHING_MILLIS = 10_000;
  private static final String NO_DIRECTORY = "/(none)";

  private static volatile @Nullable ExecutorInventory process;

  private final Function<SparkConf, StoreOptions> options;
  private final Consumer<Integer> release;
  private final Map<Long, Boolean> changes = new LinkedHashMap<>();
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread daemon = new Thread(task, "diskcache-inventory");
            daemon.setDaemon(true);
            return daemon;
          });
  private final ClassLoader classes = ExecutorInventory.class.getClassLoader();
  private @Nullable PluginContext context;
  private @Nullable StoreOptions storeOptions;
  private volatile @Nullable PeerEntries peers;
  private volatile @Nullable String directory;
  private boolean listening;

  private final PollSchedule schedule = new PollSchedule();
  private long releasesSeen;

  /** Of the directory, as far as the driver has been told; other processes add entries, too. */
  private long lastEntry;

  private final Set<Key> toldGenerations = new HashSet<>();

  /**
   * @param options of the store, by the configuration
   * @param release lets go of what this process holds for an RDD
   */
  public ExecutorInventory(Function<SparkConf, StoreOptions> options, Consumer<Integer> release) {
    this.options = options;
    this.release = release;
  }

  /** That of this process; empty in a driver, local mode included. */
  public static Optional<ExecutorInventory> process() {
    return Optional.ofNullable(process);
  }

  @Override
  public void init(PluginContext pluginContext, Map<String, String> extraConf) {
    if (pluginContext.executorID().equals("driver")) {
      return;
    }
    context = pluginContext;
    storeOptions = options.apply(pluginContext.conf());
    process = this;
    thread.execute(this::startPeers);
    thread.execute(this::reportAll);
    var unused =
        thread.scheduleWithFixedDelay(this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void shutdown() {
    thread.shutdownNow();
    process = null;
    PeerEntries started = peers;
    if (started != null) {
      started.close();
    }
  }

  /** The directory of this host: the name that the driver knows it by. */
  public String directory() {
    String known = directory;
    if (known == null) {
      known = SparkEnv.get().blockManager().blockManagerId().host() + ":" + directoryOfProcess();
      directory = known;
    }
    return known;
  }

  private String directoryOfProcess() {
    try {
      return HostDirectory.of(options().directory()).toString();
    } catch (StoreException e) { // nothing is held; the driver is told why
      return NO_DIRECTORY;
    }
  }

  /** Whether this task may publish a partition of a run-bound set. */
  public boolean mayStore(String generation, int partition, int stageAttempt) {
    try {
      return Boolean.TRUE.equals(ask("may", generation, partition, stageAttempt));
    } catch (Exception e) {
      log.warn("A partition is not published, the driver does not answer: {}", e.toString());
      return false;
    }
  }

  /**
   * What the driver knows of stages below those of a run-bound set; empty if it does not answer.
   */
  public Optional<byte[]> below(String generation) {
    try {
      return Optional.of((byte[]) ask("below", generation));
    } catch (Exception e) {
      log.warn("Nothing is known of stages below, the driver does not answer: {}", e.toString());
      return Optional.empty();
    }
  }

  /**
   * A partition was published; the last one of a set waits until the set is.
   *
   * @return false if the set was given up meanwhile: the partition is to be removed
   */
  public boolean stored(String generation, int partition) {
    try {
      Object answer = ask("stored", generation, partition, directory());
      schedule.hurry();
      if (answer.equals(SetFills.Stored.TOO_LATE.name())) {
        return false;
      }
      if (!answer.equals(SetFills.Stored.LAST.name())) {
        return true;
      }
      long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PUBLISHING_MILLIS);
      while (!Boolean.TRUE.equals(ask("over", generation)) && System.nanoTime() < deadline) {
        Thread.sleep(TICK_MILLIS / 2);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the task is being killed, and sees to it itself
    } catch (Exception e) {
      log.warn("A set may stay unpublished, the driver does not answer: {}", e.toString());
    }
    return true;
  }

  /** A partition of a set is kept for the application only. */
  public void spoil(String generation) {
    try {
      ask("spoil", generation);
    } catch (Exception e) {
      log.warn("The driver was not told that a set stays unpublished: {}", e.toString());
    }
  }

  /** Whether another host that can be reached holds an entry, as far as the driver knows. */
  public boolean isElsewhere(Key key) {
    return answer("elsewhere", prefix(key), directory());
  }

  /**
   * The file of an entry of another host, from an executor there; to be closed by the caller.
   *
   * @param waiting called now and then meanwhile, as by what reads the stream; may throw to give up
   */
  public Optional<InputStream> openElsewhere(Key key, Runnable waiting) {
    PeerEntries started = peers;
    if (started == null) {
      return Optional.empty();
    }
    List<PeerEntries.Peer> of = new ArrayList<>();
    try {
      for (Object peer : (List<?>) ask("peers", prefix(key), directory())) {
        Object[] parts = (Object[]) peer;
        of.add(new PeerEntries.Peer((String) parts[0], (Integer) parts[1]));
      }
    } catch (Exception e) {
      log.warn("The driver does not answer: {}", e.toString());
    }
    return started.open(key, of, waiting);
  }

  /** Whether executors that are alive read a directory. */
  public boolean isServed(String of) {
    return answer("served", of);
  }

  private boolean answer(Object... question) {
    try {
      return Boolean.TRUE.equals(ask(question));
    } catch (Exception e) {
      log.warn("The driver does not answer: {}", e.toString());
      return false;
    }
  }

  /** An RDD without a parent cannot be read any more; a later query computes it anew. */
  public void lost(int rddId, Key key) {
    try {
      ask("lost", rddId, prefix(key), directory());
    } catch (Exception e) {
      log.warn("The driver was not told of a lost entry: {}", e.toString());
    }
  }

  // ---- the inventory

  private void startPeers() {
    try {
      PeerEntries started = new PeerEntries(() -> ProcessStores.find(options()));
      peers = started;
    } catch (Exception e) {
      log.warn("Other hosts cannot read the entries of this one: {}", e.toString());
    }
  }

  private void reportAll() {
    try {
      PeerEntries started = peers;
      if (started != null) {
        ask("peer", executor(), started.self().host(), started.self().port());
      }
      Optional<String> problem = ProcessStores.problem(options());
      if (problem.isPresent()) {
        ask("unusable", SparkEnv.get().blockManager().blockManagerId().host(), problem.get());
      }
      Optional<DiskStore> store = ProcessStores.find(options());
      if (store.isPresent() && !listening) {
        listening = true; // it may be asked to report again
        store.get().onChange(new Changes());
      }
      toldGenerations.clear();
      if (store.isPresent()) {
        reportParts(store.get());
      }
      KeyChunks keys = new KeyChunks();
      if (store.isPresent()) {
        lastEntry = store.get().forEachKeyPrefix(0, keys);
      }
      ask("keys", executor(), directory(), keys.rest(), true);
    } catch (Exception e) {
      log.warn("The driver does not know the entries of this host: {}", e.toString());
    }
  }

  /** Those that the driver has not been told of. */
  private void reportParts(DiskStore store) throws Exception {
    List<SetPart> parts = store.parts(generation -> !toldGenerations.contains(generation));
    for (int from = 0; from < parts.size(); from += PARTS_IN_MESSAGE) {
      List<Object[]> chunk = new ArrayList<>();
      for (SetPart part : parts.subList(from, Math.min(parts.size(), from + PARTS_IN_MESSAGE))) {
        toldGenerations.add(part.generation());
        chunk.add(
            new Object[] {
              part.key().hex(),
              part.generation().hex(),
              part.partitions(),
              part.createdAt().toEpochMilli(),
              part.members().toLongArray()
            });
      }
      ask("parts", executor(), directory(), new ArrayList<>(chunk));
    }
  }

  /** Entries that other processes have added since the driver was told of the directory. */
  private void lookForOthers(List<Long> added) throws Exception {
    Optional<DiskStore> store = ProcessStores.find(options());
    if (store.isPresent()) {
      lastEntry = store.get().forEachKeyPrefix(lastEntry, added::add);
      reportParts(store.get());
    }
  }

  /** Sends full messages as they come. */
  private final class KeyChunks implements java.util.function.LongConsumer {
    private final long[] chunk = new long[KEYS_IN_MESSAGE];
    private int size;

    @Override
    public void accept(long key) {
      if (size == chunk.length) {
        try {
          ask("keys", executor(), directory(), rest(), false);
        } catch (Exception e) {
          throw new IllegalStateException(e);
        }
        size = 0;
      }
      chunk[size++] = key;
    }

    long[] rest() {
      return Arrays.copyOf(chunk, size);
    }
  }

  private void tick() {
    List<Long> added = new ArrayList<>();
    List<Long> removed = new ArrayList<>();
    synchronized (changes) {
      changes.forEach((key, there) -> (there ? added : removed).add(key));
      changes.clear();
    }
    PollSchedule.Due due = schedule.tick();
    if (added.isEmpty() && removed.isEmpty() && due == PollSchedule.Due.NOTHING) {
      return;
    }
    try {
      if (due == PollSchedule.Due.LOOK) {
        lookForOthers(added);
      }
      int hurries = schedule.hurries();
      Object[] reply =
          (Object[])
              ask(
                  "changes",
                  executor(),
                  directory(),
                  added.stream().mapToLong(Long::longValue).toArray(),
                  removed.stream().mapToLong(Long::longValue).toArray(),
                  releasesSeen);
      schedule.answered((Integer) reply[0], hurries);
      obey((Map<?, ?>) reply[4]);
      for (Object command : (List<?>) reply[1]) {
        finish((Object[]) command);
      }
      releasesSeen = (Long) reply[2];
      for (int rddId : (int[]) reply[3]) {
        release.accept(rddId);
      }
      if ((Boolean) reply[5]) {
        reportAll();
      }
    } catch (Exception e) {
      log.debug("The driver does not answer: {}", e.toString());
    }
  }

  /** Orders on generations that are no sets, and will perhaps be none. */
  private void obey(Map<?, ?> orders) {
    Optional<DiskStore> store = orders.isEmpty() ? Optional.empty() : ProcessStores.find(options());
    if (store.isEmpty()) {
      return;
    }
    orders.forEach(
        (generation, order) -> {
          Key of = new Key((String) generation);
          if (order.equals(SetFills.Order.ABANDON.name())) {
            store.get().abandon(of);
          } else {
            store.get().relinquish(of);
          }
        });
  }

  @SuppressWarnings("unchecked") // as SetFills makes it
  private void finish(Object[] command) throws Exception {
    String generation = (String) command[1];
    boolean written = false;
    try {
      List<Integer> members = Arrays.stream((int[]) command[3]).boxed().toList();
      written =
          ProcessStores.get(options())
              .completePart(
                  new Key((String) command[0]),
                  new Key(generation),
                  (Integer) command[2],
                  members,
                  new SetMeta(
                      (String) command[4], new TreeMap<>((Map<String, String>) command[5])));
    } catch (StoreException e) {
      log.warn("A set is not published: {}", e.getMessage());
    }
    ask("finished", generation, directory(), written);
  }

  private StoreOptions options() {
    return java.util.Objects.requireNonNull(storeOptions);
  }

  private String executor() {
    return java.util.Objects.requireNonNull(context).executorID();
  }

  /** With the class loader of the plugin, as Spark has it when it starts one. */
  private Object ask(Object... message) throws Exception {
    Thread current = Thread.currentThread();
    ClassLoader before = current.getContextClassLoader();
    current.setContextClassLoader(classes);
    try {
      return java.util.Objects.requireNonNull(context).ask(message);
    } finally {
      current.setContextClassLoader(before);
    }
  }

  static long prefix(Key key) {
    return Long.parseUnsignedLong(key.hex(), 0, 16, 16);
  }

  private final class Changes implements ChangeListener {
    @Override
    public void added(Key key) {
      synchronized (changes) {
        changes.put(prefix(key), true);
      }
    }

    @Override
    public void removed(Key key) {
      synchronized (changes) {
        changes.put(prefix(key), false);
      }
    }
  }
}
