// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The mapped file of an encrypted entry: what {@link EntryCipher} made of an Arrow file, then the
 * same kind of end that a plain entry has (see {@link SealedFooter}). {@link #reader} decrypts all
 * of it into memory outside of the heap, which readers share: it goes when none refers to it any
 * more.
 */
final class EncryptedFile implements KeptEntry {
  /** Ends the file, as long as Arrow's magic. */
  static final byte[] MAGIC = {'S', 'D', 'C', 'A', 'E', '1'};

  private static final int TAIL = Integer.BYTES + MAGIC.length;

  private final Path file;
  private final EntryEncryption encryption;
  private final long size;
  private final FileMapping mapping;
  private final long bodySize; // of the encrypted Arrow file
  private WeakReference<MappedEntry> decrypted = new WeakReference<>(null);

  private EncryptedFile(Path file, EntryEncryption encryption, long size, FileMapping mapping)
      throws IOException {
    this.file = file;
    this.encryption = encryption;
    this.size = size;
    this.mapping = mapping;
    this.bodySize = bodySize();
  }

  /** Maps the file. */
  static EncryptedFile open(Path file, EntryEncryption encryption) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < TAIL) {
        throw new CorruptEntryException(file, size, "it ends, which is too early");
      }
      FileMapping mapping = FileMapping.map(file, channel, size);
      boolean opened = false;
      try {
        EncryptedFile mapped = new EncryptedFile(file, encryption, size, mapping);
        opened = true;
        return mapped;
      } finally {
        if (!opened) {
          mapping.unmap();
        }
      }
    }
  }

  private long bodySize() throws IOException {
    ByteBuffer tail = ByteBuffer.allocate(TAIL).order(ByteOrder.LITTLE_ENDIAN);
    mapping.read(size - TAIL, tail);
    tail.flip();
    long body = size - TAIL - tail.getInt();
    if (!tail.equals(ByteBuffer.wrap(MAGIC)) || body < 0 || body > size - TAIL) {
      throw new CorruptEntryException(
          file, size - TAIL, "it does not end as an encrypted entry does");
    }
    return body;
  }

  @Override
  public synchronized MappedEntry reader() throws IOException {
    MappedEntry entry = decrypted.get();
    if (entry == null) {
      entry = decrypt(plain -> MappedEntry.decrypted(file, plain, this));
      decrypted = new WeakReference<>(entry);
    }
    return entry;
  }

  /** Decrypts the end only. */
  EntryFooter footer() throws IOException {
    return decrypt(plain -> EntryFooter.read(file, plain, plain.size()));
  }

  private interface Use<T> {
    T of(SeekableByteChannel plain) throws IOException;
  }

  private <T> T decrypt(Use<T> use) throws IOException {
    SeekableByteChannel encrypted = mapping.channel(bodySize);
    try (SeekableByteChannel plain = encryption.cipher().decrypting(encrypted, encryption.name())) {
      return use.of(plain);
    } catch (CorruptEntryException | ExhaustedException e) {
      throw e;
    } catch (IOException e) {
      throw new CorruptEntryException(
          file, encrypted.position(), "what ends here cannot be decrypted: " + e.getMessage(), e);
    }
  }

  /** At once; for who has handed out no reader. To be called once. */
  void unmap() {
    mapping.unmap();
  }

  /** Length of the file. */
  long bytes() {
    return size;
  }

  /** CRC-32C of the whole file. */
  long crc32c() {
    return mapping.crc32c();
  }
}
