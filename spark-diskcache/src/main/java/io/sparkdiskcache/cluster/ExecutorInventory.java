// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.annotation.Internal;
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
@Internal
public final class ExecutorInventory implements ExecutorPlugin {
  private static final Logger log = LoggerFactory.getLogger(ExecutorInventory.class);

  /** Half a megabyte, far below the limit of a message. */
  private static final int KEYS_IN_MESSAGE = 1 << 16;

  private static final int PARTS_IN_MESSAGE = 1 << 10;
  private static final long TICK_MILLIS = PollSchedule.TICK_MILLIS;

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
    return answer(new Message.IsElsewhere(prefix(key), directory()));
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
    List<PeerEntries.Peer> of =
        link()
            .ask(
                new Message.Peers(prefix(key), directory()),
                "No other host is asked for an entry",
                List.of());
    return started.open(key, of, waiting);
  }

  /** Whether executors that are alive read a directory. */
  public boolean isServed(String of) {
    return answer(new Message.IsServed(of));
  }

  private boolean answer(Message<Boolean> question) {
    return link().ask(question, "Other hosts are taken not to hold an entry", false);
  }

  /** An RDD without a parent cannot be read any more; a later query computes it anew. */
  public void lost(int rddId, Key key) {
    boolean unused =
        link()
            .ask(
                new Message.Lost(rddId, prefix(key), directory()),
                "A lost entry is looked for again",
                false);
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
        tell(new Message.PeerAt(executor(), started.self()));
      }
      strange = stranger.apply(link().ask(new Message.Environment())).orElse(null);
      Optional<String> problem =
          Optional.ofNullable(strange).or(() -> ProcessStores.problem(options()));
      if (problem.isPresent()) {
        String host = SparkEnv.get().blockManager().blockManagerId().host();
        tell(new Message.Unusable(host, problem.get()));
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
      tell(new Message.Keys(executor(), directory(), keys.rest(), true));
    } catch (Exception e) { // it asks for the report again
      link().unanswered("Entries of this host are not used by others for now", e);
    }
  }

  /** The store, if what it holds is what the driver's keys promise. */
  private Optional<DiskStore> ofApplication() {
    return strange == null ? ProcessStores.find(options()) : Optional.empty();
  }

  /** Those that the driver has not been told of. */
  private void reportParts(DiskStore store) throws Exception {
    List<SetPart> parts = store.sets().parts(generation -> !toldGenerations.contains(generation));
    for (int from = 0; from < parts.size(); from += PARTS_IN_MESSAGE) {
      List<Message.Part> chunk = new ArrayList<>();
      List<Key> generations = new ArrayList<>();
      for (SetPart part : parts.subList(from, Math.min(parts.size(), from + PARTS_IN_MESSAGE))) {
        generations.add(part.generation());
        chunk.add(
            new Message.Part(
                part.key().hex(),
                part.generation().hex(),
                part.partitions(),
                part.createdAt().toEpochMilli(),
                part.members().toLongArray()));
      }
      tell(new Message.Parts(directory(), chunk));
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
          tell(new Message.Keys(executor(), directory(), rest(), false));
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
    Message.Orders orders;
    int hurries = schedule.hurries();
    try {
      sets().tellOfPartitions();
      if (due == PollSchedule.Due.LOOK) {
        lookForOthers(added);
      }
      orders =
          link()
              .ask(
                  new Message.Changes(
                      executor(),
                      directory(),
                      added.stream().mapToLong(Long::longValue).toArray(),
                      removed.stream().mapToLong(Long::longValue).toArray(),
                      releasesSeen,
                      new HashMap<>(sets().obeyed())));
    } catch (Exception e) { // as at the end of every application
      log.debug("The driver does not answer; it is told again", e);
      synchronized (changes) {
        added.forEach(key -> changes.putIfAbsent(key, true));
        removed.forEach(key -> changes.putIfAbsent(key, false));
      }
      return;
    }
    try {
      follow(orders, hurries);
    } catch (Exception e) {
      link().unanswered("An order of the driver is not carried out", e);
    }
  }

  private void follow(Message.Orders orders, int hurries) throws Exception {
    schedule.answered(orders.pollTicks(), hurries);
    sets().obey(orders.due());
    for (Message.Finish part : orders.toFinish()) {
      sets().finish(part);
    }
    releasesSeen = orders.releases();
    for (int rddId : orders.released()) {
      release.accept(rddId);
    }
    if (orders.report()) {
      reportAll();
    }
  }

  private StoreOptions options() {
    return Objects.requireNonNull(storeOptions);
  }

  private DriverLink link() {
    return Objects.requireNonNull(link);
  }

  private String executor() {
    return link().executor();
  }

  private void tell(Message<Boolean> report) throws Exception {
    boolean unused = link().ask(report);
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
