// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;

/**
 * An entry being written: a file name to write to, then {@link #publish}, then close. If it was not
 * published, closing deletes the file. Used by one thread.
 */
public final class PendingEntry implements AutoCloseable {
  private final Publisher publisher;
  private final Key key;
  private final String file;
  private final Path path;
  private boolean open = true;
  private long counted; // bytes of the file that are counted as being written

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
   * @throws EntryTooLargeException if no eviction could make room
   * @throws StoreException if it cannot be stored; the file stays until close
   */
  public Entry publish(EntryMeta meta) throws StoreException {
    requireOpen();
    Entry entry = publisher.publish(this, meta);
    open = false;
    return entry;
  }

  /**
   * To be called now and then while writing: there may be no room left to go on.
   *
   * @throws StoreException if the file outgrew the limit, or the disk has too little free space
   */
  public void requireRoom() throws StoreException {
    publisher.requireRoom(this);
  }

  private void requireOpen() {
    if (!open) {
      throw new IllegalStateException(
          "Cannot publish entry " + key + ": this was done, or it was closed");
    }
  }

  /** Bytes of the file that {@link Writing} counts. */
  long counted() {
    return counted;
  }

  void counted(long bytes) {
    counted = bytes;
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
