// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Results of memoised functions: {@code memo/memo-0.db} to {@code memo-f.db} by the first digit of
 * the key, and {@code memo/ledger.db}, shared by all processes of the host.
 *
 * <h2>Writing</h2>
 *
 * Results wait in memory, where lookups of this process find them, for one thread that commits them
 * {@linkplain #FLUSH_PERIOD several times a second}, one transaction a file. A committed result
 * survives the process; a process that is killed loses what it computed in that last moment. A
 * commit that fails is tried again with the next, up to {@link #MAX_WAITING_BYTES}; beyond that,
 * and where a file is damaged, results are dropped.
 *
 * <h2>Single flight</h2>
 *
 * Before a call its caller takes the lease of the key, a row beside the results that is removed by
 * the transaction that brings the result. It holds as long as its process lives, but no longer than
 * it was taken for, so that neither a dead nor a hung owner is waited for. Leases save calls;
 * nothing is wrong if two hold one.
 *
 * <h2>Errors</h2>
 *
 * No method throws because of the files but {@link #entries}, {@link #ledger} and {@link #remove},
 * which people call: elsewhere a failure is counted, and means that nothing is known.
 */
@Internal
public final class MemoStore implements AutoCloseable {
  static final Duration FLUSH_PERIOD = Duration.ofMillis(250);
  private static final Duration TIDY_PERIOD = Duration.ofMinutes(10);
  private static final int SHARDS = 16;
  private static final int MAX_WAITING = 1_000; // then the caller writes
  private static final int MAX_FAILED = 100_000; // while nothing can be written
  private static final long PAUSE_MILLIS = 10_000; // without leases, after one could not be taken
  private static final long MAX_WAITING_BYTES = 64L << 20;

  private final Path directory;
  private final InstantSource clock;
  private final Counters counters = new Counters();
  private final Trouble trouble = new Trouble(counters);
  private final Background background = new Background(trouble);
  private final List<MemoShard> shards = new ArrayList<>();
  private final MemoLedger ledger;
  private final Map<MemoKey, Pending> waiting = new ConcurrentHashMap<>();
  private final AtomicInteger waitingRows = new AtomicInteger();
  private final AtomicLong waitingBytes = new AtomicLong();
  private final Map<String, Long> limits = new ConcurrentHashMap<>(); // of a shard
  private final Set<MemoShard> written = ConcurrentHashMap.newKeySet();
  private final List<Runnable> evictionListeners = new CopyOnWriteArrayList<>();
  private volatile long evictions;
  private volatile boolean failing;
  private volatile long pausedUntil;

  /** The next step of a caller who wants a key. */
  public enum Turn {
    /** Call the function, then {@link #put} or {@link #release}. */
    CALL,
    /** Another process is calling it. */
    WAIT,
    /** There is a result. */
    KNOWN
  }

  /**
   * A result on its way to the disk.
   *
   * @param result null for a call that failed: then only the lease is to end
   */
  record Pending(
      MemoKey key, MemoFunction function, String arguments, @Nullable MemoResult result) {
    long bytes() {
      return arguments.length() + (result == null ? 0L : result.value().length);
    }
  }

  private MemoStore(Path directory, InstantSource clock) {
    this.directory = directory;
    this.clock = clock;
    for (int i = 0; i < SHARDS; i++) {
      shards.add(new MemoShard(directory.resolve("memo-" + Integer.toHexString(i) + ".db")));
    }
    this.ledger = new MemoLedger(ledgerFile(), clock);
    this.evictions = evictionsOnDisk();
    background.every(FLUSH_PERIOD, "Cannot write memoised results", this::flush);
    background.every(TIDY_PERIOD, "Cannot remove expired memoised results", this::tidy);
  }

  /**
   * Opens the results of a cache directory, creating both if need be.
   *
   * @throws StoreException if the directory must not or cannot be used
   */
  public static MemoStore open(Path cacheDirectory) throws StoreException {
    return open(cacheDirectory, InstantSource.system());
  }

  /** Whether there is anything to open in a cache directory. */
  public static boolean exists(Path cacheDirectory) {
    return Files.isDirectory(cacheDirectory.resolve(CacheDirectory.MEMO));
  }

  static MemoStore open(Path cacheDirectory, InstantSource clock) throws StoreException {
    CacheDirectory root = CacheDirectory.prepare(cacheDirectory, DirectoryProbe.system());
    try {
      Directories.createPrivate(root.memo());
    } catch (IOException e) {
      throw StoreException.failed("Cannot create '" + root.memo() + "'", e);
    }
    return new MemoStore(root.memo(), clock);
  }

  private Path ledgerFile() {
    return directory.resolve("ledger.db");
  }

  /**
   * Grows by a byte with every removal, so that other processes forget what they hold in memory.
   */
  private Path evictionsFile() {
    return directory.resolve("evictions");
  }

  private long evictionsOnDisk() {
    try {
      return Files.size(evictionsFile());
    } catch (NoSuchFileException e) {
      return 0;
    } catch (IOException e) {
      trouble.report("Cannot see whether memoised results were evicted", e);
      return evictions;
    }
  }

  private MemoShard shard(MemoKey key) {
    return shards.get(key.shard());
  }

  /** Counters of a function, to be added to by whoever calls it. */
  public MemoCounts counts(MemoFunction function) {
    return ledger.counts(function);
  }

  /** Failures of the files so far, each of which cost a hit at most. */
  public long errors() {
    return counters.errors.sum();
  }

  /** Keeps the results of a function within so many bytes, by its name, the newest ones. */
  public void limit(MemoFunction function, long maxBytes) {
    limits.put(function.name(), Math.max(1, maxBytes / SHARDS));
  }

  /** Called after something was removed, by whichever process: what is held in memory may be it. */
  public void onEviction(Runnable listener) {
    evictionListeners.add(listener);
  }

  /** The result of a key, expired or not. */
  public Optional<MemoResult> find(MemoKey key) {
    Pending pending = waiting.get(key);
    if (pending != null && pending.result() != null) {
      return Optional.of(pending.result());
    }
    try {
      return shard(key).find(key);
    } catch (SQLException | IOException e) {
      trouble.report("Cannot look up a memoised result", e);
      return Optional.empty();
    }
  }

  /**
   * Asks for the turn to call the function for a key.
   *
   * @param lease after which others no longer wait
   * @param usable which results would do
   */
  public Turn takeTurn(MemoKey key, Duration lease, Predicate<MemoResult> usable) {
    long now = clock.millis();
    if (now < pausedUntil) {
      return Turn.CALL; // nobody waits for a file that is locked for good, row by row
    }
    try {
      MemoShard shard = shard(key);
      Turn turn = shard.isLeased(key, now) ? Turn.WAIT : shard.takeTurn(key, lease, usable, now);
      if (turn == Turn.KNOWN) {
        shard.forget(); // it may have replaced one that would not do
      }
      return turn;
    } catch (SQLException | IOException e) {
      pausedUntil = now + PAUSE_MILLIS;
      trouble.report("Cannot take the lease of a memoised call", e);
      return Turn.CALL;
    }
  }

  /**
   * Keeps a result and ends the lease of its key.
   *
   * @param arguments of {@link MemoEntry#join}
   */
  public void put(MemoKey key, MemoFunction function, String arguments, MemoResult result) {
    enqueue(new Pending(key, function, arguments, result));
  }

  /** Ends the lease of a key without a result. */
  public void release(MemoKey key, MemoFunction function) {
    enqueue(new Pending(key, function, "", null));
  }

  private void enqueue(Pending pending) {
    if (waitingBytes.get() > MAX_WAITING_BYTES || waitingRows.get() > MAX_FAILED) {
      trouble.report(
          "Cannot keep a memoised result",
          new IOException(waitingRows.get() + " results wait to be written"));
      return;
    }
    waitingBytes.addAndGet(pending.bytes());
    waitingRows.incrementAndGet();
    Pending replaced = waiting.put(pending.key(), pending);
    if (replaced != null) {
      forget(replaced);
    }
    if (waitingRows.get() >= MAX_WAITING && !failing) {
      flushMany();
    }
  }

  /**
   * Whoever computes faster than the disk writes has to wait for it; but who has waited for another
   * who failed does not try it again.
   */
  private synchronized void flushMany() {
    if (waitingRows.get() >= MAX_WAITING && !failing) {
      flushQuietly();
    }
  }

  private void forget(Pending pending) {
    waitingBytes.addAndGet(-pending.bytes());
    waitingRows.decrementAndGet();
  }

  /** Writes what is waiting; returns when it has been committed. */
  public synchronized void flush() throws SQLException, IOException {
    refresh();
    noticeEvictions();
    Map<MemoShard, List<Pending>> byShard = new LinkedHashMap<>();
    for (Pending pending : waiting.values()) {
      byShard.computeIfAbsent(shard(pending.key()), s -> new ArrayList<>()).add(pending);
    }
    Exception failure = null;
    for (Map.Entry<MemoShard, List<Pending>> entry : byShard.entrySet()) {
      try {
        commit(entry.getKey(), entry.getValue());
      } catch (SQLException | IOException e) {
        failure = e; // the other files may be well
      }
    }
    failing = failure != null;
    ledger.write();
    if (failure != null) {
      throw new IOException(
          "results of %d memoised calls wait to be written: %s"
              .formatted(waitingRows.get(), failure),
          failure);
    }
  }

  private void commit(MemoShard shard, List<Pending> results) throws SQLException, IOException {
    boolean retry = false;
    try {
      shard.commit(results, limits);
      written.add(shard);
    } catch (SQLException e) {
      // A damaged file does not recover as a full disk does, and must not fill the memory.
      retry = !Index.isCorruption(e);
      throw e;
    } catch (IOException e) {
      retry = true;
      throw e;
    } finally {
      if (!retry) {
        for (Pending pending : results) {
          if (waiting.remove(pending.key(), pending)) {
            forget(pending);
          }
        }
      }
    }
  }

  private void refresh() {
    eachShard(MemoShard::refresh);
  }

  private void forget() {
    eachShard(MemoShard::forget);
  }

  private interface OfShard {
    void apply(MemoShard shard) throws SQLException;
  }

  private void eachShard(OfShard action) {
    for (MemoShard shard : shards) {
      try {
        action.apply(shard);
      } catch (SQLException e) {
        trouble.report("Cannot look up memoised results", e); // the next lookup opens the file anew
      }
    }
  }

  private void noticeEvictions() {
    long now = evictionsOnDisk();
    if (now != evictions) {
      evictions = now;
      forget(); // before memory is cleared, which is filled from it
      evictionListeners.forEach(Runnable::run);
    }
  }

  private void tidy() throws SQLException, IOException {
    for (MemoShard shard : written) {
      shard.tidy(clock.millis());
    }
  }

  /**
   * The kept results, oldest first.
   *
   * @throws StoreException if a file cannot be read
   */
  public List<MemoEntry> entries(Predicate<MemoEntry> wanted) throws StoreException {
    flushQuietly();
    List<MemoEntry> entries = new ArrayList<>();
    for (MemoShard shard : shards) {
      try {
        if (Files.exists(shard.file())) {
          shard.forEach(
              entry -> {
                if (wanted.test(entry)) {
                  entries.add(entry);
                }
              });
        }
      } catch (SQLException | IOException e) {
        throw StoreException.failed("Cannot read '" + shard.file() + "'", e);
      }
    }
    entries.sort(Comparator.comparing(MemoEntry::createdAt));
    return entries;
  }

  private void flushQuietly() {
    try {
      flush();
    } catch (SQLException | IOException e) {
      trouble.report("Cannot write memoised results", e);
    }
  }

  /** The selected results, oldest first; see {@link Selector} for the terms it needs. */
  public List<MemoEntry> entries(Selector selector) throws StoreException {
    return selector.mayMeanMemo()
        ? entries(entry -> selector.matches(entry, clock.instant()))
        : List.of();
  }

  /**
   * Removes results.
   *
   * @return bytes of the values removed
   * @throws StoreException if a file cannot be written
   */
  public long remove(Collection<MemoEntry> entries) throws StoreException {
    Map<MemoShard, List<MemoEntry>> byShard = new HashMap<>();
    for (MemoEntry entry : entries) {
      byShard.computeIfAbsent(shard(entry.key()), s -> new ArrayList<>()).add(entry);
    }
    long bytes = 0;
    for (Map.Entry<MemoShard, List<MemoEntry>> entry : byShard.entrySet()) {
      try {
        entry.getKey().remove(entry.getValue());
        entry.getKey().forget();
        bytes += entry.getValue().stream().mapToLong(MemoEntry::bytes).sum();
      } catch (SQLException | IOException e) {
        throw StoreException.failed(
            "Cannot remove results from '" + entry.getKey().file() + "'", e);
      }
    }
    if (!entries.isEmpty()) {
      announceEviction();
    }
    return bytes;
  }

  private void announceEviction() throws StoreException {
    try {
      Files.write(
          evictionsFile(), new byte[1], StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw StoreException.failed("Cannot tell other processes of an eviction", e);
    }
    evictionListeners.forEach(Runnable::run);
  }

  /**
   * The costs and savings of functions, of all processes; those that run add theirs within a
   * second.
   *
   * @throws StoreException if it cannot be read
   */
  public List<MemoUse> ledger() throws StoreException {
    flushQuietly();
    try {
      return Files.exists(ledgerFile()) ? ledger.lines() : List.of();
    } catch (SQLException | IOException e) {
      throw StoreException.failed("Cannot read '" + ledgerFile() + "'", e);
    }
  }

  /** Writes what is waiting and closes the files. */
  @Override
  public void close() {
    background.close();
    flushQuietly();
    for (AutoCloseable closing : all()) {
      try {
        closing.close();
      } catch (Exception e) {
        trouble.report("Cannot close memoised results", e);
      }
    }
  }

  private List<AutoCloseable> all() {
    List<AutoCloseable> all = new ArrayList<>(shards);
    all.add(ledger);
    return all;
  }
}
