// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.EntrySet;
import io.sparkdiskcache.store.FileLook;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of entries on a file system that outlives the hosts. One instance per directory and
 * process; safe for many threads.
 *
 * <h2>What is there</h2>
 *
 * {@code v1/ab/cd/KEY.arrow} is the file of an entry as it is on the SSD, encrypted if that is. It
 * describes itself ({@link EntryDescription}), so that nothing else is needed to take it into a
 * store. {@code v1/sets/ab/cd/KEY.set} says which run's entries make up a set. Objects are found by
 * their names; listed are only the notes of what was erased, once a minute, and what hosts ask for
 * together to see whether it is still there ({@link Presence}).
 *
 * <h2>What is served</h2>
 *
 * An object is copied into the store of the host, where every byte is compared with the checksums
 * in its description and its key with the one that was asked for. It keeps the time at which it was
 * made, so that times to live hold. An object that is damaged or too old is a miss: its rows are
 * recomputed, and their upload takes its place. All other objects stay as they are.
 *
 * <h2>When something fails</h2>
 *
 * If the tier is unreachable, reads miss and writes are dropped; see {@link Availability}.
 */
@Internal
public final class RemoteTier {
  private static final Logger log = LoggerFactory.getLogger(RemoteTier.class);
  private static final Map<String, RemoteTier> OPEN = new HashMap<>();

  /** A note that a function is distrusted is looked for once in that time. */
  private static final Duration TRUST = Duration.ofMinutes(1);

  private static final int MAX_SET_BYTES = 64 << 20;

  private final RemoteOptions options;
  private final Counters counters = new Counters();
  private final RemoteObjects objects;
  private final Availability availability;
  private final Erasures erasures;
  private final Uploads uploads;
  private final Presence presence;
  private final Downloads downloads;
  private final Uploads memoUploads;
  private final RemoteMemo memo;
  private final Map<String, Trust> trust = new ConcurrentHashMap<>();

  /**
   * @param until when to look again
   */
  private record Trust(boolean trusted, Instant until) {}

  private RemoteTier(RemoteOptions options, Configuration conf) {
    this.options = options;
    this.availability = new Availability(options.directory(), counters);
    this.objects =
        new RemoteObjects(
            options.directory(), conf, (name, e) -> availability.failed("Cannot close " + name, e));
    this.erasures = new Erasures(objects);
    this.uploads = new Uploads(objects, availability, counters, erasures);
    this.presence = new Presence(objects, uploads);
    this.downloads = new Downloads(availability);
    this.memoUploads = new Uploads(objects, availability, counters, erasures);
    this.memo = new RemoteMemo(objects, counters, memoUploads, downloads);
  }

  /** The tier of a directory, if one is set; nothing is asked of the remote system yet. */
  public static Optional<RemoteTier> of(RemoteOptions options, Configuration conf) {
    if (!options.isSet()) {
      return Optional.empty();
    }
    synchronized (OPEN) {
      return Optional.of(
          OPEN.computeIfAbsent(options.directory(), d -> new RemoteTier(options, conf)));
    }
  }

  /**
   * Refuses a directory for which there is no file system on the class path.
   *
   * @throws IllegalArgumentException naming it
   */
  public static void check(RemoteOptions options, Configuration conf) {
    if (options.isSet()) {
      String scheme = URI.create(options.directory()).getScheme();
      try {
        FileSystem.getFileSystemClass(scheme, conf);
      } catch (IOException | RuntimeException | LinkageError e) {
        throw new IllegalArgumentException(
            "Cannot use '%s' for spark.diskcache.remote.dir: %s. Add the jar of that file system, or set fs.%s.impl."
                .formatted(options.directory(), e.getMessage(), scheme),
            e);
      }
    }
  }

  /** The results of memoised functions in this tier. */
  public RemoteMemo memo() {
    return memo;
  }

  /** Counters of this process for a directory so far. */
  public static RemoteStats stats(RemoteOptions options) {
    synchronized (OPEN) {
      RemoteTier tier = OPEN.get(options.directory());
      return tier == null ? RemoteStats.NONE : tier.counters.snapshot();
    }
  }

  /** Waits a bounded time for what is still to be written, and closes all tiers of the process. */
  public static void closeAll() {
    Collection<RemoteTier> tiers;
    synchronized (OPEN) {
      tiers = List.copyOf(OPEN.values());
      OPEN.clear();
    }
    tiers.forEach(RemoteTier::close);
  }

