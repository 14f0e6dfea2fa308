// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import org.apache.spark.storage.StorageLevel;

/**
 * How one relation is kept. Immutable.
 *
 * @param storageLevel Spark's level; must use disk
 * @param tag label of the entries; empty for the session's
 * @param inputVersion your word for the content of all inputs that have no identity of their own:
 *     RDDs, JDBC, Kafka, Hive serde tables, tables of other libraries, files read with {@code
 *     ignoreMissingFiles}. Empty, and such a relation is refused. Given, it is kept under that word
 *     as a whole and found under the same word, in later applications too: rows are right only as
 *     long as you use another word for other content. Queries and, as far as they can be told
 *     apart, sources are in the key beside it; of an RDD no more than the place in the program is
 *     known, so a job that reads another RDD through the same code must bring another word. Files
 *     and Delta tables in the same plan keep their own identities.
 */
public record CacheOptions(StorageLevel storageLevel, String tag, String inputVersion) {

  public CacheOptions {
    if (!storageLevel.useDisk() || storageLevel.useOffHeap()) {
      throw new IllegalArgumentException(
          "Cannot persist with "
              + storageLevel
              + ": a relation is kept on disk; use MEMORY_AND_DISK or DISK_ONLY.");
    }
    if (tag.contains("\n") || tag.contains("\r")) {
      throw new IllegalArgumentException("Cannot use a tag with a line break: '" + tag + "'.");
    }
  }

  /** As {@code df.cache()}. */
  public static CacheOptions defaults() {
    return new CacheOptions(StorageLevel.MEMORY_AND_DISK(), "", "");
  }

  /** {@link #defaults} with a version, such as {@code "2026-11-22"} or a table's commit. */
  public static CacheOptions inputVersion(String value) {
    return defaults().withInputVersion(value);
  }

  public CacheOptions withInputVersion(String value) {
    return new CacheOptions(storageLevel, tag, value);
  }

  public CacheOptions withTag(String value) {
    return new CacheOptions(storageLevel, value, inputVersion);
  }

  public CacheOptions withStorageLevel(StorageLevel value) {
    return new CacheOptions(value, tag, inputVersion);
  }
}
