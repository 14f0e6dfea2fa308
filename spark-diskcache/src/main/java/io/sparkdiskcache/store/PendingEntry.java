// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Optional;

/**
 * An entry being written: a file name to write to, then {@link #publish}, then close. If it was not
 * published, closing deletes the file. Used by one thread.
 */
@Internal
public final class PendingEntry implements AutoCloseable {
  private static final int BUFFER = 1 << 18;

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
    return publish(meta, Instant.MAX);
  }

  /**
   * {@link #publish(EntryMeta)} for what was made elsewhere.
   *
   * @param createdAt when; a time in the future is taken for now
   */
  public Entry publish(EntryMeta meta, Instant createdAt) throws StoreException {
    return publish(meta, createdAt, Instant.MIN);
  }

  /**
   * The same, in the place of a published entry that was created before a time.
   *
   * @param replacedBefore what is older than that, or than the time to live of this process, does
   *     not stand in the way of what is younger
   */
  public Entry publish(EntryMeta meta, Instant createdAt, Instant replacedBefore)
      throws StoreException {
    requireOpen();
    Entry entry = publisher.publish(this, meta, createdAt, replacedBefore);
    open = false;
    return entry;
  }

  /** Called now and then while data is received; may throw to give up. */
  public interface Receiving {
    void goesOn() throws IOException;
  }

  /**
   * Fills the file with a copy of an entry's file from elsewhere, and reads what it says of itself.
   *
   * @param data read to its end and left open
   * @return empty if it is not what was written
   * @throws IOException if the data cannot be read, or makes no sense
   * @throws StoreException if the file cannot be written, or there is no room
   */
  public Optional<EntryDescription> receive(InputStream data, Receiving receiving)
      throws IOException, StoreException {
    try (OutputStream out = create()) {
      byte[] buffer = new byte[BUFFER];
      for (int n = data.read(buffer); n >= 0; n = data.read(buffer)) {
        write(out, buffer, n);
        requireRoom();
        receiving.goesOn();
      }
    }
    try {
      Directories.fsyncFile(path);
    } catch (IOException e) {
      throw StoreException.failed("Cannot write entry " + key, e);
    }
    return Foreign.call("the sender of entry " + key, () -> EntryDescription.readVerified(path));
  }

  private OutputStream create() throws StoreException {
    try {
      return Files.newOutputStream(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw StoreException.failed("Cannot write entry " + key, e);
    }
  }

  private void write(OutputStream out, byte[] buffer, int length) throws StoreException {
    try {
      out.write(buffer, 0, length);
    } catch (IOException e) {
      throw StoreException.failed("Cannot write entry " + key, e);
    }
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
