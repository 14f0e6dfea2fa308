// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

/**
 * Sums the index keeps up to date by triggers.
 *
 * @param unfinishedBytes of entries whose generation a process may still complete: not evictable
 */
record Totals(
    long entries,
    long bytes,
    long unfinishedBytes,
    long sets,
    long unindexedFiles,
    long unindexedBytes) {
  static final Totals NONE = new Totals(0, 0, 0, 0, 0, 0);

  /** The bytes that the limit is compared with. */
  long bytesOnDisk() {
    return bytes + unindexedBytes;
  }
}
