// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where the Arrow bytes of an entry go: into its file as they are, or encrypted, or into memory.
 */
final class EntryTarget implements Closeable {
  private final Path path;
  private final SeekableByteChannel file;
  private final ChecksumChannel written;
  private final @Nullable EntryEncryption encryption;
  private final @Nullable WritableByteChannel cipher;
  private final ChecksumChannel arrow;

  private EntryTarget(Path path, SeekableByteChannel file, @Nullable EntryEncryption encryption)
      throws IOException {
    this.path = path;
    this.file = file;
    this.encryption = encryption;
    this.written = new ChecksumChannel(file);
    if (encryption == null) {
      this.cipher = null;
      this.arrow = written;
    } else {
      this.cipher = encryption.cipher().encrypting(written, encryption.name());
      this.arrow = new ChecksumChannel(cipher);
    }
  }

  /** Creates the file, which must not exist, readable by its owner only. */
  static EntryTarget create(Path path, @Nullable EntryEncryption encryption) throws IOException {
    FileAttribute<?>[] ownerOnly =
        path.getFileSystem().supportedFileAttributeViews().contains("posix")
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0];
    FileChannel file =
        FileChannel.open(
            path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), ownerOnly);
    boolean created = false;
    try {
      EntryTarget target = new EntryTarget(path, file, encryption);
      created = true;
      return target;
    } finally {
      if (!created) {
        file.close();
        Files.delete(path);
      }
    }
  }

  /** In memory, for who needs no file. */
  static EntryTarget inMemory(Path name, MemoryGrant grant) throws IOException {
    return new EntryTarget(name, new MemoryFile(grant), null);
  }

  /** In the place of this one, from the beginning. */
  EntryTarget anew() throws IOException {
    close();
    if (file instanceof MemoryFile memory) {
      return new EntryTarget(path, memory.anew(), null);
    }
    Files.delete(path);
    return create(path, encryption);
  }

  /** The entry that was written into memory. */
  MappedEntry entry() throws IOException {
    return ((MemoryFile) file).entry(path);
  }

  boolean isEncrypted() {
    return encryption != null;
  }

  /** Whether {@link #read} takes memory, as it does if no file can be mapped. */
  boolean isReadIntoMemory() {
    return encryption != null || file instanceof MemoryFile;
  }

  /** For the Arrow bytes; what it counts and checksums are those. */
  ChecksumChannel arrow() {
    return arrow;
  }

  /**
   * The Arrow bytes so far in memory, the caller's to unmap; nothing can be written any more.
   *
   * @param end how many
   * @param cuts see {@link FileMapping#map}
   */
  FileMapping read(long end, long[] cuts) throws IOException {
    if (file instanceof MemoryFile memory) {
      return FileMapping.read(path, memory, end, cuts);
    }
    try (FileChannel in = FileChannel.open(path, StandardOpenOption.READ)) {
      if (encryption == null || cipher == null) {
        return FileMapping.map(path, in, end, cuts, Integer.MAX_VALUE);
      }
      cipher.close();
      try (SeekableByteChannel plain = encryption.cipher().decrypting(in, encryption.name())) {
        return FileMapping.read(path, plain, end, cuts);
      }
    }
  }

  /**
   * To be called once, after the Arrow bytes: ends the file and forces it to the disk.
   *
   * @param description for the end of an encrypted file; a plain one has it in its Arrow footer
   */
  void finish(String description) throws IOException {
    if (cipher != null) {
      cipher.close();
      written.write(
          ByteBuffer.wrap(
              SealedFooter.ofEncrypted(description, written.bytes(), written.crc32c())));
    }
    if (file instanceof FileChannel disk) {
      disk.force(true);
    }
  }

  /** Length of the file. */
  long bytes() {
    return written.bytes();
  }

  /** Of the whole file. */
  long crc32c() {
    return written.crc32c();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
