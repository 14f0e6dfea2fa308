// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import java.util.function.Predicate;

/**
 * Entries on a local disk, found by key, shared by all processes of a user on a host. One instance
 * per directory and process is enough; it is safe for many threads.
 *
 * <h2>Publishing</h2>
 *
 * The writer fills and forces a file under {@code tmp/} ({@link #begin}). Publishing renames it to
 * a name under {@code data/} that was never used before and adds the row in one transaction: a row
 * never precedes its file. Names are unique, so writers of the same key cannot overwrite each
 * other; the second finds the row of the first and discards its own file. No lock is held while a
 * data file is written, moved or read.
 *
 * <p>Only the bytes of an entry are forced to the disk, before it gets its name; neither the folder
 * nor the commit is (SQLite forces its log before a checkpoint, which keeps the index whole). The
 * death of a process loses nothing, because the kernel has it all. A power cut may take the last
 * names and the last rows, either without the other, and each costs one computation: a row without
 * its file is dropped, a file without its row deleted. No name can show other bytes than were
 * forced, and the checksum is verified all the same.
 *
 * <h2>Looking up</h2>
 *
 * A lookup asks memory or the index, without locks, and looks whether the file is there ({@link
 * Lookups}). It writes nothing: access times are gathered and written in batches ({@link
 * AccessLog}), and rows whose files are gone are dropped by the store's own thread.
 *
 * <h2>Sets</h2>
 *
 * Partitions of a run-bound result are published one by one with their generation, and become a set
 * only by {@link SetStore#complete}. The index drops a set in the very transaction that removes one
 * of its entries, by a trigger, whoever removes it and why.
 *
 * <h2>When something fails</h2>
 *
 * A cache must not fail a query. Lookups that fail are misses, and removals that fail free nothing;
 * both count the error and log it now and then; {@link #begin} and publishing throw {@link
 * StoreException}, which the caller takes as "go on without the cache". {@link Recovery} clears up
 * after processes that died, {@link IndexFile} replaces a damaged index, {@link Evictor} keeps the
 * limit.
 */
@Internal
public final class DiskStore implements AutoCloseable {
  private static final long FLUSH_SECONDS = 10;

  private static final long EVICT_SECONDS = 60;
  private static final Duration RESUME = Duration.ofMillis(500);
  private static final Duration LEASE_POLL = Duration.ofMillis(20);

  private final CacheDirectory directory;
  private final Owner owner;
  private final Index index;
  private final InstantSource clock;
  private final Room room;
  private final Rows rows;
  private final Counters counters = new Counters();
  private final Trouble trouble = new Trouble(counters);
  private final Background background = new Background(trouble);
  private final Pins pins = new Pins();
  private final Verifier verifier;
  private final Removal removal;
  private final Evictor evictor;
  private final Publisher publisher;
  private final Reindexer reindexer;
  private final AccessLog accesses = new AccessLog();
  private final Trace trace;
  private final Front front;
  private final Lookups lookups;
  private final Leases leases;
  private final FunctionNotes functions;
  private final SetStore sets;
  private volatile boolean closed;

  private DiskStore(
      StoreOptions options,
      CacheDirectory directory,
      Owner owner,
      Index index,
      Room room,
      InstantSource clock) {
    this.directory = directory;
    this.owner = owner;
    this.index = index;
    this.clock = clock;
    this.room = room;
    this.rows = new Rows(directory, new DamagedRows(index, background, trouble));
    this.verifier = new Verifier(options.verify());
    this.front = new Front(directory);
    this.removal = new Removal(directory, owner, index, trouble, front, counters, room);
    StoreParts parts =
        new StoreParts(directory, owner, index, rows, background, counters, trouble, clock);
    this.sets = new SetStore(parts, removal);
    this.leases = new Leases(directory, owner, clock);
    this.functions = new FunctionNotes(directory, trouble);
    this.evictor = new Evictor(index, rows, pins, removal, room, clock);
    this.reindexer = new Reindexer(directory, owner, index, rows, removal, counters, clock);
    this.trace = new Trace(directory.trace());
    this.publisher = new Publisher(parts, removal, evictor, room, trace, front);
    this.lookups = new Lookups(parts, removal, room, front, accesses, trace);
  }

