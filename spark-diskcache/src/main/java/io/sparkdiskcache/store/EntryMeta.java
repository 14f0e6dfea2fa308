// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The facts that the writer of an entry gives about it.
 *
 * @param relation function hash, 64 hexadecimal digits; groups the entries of one relation
 * @param generation the run that computed it, for an entry that is only valid with its whole set
 * @param partition position in the set, or in the relation
 * @param bytes length of the file
 * @param crc32c CRC32C of the whole file, in the low 32 bits
 * @param computeTime what computing the rows took, without writing them
 * @param tag the user's label, or empty
 * @param application who wrote it, or empty: the application and, after a slash, its session
 * @param description for people, or empty
 * @param components what the key was made of
 * @param reads local files that functions read while the rows were computed; the entry is served
 *     only while they are unchanged
 * @param dataBytes what the values take by the count of Spark's own cache, for its statistics; 0
 *     where only the file tells
 */
public record EntryMeta(
    String relation,
    Optional<Key> generation,
    int partition,
    long rows,
    long bytes,
    long crc32c,
    Duration computeTime,
    Duration writeTime,
    String tag,
    String application,
    String description,
    Map<String, String> components,
    List<FileRead> reads,
    long dataBytes) {
  public EntryMeta {
    if (partition < 0
        || rows < 0
        || bytes < 0
        || dataBytes < 0
        || crc32c < 0
        || crc32c > 0xFFFF_FFFFL) {
      throw new IllegalArgumentException(
          "Cannot describe an entry by partition %d, rows %d, bytes %d, crc32c %d: out of range"
              .formatted(partition, rows, bytes, crc32c));
    }
    components = Map.copyOf(components);
    reads = List.copyOf(reads);
  }

  /** Of rows for which no function read a file. */
  public EntryMeta(
      String relation,
      Optional<Key> generation,
      int partition,
      long rows,
      long bytes,
      long crc32c,
      Duration computeTime,
      Duration writeTime,
      String tag,
      String application,
      String description,
      Map<String, String> components) {
    this(
        relation,
        generation,
        partition,
        rows,
        bytes,
        crc32c,
        computeTime,
        writeTime,
        tag,
        application,
        description,
        components,
        List.of(),
        0);
  }

  EntryMeta withoutComponents() {
    return withComponents(Map.of());
  }

  EntryMeta withComponents(Map<String, String> others) {
    return new EntryMeta(
        relation,
        generation,
        partition,
        rows,
        bytes,
        crc32c,
        computeTime,
        writeTime,
        tag,
        application,
        description,
        others,
        reads,
        dataBytes);
  }
}
