// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.FileRead;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import io.sparkdiskcache.store.StoreException;
import java.io.Serializable;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.rdd.RDD;
import org.apache.spark.storage.BlockManagerId;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** Questions of a relation to other hosts; on the driver. */
final class ClusterLookup {
  private static final Logger log = LoggerFactory.getLogger(ClusterLookup.class);

  /** Entries that one resolve task opens. */
  private static final int KEYS_IN_TASK = 512;

  /** In the place of a directory: any executor may fetch the entry. */
  static final String ANYWHERE = "";

  private final SparkContext context;
  private final ClusterDirectory directory;

  ClusterLookup(SparkContext context, ClusterDirectory directory) {
    this.context = context;
    this.directory = directory;
  }

  /** Empty if this process itself runs the tasks, or nobody tells what the executors hold. */
  static Optional<ClusterLookup> of(SparkContext context) {
    return ClusterDirectory.of(context).map(directory -> new ClusterLookup(context, directory));
  }

  ClusterDirectory directory() {
    return directory;
  }

  /** The directories that hold most units of a partition: its task fetches those that they lack. */
  static List<String> nearest(List<CacheUnit> units, Map<Key, List<String>> holders) {
    Map<String, Integer> held = new LinkedHashMap<>();
    for (CacheUnit unit : units) {
      List<String> of = unit.audit() ? List.of() : holders.getOrDefault(unit.storeKey(), List.of());
      of.forEach(directory -> held.merge(directory, 1, Integer::sum));
    }
    int most = held.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    return held.entrySet().stream()
        .filter(of -> of.getValue() == most)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** The directories that hold all units of a partition. */
  static List<String> common(List<CacheUnit> units, Map<Key, List<String>> holders) {
    Set<String> common = null;
    for (CacheUnit unit : units) {
      List<String> of = unit.audit() ? List.of() : holders.getOrDefault(unit.storeKey(), List.of());
      if (common == null) {
        common = new LinkedHashSet<>(of);
      } else {
        common.retainAll(of);
      }
    }
    return common == null ? List.of() : List.copyOf(common);
  }

  /** Tells the scheduler who can read which partition; bytes where they are known. */
  void announce(int rddId, List<List<String>> holders, Map<Integer, PartitionResult> known) {
    Map<String, List<BlockManagerId>> executors = new HashMap<>();
    for (int i = 0; i < holders.size(); i++) {
      PartitionResult result = known.get(i);
      for (String of : holders.get(i)) {
        for (BlockManagerId executor : executors.computeIfAbsent(of, directory::executors)) {
          SparkInternals.announceAt(executor, rddId, i, result == null ? 1 : result.bytes());
        }
      }
    }
  }

  // ---- resolving

  /** An entry that an executor opened. */
  record Opened(
      String key,
      String directory,
      long rows,
      long bytes,
      long createdMillis,
      long computeMillis,
      List<FileRead> reads)
      implements Serializable {}

  /** A set whose entries are fetched; every host then notes the part of it that it has. */
  record RemotePart(
      String partKey,
      String generation,
      int partitions,
      long createdMillis,
      Duration below,
      Duration fill)
      implements Serializable {}

  private record Question(String directory, List<String> keys) implements Serializable {}

  /**
   * Has the executors open, verify and hold entries for an RDD.
   *
   * @param directories by key
   * @param remote what those belong to that are {@link #ANYWHERE}
   * @return what was opened; an entry that is missing there is missing here
   */
  Map<Key, Opened> resolve(
      int rddId,
      Broadcast<RelationSpec> spec,
      Map<Key, String> directories,
      Optional<RemotePart> remote) {
    Map<String, List<String>> byDirectory = new LinkedHashMap<>();
    directories.forEach(
        (key, of) -> byDirectory.computeIfAbsent(of, d -> new ArrayList<>()).add(key.hex()));
    List<Question> questions = new ArrayList<>();
    byDirectory.forEach(
        (of, keys) -> {
          int size = of.equals(ANYWHERE) ? share(keys.size()) : KEYS_IN_TASK;
          for (int from = 0; from < keys.size(); from += size) {
            int to = Math.min(keys.size(), from + size);
            questions.add(new Question(of, new ArrayList<>(keys.subList(from, to))));
          }
        });
    Map<Key, Opened> opened = new HashMap<>();
    Open open = new Open(rddId, spec, remote.orElse(null));
    for (List<Opened> answer :
        ask("diskcache: open entries", questions, Question::directory, open)) {
      answer.forEach(entry -> opened.put(new Key(entry.key()), entry));
    }
    return opened;
  }

  /** So many that all slots have something to fetch. */
  private int share(int keys) {
    int slots = Math.max(1, context.defaultParallelism());
    return Math.min(KEYS_IN_TASK, (keys + slots - 1) / slots);
  }

  /**
   * Answers of a job with a task for each question, on executors of the directory that it is for.
   *
   * @param name of the job, for people
   */
  <Q, A> List<A> ask(
      String name,
      List<Q> questions,
      java.util.function.Function<Q, String> directoryOf,
      Function<Q, A> answer) {
    List<Tuple2<Q, Seq<String>>> placed = new ArrayList<>();
    for (Q question : questions) {
      List<String> locations =
          directory.executors(directoryOf.apply(question)).stream()
              .map(id -> "executor_" + id.host() + "_" + id.executorId())
              .toList();
      placed.add(new Tuple2<>(question, CollectionConverters.asScala(locations).toSeq()));
    }
    ClassTag<Q> tag = ClassTag$.MODULE$.apply(Object.class);
    RDD<Q> rdd = context.makeRDD(CollectionConverters.asScala(placed).toSeq(), tag);
    return new ArrayList<>(new JavaRDD<>(rdd.setName(name), tag).map(answer).collect());
  }

  /** Runs in tasks. */
  private static final class Open implements Function<Question, List<Opened>> {
    private static final long serialVersionUID = 1;

    private final int rddId;
    private final Broadcast<RelationSpec> spec;
    private final @Nullable RemotePart remote;

    Open(int rddId, Broadcast<RelationSpec> spec, @Nullable RemotePart remote) {
      this.rddId = rddId;
      this.spec = spec;
      this.remote = remote;
    }

    @Override
    public List<Opened> call(Question question) {
      List<Opened> opened = new ArrayList<>();
      Optional<ExecutorInventory> cluster = ExecutorInventory.process();
      if (cluster.isEmpty()) {
        return opened;
      }
      String directory = cluster.get().directory();
      if (remote == null && !WrongHost.isHere(cluster.get(), question.directory())) {
        return opened;
      }
      Optional<DiskStore> store = ProcessStores.find(spec.value().storeOptions());
      List<Integer> partitions = new ArrayList<>();
      for (String key : question.keys()) {
        Optional<Located> located = store.flatMap(s -> find(s, new Key(key)));
        located.flatMap(e -> open(store.get(), directory, e)).ifPresent(opened::add);
        located.map(e -> e.entry.partition()).ifPresent(partitions::add);
      }
      if (remote != null && !partitions.isEmpty()) {
        note(store.get(), remote, partitions);
      }
      return opened;
    }

    /**
     * An entry of this host.
     *
     * @param share in what ran below its set, which its computing time has only once the set is
     *     noted here
     */
    private record Located(Entry entry, Duration share) {}

    private Optional<Located> find(DiskStore store, Key key) {
      Optional<Located> located =
          store
              .find(key)
              .filter(found -> !found.isOlderThan(spec.value().notBefore()))
              .map(entry -> new Located(entry, Duration.ZERO));
      if (located.isPresent() || remote == null) {
        return located;
      }
      Duration share = meta(remote).share(remote.partitions());
      RemoteTier.Wanted wanted =
          new RemoteTier.Wanted(key, spec.value().relation(), spec.value().fetchedNotBefore());
      return spec.value()
          .remoteTier()
          .flatMap(tier -> tier.fetch(store, wanted, TaskContext.get()::killTaskIfInterrupted))
          .map(entry -> new Located(entry, share));
    }

    private SetMeta meta(RemotePart part) {
      return new SetMeta(
          spec.value().description(), spec.value().components(), part.below(), part.fill());
    }

    private void note(DiskStore store, RemotePart part, List<Integer> partitions) {
      try {
        boolean unused =
            store
                .sets()
                .completePart(
                    new Key(part.partKey()),
                    new Key(part.generation()),
                    part.partitions(),
                    partitions,
                    meta(part),
                    Instant.ofEpochMilli(part.createdMillis()));
      } catch (StoreException e) {
        store.countError("Cannot note a set from the remote tier", e);
      }
    }

    private Optional<Opened> open(DiskStore store, String directory, Located located) {
      Entry found = located.entry;
      Key key = found.key();
      Optional<MappedEntry> mapped = EntryAccess.map(store, spec.value(), found);
      if (mapped.isEmpty()) {
        log.info("Entry {} is not here any more", key);
        return Optional.empty();
      }
      long dataBytes = mapped.get().dataBytes();
      OpenEntries.process()
          .hold(rddId, key.hex(), mapped.get().kept(), Findings.ofStored(found.reads()));
      OpenEntries.process().pin(rddId, store.pin(found));
      return Optional.of(
          new Opened(
              key.hex(),
              directory,
              found.rows(),
              dataBytes,
              found.createdAt().toEpochMilli(),
              found.meta().computeTime().plus(located.share).toMillis(),
              found.reads()));
    }
  }
}