  /**
   * Opens the store, creating the directory if need be. Opening a healthy one changes nothing in
   * its index.
   *
   * @throws StoreException if the directory must not or cannot be used; nothing is left behind
   */
  public static DiskStore open(StoreOptions options) throws StoreException {
    return open(options, DirectoryProbe.system(), InstantSource.system());
  }

  /** Opens an existing cache to look after it: without limits, and without leaving any. */
  public static DiskStore openForMaintenance(Path directory, Set<String> fileSystems)
      throws StoreException {
    StoreOptions options =
        new StoreOptions(
            directory.toString(),
            StoreLimits.ofBytes(Long.MAX_VALUE),
            VerifyMode.OPEN,
            EvictionPolicy.NONE,
            fileSystems,
            Set.of());
    return open(options, DirectoryProbe.system(), InstantSource.system(), false);
  }

  static DiskStore open(StoreOptions options, DirectoryProbe probe, InstantSource clock)
      throws StoreException {
    return open(options, probe, clock, true);
  }

  private static DiskStore open(
      StoreOptions options, DirectoryProbe probe, InstantSource clock, boolean limited)
      throws StoreException {
    CacheDirectory directory = CacheDirectory.prepare(options.path(), probe, options.fileSystems());
    Recovery recovery;
    Room room;
    try {
      DirectoryProbe.Space space = probe.space(directory.root());
      room =
          limited
              ? Room.of(options, directory.root(), space)
              : Room.unlimited(directory.root(), space);
      recovery = Recovery.inspect(directory);
    } catch (IOException e) {
      throw StoreException.failed("Cannot open cache directory '" + directory.root() + "'", e);
    }
    Index index = Index.open(directory, recovery.afterCrash());
    DiskStore store = new DiskStore(options, directory, new Owner(directory), index, room, clock);
    store.start(recovery);
    return store;
  }

  private void start(Recovery recovery) {
    background.every(RESUME, "Cannot ask for the write lock", index::resume);
    background.every(
        RESUME,
        "Cannot begin the log of the index anew",
        () -> index.restartLog(Session.MAX_IDLE_LOG_BYTES));
    background.every(FLUSH_SECONDS, "Cannot write access times", () -> accesses.flush(index));
    background.every(FLUSH_SECONDS, "Cannot write the trace", () -> trace.flush(owner));
    if (room.changesByItself()) {
      background.every(EVICT_SECONDS, "Cannot evict", evictor::run);
    }
    boolean needed;
    try {
      needed = recovery.isNeeded(index);
      if (index.read(Sums::totals).unindexedFiles() > 0) {
        background.run("Cannot index files again", () -> reindexer.run(() -> closed));
      }
    } catch (SQLException | IOException e) {
      trouble.report("Cannot look for leftovers of dead processes", e);
      return;
    }
    if (needed) {
      background.run(
          "Cannot clear up after dead processes",
          () -> recovery.run(index, rows, removal, () -> closed));
    }
  }

  /** The published entry of that key, if its file is there. */
  public Optional<Entry> find(Key key) {
    return closed ? lookups.missed(1, Optional.empty()) : lookups.find(key);
  }

  /** {@link #find} for many keys, in the order given, those not found left out. */
  public Map<Key, Entry> findAll(Collection<Key> keys) {
    return closed ? lookups.missed(keys.size(), Map.of()) : lookups.findAll(keys);
  }

  /** The complete set of that key, if all of its files are there. */
  public Optional<EntrySet> findSet(Key setKey) {
    return closed ? lookups.missed(1, Optional.empty()) : lookups.findSet(setKey);
  }

  /**
   * {@link #findAll} for those who only look: nothing is counted or removed, and entries for which
   * a function read a file that has changed since are among them.
   */
  public List<Entry> peek(Collection<Key> keys) {
    return closed ? List.of() : lookups.peek(keys);
  }

