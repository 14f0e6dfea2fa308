// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * One file of the store and what is known of it. A value: it does not keep the file from being
 * evicted, {@link DiskStore#pin} does.
 *
 * @param path never reused: another file of the same key has another path
 * @param meta without its components, which {@link DiskStore#components} reads
 * @param lastAccess and {@code hits} as of the last batch written, so possibly seconds old
 */
public record Entry(
    Key key, Path path, EntryMeta meta, Instant createdAt, Instant lastAccess, long hits) {

  /** Whether it was stored before. */
  public boolean isOlderThan(Instant limit) {
    return createdAt.isBefore(limit);
  }

  public String relation() {
    return meta.relation();
  }

  public Optional<Key> generation() {
    return meta.generation();
  }

  public int partition() {
    return meta.partition();
  }

  public long rows() {
    return meta.rows();
  }

  /** Length of the file. */
  public long bytes() {
    return meta.bytes();
  }

  /**
   * The bytes that the values take by Spark's count, or the length of the file where that is not
   * known.
   */
  public long dataBytes() {
    return meta.dataBytes() > 0 || meta.rows() == 0 ? meta.dataBytes() : meta.bytes();
  }

  /** CRC32C of the whole file, in the low 32 bits. */
  public long crc32c() {
    return meta.crc32c();
  }

  public String tag() {
    return meta.tag();
  }

  /** Id of the application that wrote it, or empty. */
  public String application() {
    return application(meta);
  }

  static String application(EntryMeta meta) {
    String writer = meta.application();
    int slash = writer.indexOf('/');
    return slash < 0 ? writer : writer.substring(0, slash);
  }

  /** The session of the application that wrote it, or empty. */
  public String session() {
    String writer = meta.application();
    int slash = writer.indexOf('/');
    return slash < 0 ? "" : writer.substring(slash + 1);
  }

  public String description() {
    return meta.description();
  }

  /** Local files that functions read while the rows were computed. */
  public List<FileRead> reads() {
    return meta.reads();
  }
}
