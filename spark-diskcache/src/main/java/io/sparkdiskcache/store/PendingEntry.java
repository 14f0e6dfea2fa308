// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;

/**
 * An entry being written: a file name to write to, then {@link #publish} or {@link #keepPrivate},
 * then close. If neither was called, or both failed, closing deletes the file. Used by one thread.
 */
public final class PendingEntry implements AutoCloseable {
  private final Publisher publisher;
  private final Key key;
  private final String file;
  private final Path path;
  private boolean open = true;

  PendingEntry(Publisher publisher, Key key, String file, Path path) {
    this.publisher = publisher;
    this.key = key;
    this.file = file;
    this.path = path;
  }

  public Key key() {
    return key;
  }

  /** Where the writer creates the file and forces it to the disk. */
  public Path path() {
    return path;
  }

  /** {@code OWNER-N}, which stays part of the file's name. */
  String file() {
    return file;
  }

  /**
   * Makes the entry visible to all processes. If its key is published already, this file is
   * discarded and the existing entry returned: the first writer wins.
   *
   * @throws EntryTooLargeException if no eviction could make room; {@link #keepPrivate} still works
   * @throws StoreException if it cannot be stored; the file stays until close
   */
  public Entry publish(EntryMeta meta) throws StoreException {
    requireOpen();
    Entry entry = publisher.publish(this, meta);
    open = false;
    return entry;
  }

  /**
   * Keeps the file for this process only: no index row, no part in limits and sets. It is deleted
   * by {@link Entry#discard}, by closing the store, or by recovery if the process dies.
   *
   * @throws StoreException if it cannot be kept; the file stays until close
   */
  public Entry keepPrivate(EntryMeta meta) throws StoreException {
    requireOpen();
    Entry entry = publisher.keepPrivate(this, meta);
    open = false;
    return entry;
  }

  private void requireOpen() {
    if (!open) {
      throw new IllegalStateException(
          "Cannot publish or keep entry " + key + ": this was done, or it was closed");
    }
  }

  /** Idempotent. */
  @Override
  public void close() {
    if (open) {
      open = false;
      publisher.abandon(this);
    }
  }
}
