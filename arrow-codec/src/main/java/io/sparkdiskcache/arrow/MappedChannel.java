// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** The beginning of a mapped file as a channel. Closing it does nothing. For one thread. */
final class MappedChannel implements SeekableByteChannel {
  private final FileMapping mapping;
  private final long size;
  private long position;

  MappedChannel(FileMapping mapping, long size) {
    this.mapping = mapping;
    this.size = size;
  }

  @Override
  public int read(ByteBuffer target) {
    int length = (int) Math.min(target.remaining(), size - position);
    if (length <= 0) {
      return target.hasRemaining() ? -1 : 0;
    }
    mapping.read(position, target.slice(target.position(), length));
    target.position(target.position() + length);
    position += length;
    return length;
  }

  @Override
  public int write(ByteBuffer source) {
    throw new NonWritableChannelException();
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
  public long size() {
    return size;
  }

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
