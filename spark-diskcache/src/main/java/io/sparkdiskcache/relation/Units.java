// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.FileChunk;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.InputFile;
import io.sparkdiskcache.fingerprint.Keys;
import io.sparkdiskcache.relation.RelationFingerprint.Identity;
import io.sparkdiskcache.store.Key;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.apache.spark.Partition;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.FilePartition;
import org.apache.spark.sql.execution.datasources.PartitionedFile;

/**
 * The units of a relation and the names of their entries, by class of plan; what the classes are is
 * told by {@link io.sparkdiskcache.fingerprint.PlanClass}.
 */
final class Units {
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int KEY_BYTES = 32;

  private Units() {}

  /** Row-local: one unit per chunk; those of unsettled files have a name that nobody knows. */
  static List<List<CacheUnit>> ofChunks(Accepted now) {
    List<List<CacheUnit>> units = new ArrayList<>();
    for (List<FileChunk> chunks : now.partitions()) {
      List<CacheUnit> ofPartition = new ArrayList<>();
      for (FileChunk chunk : chunks) {
        FilePartition split =
            new FilePartition(units.size(), new PartitionedFile[] {chunk.split()});
        Key key = chunk.settled() ? chunkKey(now, chunk) : randomKey();
        ofPartition.add(new CacheUnit(key.hex(), split, List.of(chunk.file()), chunk.settled()));
      }
      units.add(ofPartition);
    }
    return units;
  }

  /** One unit per partition of the plan, or empty if its lineage does not say what they read. */
  static Optional<List<List<CacheUnit>>> ofPartitions(Accepted now, RDD<InternalRow> parent) {
    int n = parent.partitions().length;
    boolean ownChunks =
        now.partitions().size() == n && LineageDigest.handsSplitsThrough(parent) && n > 0;
    Optional<byte[]> lineage = LineageDigest.of(parent);
    if (lineage.isEmpty()) {
      return Optional.empty();
    }
    byte[] setKey = Keys.setKey(now.function(), now.inputs(), now.packing());
    List<List<CacheUnit>> units = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      boolean settled =
          ownChunks ? now.partitions().get(i).stream().allMatch(FileChunk::settled) : now.settled();
      byte[] unitKey =
          ownChunks
              ? Keys.partitionKey(now.function(), i, now.partitions().get(i))
              : Keys.packedKey(setKey, lineage.get(), i);
      List<InputFile> inputs =
          ownChunks
              ? now.partitions().get(i).stream().map(FileChunk::file).distinct().toList()
              : now.inputs();
      Key key = settled ? key(unitKey) : randomKey();
      units.add(
          new ArrayList<>(
              List.of(new CacheUnit(key.hex(), parent.partitions()[i], inputs, settled))));
    }
    return Optional.of(units);
  }

  /**
   * One unit per partition of a run, by its number.
   *
   * @param publish whether the partitions may become a set
   */
  static List<List<CacheUnit>> ofRun(
      Key setKey, Key generation, RDD<InternalRow> parent, boolean publish) {
    List<List<CacheUnit>> units = new ArrayList<>();
    for (Partition split : parent.partitions()) {
      String key = memberKey(setKey, generation, split.index());
      units.add(List.of(new CacheUnit(key, split, List.of(), publish)));
    }
    return units;
  }

  /** One unit per partition, for this application only. */
  static List<List<CacheUnit>> withoutNames(RDD<InternalRow> parent) {
    List<List<CacheUnit>> units = new ArrayList<>();
    for (Partition split : parent.partitions()) {
      units.add(List.of(new CacheUnit(randomKey().hex(), split, List.of(), false)));
    }
    return units;
  }

  /** Different units. */
  static int count(List<List<CacheUnit>> units) {
    return (int) units.stream().flatMap(List::stream).map(CacheUnit::key).distinct().count();
  }

  static Key chunkKey(Accepted now, FileChunk chunk) {
    return key(Keys.chunkKey(now.function(), chunk));
  }

  /** Of all rows together. */
  static Key setKey(Accepted now) {
    return key(Keys.setKey(now.function(), now.inputs(), now.packing()));
  }

  /** Of what one of several hosts has of all rows. */
  static Key partKey(Key setKey) {
    return key(Keys.inEnvironment(bytes(setKey), "part".getBytes(StandardCharsets.US_ASCII)));
  }

  static String memberKey(Key setKey, Key generation, int partition) {
    return Key.of(
            Keys.partitionKey(
                Keys.inEnvironment(bytes(setKey), bytes(generation)), partition, List.of()))
        .hex();
  }

  /** Of rows that do not depend on the run; none while an input is unsettled. */
  static Optional<Identity> identity(Accepted now) {
    return now.settled()
        ? Optional.of(
            new Identity(Keys.setKey(now.function(), now.inputs(), now.packing()), now.inputs()))
        : Optional.empty();
  }

  static Identity runIdentity(Key setKey, Key generation, Accepted now) {
    return new Identity(Keys.inEnvironment(bytes(setKey), bytes(generation)), now.inputs());
  }

  /** As this process stores and finds it. */
  private static Key key(byte[] key) {
    return Key.of(Keys.inEnvironment(key, EnvironmentIdentity.current()));
  }

  /** The name of an entry that nobody else will ask for. */
  static Key randomKey() {
    return Key.of(random());
  }

  private static byte[] bytes(Key key) {
    return HexFormat.of().parseHex(key.hex());
  }

  private static byte[] random() {
    byte[] bytes = new byte[KEY_BYTES];
    RANDOM.nextBytes(bytes);
    return bytes;
  }
}
