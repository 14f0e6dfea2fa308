// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;

/** The beginning of a mapped file as a channel. */
final class MappedChannel extends MemoryChannel {
  private final FileMapping mapping;
  private final long size;

  MappedChannel(FileMapping mapping, long size) {
    this.mapping = mapping;
    this.size = size;
  }

  @Override
  void read(long from, ByteBuffer target) {
    mapping.read(from, target);
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public int write(ByteBuffer source) {
    throw new NonWritableChannelException();
  }
}