  /** {@link #peek} for a set. */
  public Optional<EntrySet> peekSet(Key setKey) {
    return closed ? Optional.empty() : lookups.peekSet(setKey);
  }

  /** The components of the key, stored with the entry; empty if there is no entry. */
  public Optional<Map<String, String>> components(Key key) {
    return lookUp(
        "Cannot look up the components of an entry",
        Optional.<Map<String, String>>empty(),
        () ->
            index.readSnapshot(
                session ->
                    rows.byKey(session, key).isPresent()
                        ? Optional.of(rows.components(session, key))
                        : Optional.empty()));
  }

  /** All published entries, oldest first, as the index has them: files are not looked at. */
  public List<Entry> entries() {
    return lookUp("Cannot list entries", List.<Entry>of(), () -> index.read(rows::byAge));
  }

  /** Counters since opening and the state of the index; zeros where it cannot be read. */
  public StoreStats stats() {
    Totals totals = lookUp("Cannot read totals", Totals.NONE, () -> index.read(Sums::totals));
    return counters.snapshot(totals);
  }

  /**
   * Whether the file has the length and, as {@link VerifyMode} says, the checksum that were
   * written. A damaged file is quarantined and its row dropped, a missing file's row is dropped; a
   * file that cannot be read now is left alone. In all these cases: compute.
   */
  public boolean verify(Entry entry) {
    try {
      if (verifier.matches(entry)) {
        return true;
      }
      removal.quarantine(entry, "its length or checksum is not the one written");
    } catch (NoSuchFileException e) {
      trouble.attempt("Cannot drop an entry without a file", () -> removal.dropMissing(entry));
    } catch (IOException | SQLException e) {
      trouble.report("Cannot verify an entry", e);
    }
    return false;
  }

  /**
   * Sets an entry aside whose file has the right checksum and still is not what it should be.
   *
   * @param cause what is wrong, such as "it cannot be read"
   */
  public void quarantine(Entry entry, String cause) {
    trouble.attempt("Cannot quarantine an entry", () -> removal.quarantine(entry, cause));
  }

  /** Findings about functions, for all processes. */
  public FunctionNotes functions() {
    return functions;
  }

  /**
   * Counts an error that the caller has dealt with, and logs it now and then.
   *
   * @param problem one of a fixed set of phrases, such as "Cannot write an entry"
   */
  public void countError(String problem, Exception cause) {
    trouble.report(problem, cause);
  }

  /** Work on the cache as a whole, for operators. */
  public Maintenance maintenance() {
    return new Maintenance(this, directory, index, new SelfCheck(directory, index, rows, removal));
  }

  /**
   * Keeps this process from evicting the entry for room; close the pin to release it. It may still
   * be evicted on request, or by another process, and its file with it: who must go on reading
   * opens or maps the file.
   */
  public Pin pin(Entry entry) {
    return pins.pin(entry);
  }

  /**
   * The right to compute an entry while other processes wait for it, see {@link Leases}.
   *
   * @param wait how long to wait for the process that has it
   * @param waiting called now and then meanwhile; may throw to give up
   * @return empty if it was not to be had: compute all the same
   */
  public Optional<Lease> lease(Key key, Duration wait, Runnable waiting) {
    long deadline = System.nanoTime() + wait.toNanos();
    try {
      Optional<Lease> lease = leases.tryAcquire(key);
      while (lease.isEmpty() && leases.isWorthWaiting(key)) {
        if (System.nanoTime() >= deadline) {
          if (!wait.isZero()) {
            leases.waitedInVain(key);
          }
          return lease;
        }
        waiting.run();
        LockSupport.parkNanos(LEASE_POLL.toNanos());
        lease = leases.tryAcquire(key);
      }
      return lease;
    } catch (IOException e) {
      trouble.report("Cannot lease an entry", e);
      return Optional.empty();
    }
  }

