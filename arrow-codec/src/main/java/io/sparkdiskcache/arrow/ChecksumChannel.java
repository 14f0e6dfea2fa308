// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32C;

/** Counts and checksums what passes through to a file. Closes the file's channel. */
final class ChecksumChannel implements WritableByteChannel {
  private final FileChannel file;
  private final CRC32C crc = new CRC32C();
  private long bytes;

  ChecksumChannel(FileChannel file) {
    this.file = file;
  }

  /** Writes all that remains in the buffer. */
  @Override
  public int write(ByteBuffer source) throws IOException {
    int length = source.remaining();
    crc.update(source.duplicate());
    while (source.hasRemaining()) {
      file.write(source);
    }
    bytes += length;
    return length;
  }

  long bytes() {
    return bytes;
  }

  long crc32c() {
    return crc.getValue();
  }

  void force() throws IOException {
    file.force(true);
  }

  @Override
  public boolean isOpen() {
    return file.isOpen();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
