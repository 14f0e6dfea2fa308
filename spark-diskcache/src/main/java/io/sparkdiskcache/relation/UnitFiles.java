// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.EncodeOptions;
import io.sparkdiskcache.arrow.EntryCipher;
import io.sparkdiskcache.arrow.EntryEncryption;
import io.sparkdiskcache.arrow.EntrySummary;
import io.sparkdiskcache.arrow.EntryWriter;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.relation.UnitWriter.EntryWriteException;
import io.sparkdiskcache.shim.TaskMemory;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.EntryMeta;
import io.sparkdiskcache.store.FileRead;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.util.ArrowUtils;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The files that units of one relation are written to, and what is said of them. */
final class UnitFiles {
  private static final Logger log = LoggerFactory.getLogger(UnitFiles.class);

  private final RelationSpec spec;
  private final @Nullable EntryCipher cipher;

  UnitFiles(RelationSpec spec, @Nullable EntryCipher cipher) {
    this.spec = spec;
    this.cipher = cipher;
  }

  /**
   * Drains a unit into a file; its functions prove themselves before the first row and after the
   * last.
   */
  UnitWriter.Written write(
      Path file,
      UnitWriter.RoomCheck room,
      TaskContext context,
      CacheUnit unit,
      UnitSource source,
      WriteTimer timer,
      UnitWriter.Description describe)
      throws EntryWriteException, StoreException {
    source.prove();
    TaskMemory memory = TaskMemory.of(context);
    return new UnitWriter(create(file, unit, memory), memory, room, context, timer)
        .write(source, proven(source, describe));
  }

  private static UnitWriter.Description proven(UnitSource source, UnitWriter.Description describe) {
    return (rows, dataBytes) -> {
      source.prove();
      return describe.of(rows, dataBytes);
    };
  }

  /** Drains a unit into memory that Spark grants the task, where no file can be written. */
  MappedEntry intoMemory(TaskContext context, CacheUnit unit, UnitSource source)
      throws EntryWriteException, StoreException {
    source.prove();
    TaskMemory memory = TaskMemory.of(context);
    try {
      EntryWriter writer =
          EntryWriter.inMemory(
              Path.of(unit.key()),
              spec.schema(),
              ArrowUtils.rootAllocator(),
              memory,
              memory::takeIfGranted,
              options());
      return new UnitWriter(writer, memory, () -> {}, context, new WriteTimer())
          .writeIntoMemory(source, proven(source, (rows, bytes) -> ""));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  private EncodeOptions options() {
    return EncodeOptions.defaults()
        .withPrecision(spec.precision())
        .withCompression(spec.compression());
  }

  private EntryWriter create(Path file, CacheUnit unit, TaskMemory memory)
      throws EntryWriteException {
    Map<String, String> metadata =
        Map.of(
            "diskcache.key", unit.key(),
            "diskcache.relation", spec.relation(),
            "diskcache.application", spec.application());
    try {
      return EntryWriter.create(
          file,
          spec.schema(),
          metadata,
          ArrowUtils.rootAllocator(),
          memory,
          options(),
          encryption(cipher, unit.key()));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  /** The written file, mapped; with a reference for the caller. */
  MappedEntry open(Path file, CacheUnit unit) throws EntryWriteException {
    try {
      return MappedEntry.open(file, encryption(cipher, unit.key()));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  static @Nullable EntryEncryption encryption(@Nullable EntryCipher cipher, String key) {
    return cipher == null ? null : new EntryEncryption(cipher, key);
  }

  /** The description at the end of the file. */
  String describe(
      CacheUnit unit,
      int partition,
      long rows,
      long dataBytes,
      WriteTimer timer,
      List<FileRead> reads) {
    return EntryDescription.text(
        unit.storeKey(),
        meta(partition, new EntrySummary(rows, 0, dataBytes, 0, 0), timer, reads),
        Instant.now(),
        cipher == null ? spec.schemaJson() : "");
  }

  EntryMeta meta(int partition, EntrySummary written, WriteTimer timer, List<FileRead> reads) {
    return new EntryMeta(
        spec.relation(),
        Optional.ofNullable(spec.generation()).map(Key::new),
        partition,
        written.rows(),
        written.bytes(),
        written.crc32c(),
        timer.computing().plus(spec.shareOfBelow()),
        timer.writing(),
        spec.tag(),
        spec.application(),
        spec.description(),
        spec.components(),
        reads,
        written.dataBytes());
  }

  static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      log.warn("Cannot delete {}: {}. Spark deletes it with its scratch directory.", file, e);
    }
  }
}