  /** A place to write the entry of that key to. */
  public PendingEntry begin(Key key) throws StoreException {
    if (closed) {
      throw new StoreException(
          "Cannot begin entry " + key,
          "the store in '" + directory.root() + "' is closed",
          "Open it again to go on caching");
    }
    return publisher.begin(key);
  }

  /** Results of several partitions, which are found as one. */
  public SetStore sets() {
    return sets;
  }

  /**
   * The first eight bytes of the keys of entries, by whichever process they were added.
   *
   * @param after an entry's number, which this has returned: those that were added later; 0 for
   *     all. The number of one that was the last when it was removed may be given again.
   * @return the number of the last entry
   */
  public long forEachKeyPrefix(long after, LongConsumer visitor) {
    return lookUp(
        "Cannot list keys",
        after,
        () -> index.readSnapshot(session -> Rows.forEachKeyPrefix(session, after, visitor)));
  }

  /** Has the listener told of what this process adds and removes from now on. */
  public void onChange(ChangeListener listener) {
    front.onChange(listener);
  }

  /**
   * Removes the published entries that the predicate chooses, pinned ones included, with their
   * files: what has one open goes on reading it, and nobody finds it any more.
   *
   * @return bytes freed; after an error, those freed until then
   */
  public long evict(Predicate<Entry> predicate) {
    List<Entry> victims = new ArrayList<>(entries());
    victims.removeIf(predicate.negate());
    return evict(victims, "on request");
  }

  /** The selected entries, oldest first; files are not looked at. */
  public List<Entry> select(Selector selector) {
    return lookUp(
        "Cannot list entries",
        List.<Entry>of(),
        () -> index.readSnapshot(session -> rows.select(session, selector, clock.instant())));
  }

  /**
   * Removes what the selector selects, as {@link #evict(Predicate)} does.
   *
   * @return bytes freed; after an error, those freed until then
   */
  public long evict(Selector selector) {
    return evict(select(selector), "selected by " + selector);
  }

  private long evict(List<Entry> victims, String reason) {
    front.clear();
    return lookUp("Cannot evict", 0L, () -> removal.remove(victims, EvictionCause.REQUEST, reason));
  }

  /** Removes all published entries and sets; returns the bytes freed. */
  public long clear() {
    long freed = evict(entry -> true);
    return freed
        + lookUp(
            "Cannot evict",
            0L,
            () -> {
              index.write(
                  session -> { // sets without partitions; the others went with their entries
                    session.execute("DELETE FROM sets WHERE partitions = 0");
                    return true;
                  });
              return removal.removeUnindexed(Long.MAX_VALUE, "on request");
            });
  }

  private interface LookUp<T> {
    T run() throws SQLException;
  }

  private <T> T lookUp(String problem, T otherwise, LookUp<T> work) {
    if (closed) {
      return otherwise;
    }
    try {
      return work.run();
    } catch (SQLException e) {
      trouble.report(problem, e);
      return otherwise;
    }
  }

  /** Work that the store does by itself now and then. */
  void enforceLimits() throws SQLException, IOException {
    evictor.run();
  }

  /** Waits for evictions, recovery and dropped rows that were due before. */
  void settle() throws InterruptedException {
    background.await();
  }

  Index index() {
    return index;
  }

  /**
   * Writes what is outstanding and releases thread, connections, temporary files, and the owner
   * lock. Lookups then find nothing. Idempotent.
   */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    background.close();
    trouble.attempt("Cannot remove unfinished sets", sets::abandonOwn);
    trouble.attempt("Cannot write access times", () -> accesses.flush(index));
    trouble.attempt("Cannot write the trace", () -> trace.flush(owner));
    trouble.attempt("Cannot close the index", index::close);
    trouble.attempt(
        "Cannot delete temporary files",
        () -> {
          Optional<String> token = owner.tokenIfClaimed();
          for (Path path : Directories.list(directory.tmp())) {
            if (token.isPresent() && CacheDirectory.tempOwner(path).equals(token)) {
              Files.deleteIfExists(path);
            }
          }
        });
    trouble.attempt("Cannot release the owner lock", owner::close);
  }
}