  private void close() {
    presence.close();
    uploads.close(options.flush());
    memoUploads.close(options.flush());
    downloads.close();
    try {
      objects.close();
    } catch (IOException e) {
      log.warn("Cannot close the file system of {}: {}", options.directory(), e.toString());
    }
    RemoteStats stats = counters.snapshot();
    if (stats.dropped() > 0) {
      log.warn(
          "{} entries or sets were not written to {}: too many were waiting, it failed, or the application ended too soon.",
          stats.dropped(),
          options.directory());
    }
  }

  /** Has a published entry written in the background. */
  public void upload(Entry entry) {
    presence.written(entry.key());
    uploads.entry(entry);
  }

  /** An entry was served from the SSD: it is written again if it has expired here. */
  public void used(Entry entry) {
    presence.used(entry);
  }

  /** The same of a set. */
  public void used(EntrySet set) {
    presence.used(set);
  }

  /**
   * Has a complete set written in the background, once its members are.
   *
   * @param members keys of its entries, from partition 0
   */
  public void uploadSet(Key setKey, Key generation, List<Key> members, SetMeta meta) {
    presence.written(setKey);
    uploads.set(new RemoteSet(setKey, generation, members.size(), meta, Instant.now()), members);
  }

  /**
   * An object to fetch.
   *
   * @param function as in the entry's description
   * @param notBefore what was stored before is too old
   */
  public record Wanted(Key key, String function, Instant notBefore) {}

  /**
   * Copies an entry into the store.
   *
   * @param waiting called now and then meanwhile; may throw to give up
   */
  public Optional<Entry> fetch(DiskStore store, Wanted wanted, Runnable waiting) {
    return start(store, wanted, Optional.empty()).await(waiting);
  }

  /** Position of an entry in a run that is asked for. */
  private record Member(Key generation, int partition) {}

  private Downloads.Running<Entry> start(DiskStore store, Wanted wanted, Optional<Member> member) {
    return downloads.start(
        "Cannot fetch entry %s from the remote tier".formatted(wanted.key()),
        watch -> {
          if (!isTrusted(wanted.function()) || erasures.holds(wanted.key(), wanted.function())) {
            counters.misses.increment();
            return Optional.empty();
          }
          try (InputStream data = objects.open(objects.entry(wanted.key()), Long.MAX_VALUE);
              PendingEntry pending = store.begin(wanted.key())) {
            return receive(pending, data, wanted, member, watch);
          } catch (FileNotFoundException e) {
            counters.misses.increment();
          } catch (StoreException e) {
            store.countError("Cannot store an entry from the remote tier", e);
          }
          return Optional.empty();
        });
  }

  private Optional<Entry> receive(
      PendingEntry pending,
      InputStream data,
      Wanted wanted,
      Optional<Member> member,
      Downloads.Watch watch)
      throws IOException, StoreException {
    Optional<EntryDescription> found = pending.receive(data, watch::progress);
    if (found.isEmpty() || !isAskedFor(found.get(), wanted, member)) {
      counters.damaged.increment();
      uploads.replaceNext(wanted.key());
      log.warn(
          "{} is damaged or another entry; it is computed and written anew.",
          objects.entry(wanted.key()));
      return Optional.empty();
    }
    if (found.get().createdAt().isBefore(wanted.notBefore())
        || !new FileLook().isUnchanged(found.get().meta().reads())) {
      counters.misses.increment();
      uploads.replaceNext(wanted.key());
      return Optional.empty();
    }
    Entry entry = pending.publish(found.get().meta(), found.get().createdAt(), wanted.notBefore());
    counters.hits.increment();
    return Optional.of(entry);
  }

  private static boolean isAskedFor(
      EntryDescription found, Wanted wanted, Optional<Member> member) {
    return found.key().equals(wanted.key())
        && found.meta().relation().equals(wanted.function())
        && (member.isEmpty()
            || (found.meta().generation().equals(Optional.of(member.get().generation()))
                && found.meta().partition() == member.get().partition()));
  }

  /**
   * Copies a set and those of its entries that the store lacks into the store.
   *
   * @param wanted the set's key
   * @param memberKey the key of an entry, by generation and partition
   * @return whether the store has the set now
   */
  public boolean restoreSet(
      DiskStore store, Wanted wanted, BiFunction<Key, Integer, Key> memberKey) {
    Optional<RemoteSet> found = find(wanted);
    return found.isPresent() && restore(store, wanted, found.get(), memberKey);
  }

