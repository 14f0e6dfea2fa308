// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import org.apache.spark.storage.StorageLevel;

/**
 * How one relation is kept. Immutable.
 *
 * @param storageLevel Spark's level; must use disk
 * @param tag label of the entries; empty for the session's
 */
public record CacheOptions(StorageLevel storageLevel, String tag) {

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
    return new CacheOptions(StorageLevel.MEMORY_AND_DISK(), "");
  }

  public CacheOptions withTag(String value) {
    return new CacheOptions(storageLevel, value);
  }

  public CacheOptions withStorageLevel(StorageLevel value) {
    return new CacheOptions(value, tag);
  }
}
