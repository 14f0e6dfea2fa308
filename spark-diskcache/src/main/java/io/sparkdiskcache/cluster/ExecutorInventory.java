// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.store.ChangeListener;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.HostDirectory;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetPart;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.Threads;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
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

  private static final String ENVIRONMENT = "environment";
  private static final String NO_DIRECTORY = "/(none)";

  private static volatile @Nullable ExecutorInventory process;

  private final Function<SparkConf, StoreOptions> options;
  private final Function<SortedMap<String, String>, Optional<String>> stranger;
  private final Consumer<Integer> release;
  private final Map<Long, Boolean> changes = new LinkedHashMap<>();
  private final ScheduledExecutorService thread =
      Executors.newSingleThreadScheduledExecutor(
          task -> Threads.daemon(task, "diskcache-inventory"));
  private @Nullable DriverLink link;
  private @Nullable ExecutorSets sets;
  private @Nullable StoreOptions storeOptions;
  private volatile @Nullable PeerEntries peers;
  private volatile @Nullable String directory;
  private boolean listening;
  private volatile @Nullable String strange;

  private final PollSchedule schedule = new PollSchedule();
  private long releasesSeen;

  /** Of the directory, as far as the driver has been told; other processes add entries, too. */
  private long lastEntry;

  private final Set<Key> toldGenerations = new HashSet<>();

  /**
   * @param options of the store, by the configuration
   * @param release lets go of what this process holds for an RDD
   * @param stranger what of the driver's environment is another one in this process: what this host
   *     holds is then none of the application's
   */
  public ExecutorInventory(
      Function<SparkConf, StoreOptions> options,
      Consumer<Integer> release,
      Function<SortedMap<String, String>, Optional<String>> stranger) {
    this.stranger = stranger;
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
    StoreOptions ofApplication = options.apply(pluginContext.conf());
    storeOptions = ofApplication;
    DriverLink driver = new DriverLink(pluginContext, () -> ProcessStores.find(ofApplication));
    link = driver;
    sets = new ExecutorSets(driver, ofApplication, this::directory, schedule);
    process = this;
    thread.execute(this::startPeers);
    thread.execute(this::reportAll);
    var unused =
        thread.scheduleWithFixedDelay(
            this::guardedTick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
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

  /** The run-bound sets that tasks of this process fill. */
  public ExecutorSets sets() {
    return Objects.requireNonNull(sets);
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
      unanswered("No other host is asked for an entry", e);
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
      unanswered("Other hosts are taken not to hold an entry", e);
      return false;
    }
  }

  /** An RDD without a parent cannot be read any more; a later query computes it anew. */
  public void lost(int rddId, Key key) {
    try {
      ask("lost", rddId, prefix(key), directory());
    } catch (Exception e) {
      unanswered("A lost entry is looked for again", e);
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
      strange = stranger.apply(environmentOfDriver()).orElse(null);
      Optional<String> problem =
          Optional.ofNullable(strange).or(() -> ProcessStores.problem(options()));
      if (problem.isPresent()) {
        ask("unusable", SparkEnv.get().blockManager().blockManagerId().host(), problem.get());
      }
      Optional<DiskStore> store = ofApplication();
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
    } catch (Exception e) { // it asks for the report again
      unanswered("Entries of this host are not used by others for now", e);
    }
  }

  /** Whether an executor asks for what the driver's keys hold for: a map of facts. */
  public static boolean asksEnvironment(Object message) {
    return message instanceof Object[] parts && parts.length == 1 && ENVIRONMENT.equals(parts[0]);
  }

  private SortedMap<String, String> environmentOfDriver() throws Exception {
    SortedMap<String, String> facts = new TreeMap<>();
    ((Map<?, ?>) ask(ENVIRONMENT)).forEach((name, fact) -> facts.put((String) name, (String) fact));
    return facts;
  }

  /** The store, if what it holds is what the driver's keys promise. */
  private Optional<DiskStore> ofApplication() {
    return strange == null ? ProcessStores.find(options()) : Optional.empty();
  }

  /** Those that the driver has not been told of. */
  private void reportParts(DiskStore store) throws Exception {
    List<SetPart> parts = store.parts(generation -> !toldGenerations.contains(generation));
    for (int from = 0; from < parts.size(); from += PARTS_IN_MESSAGE) {
      List<Object[]> chunk = new ArrayList<>();
      List<Key> generations = new ArrayList<>();
      for (SetPart part : parts.subList(from, Math.min(parts.size(), from + PARTS_IN_MESSAGE))) {
        generations.add(part.generation());
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
      toldGenerations.addAll(generations);
    }
  }

  /** Entries that other processes have added since the driver was told of the directory. */
  private void lookForOthers(List<Long> added) throws Exception {
    Optional<DiskStore> store = ofApplication();
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

  /** An error would end the schedule, which keeps it to itself. */
  private void guardedTick() {
    try {
      tick();
    } catch (Throwable e) {
      log.error("The driver is not told what this host holds, until the next try", e);
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
    if (added.isEmpty()
        && removed.isEmpty()
        && !sets().hasUntold()
        && due == PollSchedule.Due.NOTHING) {
      return;
    }
    Object[] reply;
    int hurries = schedule.hurries();
    try {
      sets().tellOfPartitions();
      if (due == PollSchedule.Due.LOOK) {
        lookForOthers(added);
      }
      reply =
          (Object[])
              ask(
                  "changes",
                  executor(),
                  directory(),
                  added.stream().mapToLong(Long::longValue).toArray(),
                  removed.stream().mapToLong(Long::longValue).toArray(),
                  releasesSeen,
                  new HashMap<>(sets().obeyed()));
    } catch (Exception e) { // as at the end of every application
      log.debug("The driver does not answer; it is told again", e);
      synchronized (changes) {
        added.forEach(key -> changes.putIfAbsent(key, true));
        removed.forEach(key -> changes.putIfAbsent(key, false));
      }
      return;
    }
    try {
      follow(reply, hurries);
    } catch (Exception e) {
      unanswered("An order of the driver is not carried out", e);
    }
  }

  private void follow(Object[] reply, int hurries) throws Exception {
    schedule.answered((Integer) reply[0], hurries);
    sets().obey((Map<?, ?>) reply[4]);
    for (Object command : (List<?>) reply[1]) {
      sets().finish((Object[]) command);
    }
    releasesSeen = (Long) reply[2];
    for (int rddId : (int[]) reply[3]) {
      release.accept(rddId);
    }
    if ((Boolean) reply[5]) {
      reportAll();
    }
  }

  private StoreOptions options() {
    return Objects.requireNonNull(storeOptions);
  }

  private String executor() {
    return Objects.requireNonNull(link).executor();
  }

  private Object ask(Object... message) throws Exception {
    return Objects.requireNonNull(link).ask(message);
  }

  private void unanswered(String problem, Exception e) {
    Objects.requireNonNull(link).unanswered(problem, e);
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
