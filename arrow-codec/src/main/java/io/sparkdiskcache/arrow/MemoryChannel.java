// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** Bytes in memory as a channel, which nobody can cut. Closing does nothing. For one thread. */
abstract class MemoryChannel implements SeekableByteChannel {
  private long position;

  /** Fills the target with bytes from a position; there are that many. */
  abstract void read(long from, ByteBuffer target);

  @Override
  public int read(ByteBuffer target) {
    int length = (int) Math.min(target.remaining(), size() - position);
    if (length <= 0) {
      return target.hasRemaining() ? -1 : 0;
    }
    read(position, target.slice(target.position(), length));
    target.position(target.position() + length);
    position += length;
    return length;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public SeekableByteChannel position(long newPosition) {
    position = newPosition;
    return this;
  }

  @Override
  public abstract long size();

  @Override
  public SeekableByteChannel truncate(long newSize) {
    throw new NonWritableChannelException();
  }

  @Override
  public boolean isOpen() {
    return true;
  }

  @Override
  public void close() {}
}
