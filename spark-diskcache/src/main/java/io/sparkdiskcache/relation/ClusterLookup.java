// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.KeptEntry;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.cluster.ProcessStores;
import io.sparkdiskcache.fingerprint.FileChunk;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.shim.SparkInternals;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Key;
import java.io.Serializable;
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
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.storage.BlockManagerId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** What a relation asks of other hosts; on the driver. */
final class ClusterLookup {
  private static final Logger log = LoggerFactory.getLogger(ClusterLookup.class);

  /** Entries that one resolve task opens. */
  private static final int KEYS_IN_TASK = 512;

  private final SparkContext context;
  private final ClusterDirectory directory;

  private ClusterLookup(SparkContext context, ClusterDirectory directory) {
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

  /** Spark's own packing, of the chunks of each host by themselves: a partition is read at once. */
  List<List<FileChunk>> pack(Accepted now, FileSourceScanExec scan) {
    Map<Key, List<String>> holders =
        directory.holders(
            now.relation(),
            now.chunks().stream()
                .filter(FileChunk::settled)
                .map(chunk -> Units.chunkKey(now, chunk))
                .toList());
    Map<String, List<FileChunk>> byDirectory = new LinkedHashMap<>();
    for (FileChunk chunk : now.chunks()) {
      List<String> of = chunk.settled() ? holders.get(Units.chunkKey(now, chunk)) : null;
      byDirectory.computeIfAbsent(of == null ? "" : of.get(0), d -> new ArrayList<>()).add(chunk);
    }
    List<List<FileChunk>> packed = new ArrayList<>();
    byDirectory.values().forEach(chunks -> packed.addAll(Units.pack(chunks, scan)));
    return packed;
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

  /** What an executor opened. */
  record Opened(String key, long rows, long bytes, long createdMillis, long computeMillis)
      implements Serializable {}

  private record Question(String directory, List<String> keys) implements Serializable {}

  /**
   * Has the executors open, verify and hold entries for an RDD.
   *
   * @param directories by key
   * @return what was opened; an entry that is missing there is missing here
   */
  Map<Key, Opened> resolve(int rddId, Broadcast<RelationSpec> spec, Map<Key, String> directories) {
    Map<String, List<String>> open = new LinkedHashMap<>();
    directories.forEach(
        (key, of) -> open.computeIfAbsent(of, d -> new ArrayList<>()).add(key.hex()));
    List<Question> questions = new ArrayList<>();
    open.forEach(
        (of, keys) -> {
          for (int from = 0; from < keys.size(); from += KEYS_IN_TASK) {
            int to = Math.min(keys.size(), from + KEYS_IN_TASK);
            questions.add(new Question(of, new ArrayList<>(keys.subList(from, to))));
          }
        });
    Map<Key, Opened> opened = new HashMap<>();
    for (List<Opened> answer : ask(rddId, spec, questions)) {
      answer.forEach(entry -> opened.put(new Key(entry.key()), entry));
    }
    return opened;
  }

  private List<List<Opened>> ask(
      int rddId, Broadcast<RelationSpec> spec, List<Question> questions) {
    List<Tuple2<Question, Seq<String>>> placed = new ArrayList<>();
    for (Question question : questions) {
      List<String> locations =
          directory.executors(question.directory()).stream()
              .map(id -> "executor_" + id.host() + "_" + id.executorId())
              .toList();
      placed.add(new Tuple2<>(question, CollectionConverters.asScala(locations).toSeq()));
    }
    ClassTag<Question> tag = ClassTag$.MODULE$.apply(Question.class);
    RDD<Question> rdd = context.makeRDD(CollectionConverters.asScala(placed).toSeq(), tag);
    return new ArrayList<>(
        new JavaRDD<>(rdd.setName("diskcache: open entries"), tag)
            .map(new Open(rddId, spec))
            .collect());
  }

  /** Runs in tasks. */
  private static final class Open implements Function<Question, List<Opened>> {
    private static final long serialVersionUID = 1;

    private final int rddId;
    private final Broadcast<RelationSpec> spec;

    Open(int rddId, Broadcast<RelationSpec> spec) {
      this.rddId = rddId;
      this.spec = spec;
    }

    @Override
    public List<Opened> call(Question question) {
      List<Opened> opened = new ArrayList<>();
      Optional<ExecutorInventory> cluster = ExecutorInventory.process();
      if (cluster.isEmpty()) {
        return opened;
      }
      if (!cluster.get().directory().equals(question.directory())) {
        TaskContext task = TaskContext.get();
        if (!WrongHost.isHopeless(task) && cluster.get().isServed(question.directory())) {
          throw WrongHost.giveBack(task);
        }
        return opened;
      }
      Optional<DiskStore> store = ProcessStores.find(spec.value().storeOptions());
      for (String key : question.keys()) {
        store.flatMap(s -> open(s, new Key(key))).ifPresent(opened::add);
      }
      return opened;
    }

    private Optional<Opened> open(DiskStore store, Key key) {
      Optional<Entry> entry =
          store.find(key).filter(found -> !found.isOlderThan(spec.value().notBefore()));
      Optional<MappedEntry> mapped =
          entry.flatMap(found -> EntryAccess.map(store, spec.value(), found));
      if (mapped.isEmpty()) {
        log.info("Entry {} is not here any more", key);
        return Optional.empty();
      }
      try {
        KeptEntry kept = mapped.get().keep();
        try {
          OpenEntries.process().hold(rddId, key.hex(), kept);
        } finally {
          kept.release();
        }
      } finally {
        mapped.get().release();
      }
      Entry found = entry.orElseThrow();
      OpenEntries.process().pin(rddId, store.pin(found));
      return Optional.of(
          new Opened(
              key.hex(),
              found.rows(),
              found.bytes(),
              found.createdAt().toEpochMilli(),
              found.meta().computeTime().toMillis()));
    }
  }
}
