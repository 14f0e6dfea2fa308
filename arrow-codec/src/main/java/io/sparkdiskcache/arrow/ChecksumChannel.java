// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32C;

/** Counts and checksums what passes through to another channel, which stays open. */
final class ChecksumChannel implements WritableByteChannel {
  private final WritableByteChannel to;
  private final CRC32C crc = new CRC32C();
  private long bytes;

  ChecksumChannel(WritableByteChannel to) {
    this.to = to;
  }

  /** Writes all that remains in the buffer. */
  @Override
  public int write(ByteBuffer source) throws IOException {
    int length = source.remaining();
    crc.update(source.duplicate());
    while (source.hasRemaining()) {
      to.write(source);
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

  @Override
  public boolean isOpen() {
    return to.isOpen();
  }

  @Override
  public void close() {}
}