  /**
   * A set that the tier has. Its entries may be there or not.
   *
   * @param createdAt when it was computed
   */
  public record FoundSet(Key generation, int partitions, SetMeta meta, Instant createdAt) {}

  /** The set of a key; none of its entries is fetched. */
  public Optional<FoundSet> findSet(Wanted wanted) {
    return find(wanted)
        .map(set -> new FoundSet(set.generation(), set.partitions(), set.meta(), set.createdAt()));
  }

  private Optional<RemoteSet> find(Wanted wanted) {
    return downloads
        .start(
            "Cannot fetch set %s from the remote tier".formatted(wanted.key()),
            watch -> read(wanted))
        .await(() -> {});
  }

  private Optional<RemoteSet> read(Wanted wanted) throws IOException {
    Path name = objects.set(wanted.key());
    byte[] content;
    if (!isTrusted(wanted.function()) || erasures.holds(wanted.key(), wanted.function())) {
      counters.misses.increment();
      return Optional.empty();
    }
    try (InputStream data = objects.open(name, MAX_SET_BYTES)) {
      content = data.readAllBytes();
    } catch (FileNotFoundException e) {
      counters.misses.increment();
      return Optional.empty();
    }
    Optional<RemoteSet> set =
        RemoteSet.decode(content).filter(s -> s.setKey().equals(wanted.key()));
    if (set.isEmpty()) {
      counters.damaged.increment();
      log.warn("{} is damaged or another set; it is computed and written anew.", name);
    } else if (set.get().createdAt().isBefore(wanted.notBefore())) {
      counters.misses.increment();
      return Optional.empty();
    }
    return set;
  }

  private boolean restore(
      DiskStore store, Wanted wanted, RemoteSet set, BiFunction<Key, Integer, Key> memberKey) {
    List<Key> members =
        IntStream.range(0, set.partitions())
            .mapToObj(i -> memberKey.apply(set.generation(), i))
            .toList();
    Map<Key, Entry> there = store.findAll(members);
    List<Downloads.Running<Entry>> running = new ArrayList<>();
    for (int i = 0; i < members.size(); i++) {
      Key key = members.get(i);
      if (!there.containsKey(key)) {
        Wanted member = new Wanted(key, wanted.function(), wanted.notBefore());
        running.add(start(store, member, Optional.of(new Member(set.generation(), i))));
      }
    }
    List<Key> fetched = new ArrayList<>();
    boolean complete = false;
    try {
      boolean all = true;
      for (Downloads.Running<Entry> fetch : running) {
        // Also after one is missing: what arrived unseen would stay.
        Optional<Entry> entry = fetch.await(() -> {});
        entry.ifPresent(e -> fetched.add(e.key()));
        all = all && entry.isPresent();
      }
      complete =
          all
              && store
                  .sets()
                  .complete(
                      set.setKey(),
                      set.generation(),
                      set.partitions(),
                      set.meta(),
                      set.createdAt());
    } catch (StoreException e) {
      store.countError("Cannot store a set from the remote tier", e);
    } finally {
      if (!complete) {
        running.forEach(Downloads.Running::abandon);
        store.evict(entry -> fetched.contains(entry.key()));
      }
    }
    return complete;
  }

  /**
   * Has it noted that an audit found entries of a function wrong: no process fetches them any more.
   *
   * @param report what was found
   * @param wrong their objects are deleted
   */
  public void distrust(String function, String report, List<Key> wrong) {
    trust.put(function, new Trust(false, Instant.MAX));
    uploads.note(
        objects.distrusted(function),
        report.getBytes(StandardCharsets.UTF_8),
        wrong.stream().map(objects::entry).toList());
  }

  private boolean isTrusted(String function) throws IOException {
    Instant now = Instant.now();
    Trust known = trust.get(function);
    if (known == null || known.until().isBefore(now)) {
      Path note = objects.distrusted(function);
      boolean trusted = !objects.exists(note);
      if (!trusted) {
        log.warn(
            "An audit has found entries of function {} wrong: none are fetched. See {}.",
            function,
            note);
      }
      known = new Trust(trusted, now.plus(TRUST));
      trust.put(function, known);
    }
    return known.trusted();
  }
}
