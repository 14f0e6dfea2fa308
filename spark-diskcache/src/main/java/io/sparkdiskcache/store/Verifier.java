// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Compares files with what the index says of them and remembers which it has read. */
final class Verifier {
  private static final int CHUNK = 1 << 18;

  /** A file that was changed in place or replaced has another one. */
  private record Identity(long size, FileTime modified, @Nullable Object inode) {
    static Identity of(Path path) throws IOException {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      return new Identity(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
    }

    SeenFiles.State stateOf(Path path) {
      return SeenFiles.State.of(path.toString(), size + "/" + modified + "/" + inode);
    }
  }

  private final VerifyMode mode;
  private final SeenFiles verified = new SeenFiles();

  Verifier(VerifyMode mode) {
    this.mode = mode;
  }

  /**
   * Whether the file is what was written.
   *
   * @throws java.nio.file.NoSuchFileException if there is none
   */
  boolean matches(Entry entry) throws IOException {
    Identity identity = Identity.of(entry.path());
    if (identity.size != entry.bytes()) {
      return false;
    }
    if (mode == VerifyMode.OFF
        || (mode == VerifyMode.OPEN && verified.contains(identity.stateOf(entry.path())))) {
      return true;
    }
    if (crc32c(entry.path()) != entry.crc32c() || !identity.equals(Identity.of(entry.path()))) {
      return false;
    }
    verified.add(identity.stateOf(entry.path()));
    return true;
  }

  private static long crc32c(Path path) throws IOException {
    CRC32C crc = new CRC32C();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(CHUNK, channel.size() + 1));
      while (channel.read(buffer) >= 0) {
        crc.update(buffer.flip());
        buffer.clear();
      }
    }
    return crc.getValue();
  }
}
