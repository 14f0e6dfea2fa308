// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A file in memory outside of the heap: bytes are appended and read again. Its memory is free when
 * nothing refers to it; closing does nothing. For one thread.
 */
final class MemoryFile implements SeekableByteChannel {
  private static final int CHUNK = 1 << 20;

  private final MemoryGrant grant;
  private final List<ByteBuffer> chunks = new ArrayList<>();
  private long size;
  private long position;

  MemoryFile(MemoryGrant grant) {
    this.grant = grant;
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    int length = source.remaining();
    while (source.hasRemaining()) {
      ByteBuffer chunk = chunk();
      ByteBuffer part =
          source.slice(source.position(), Math.min(source.remaining(), chunk.remaining()));
      source.position(source.position() + part.remaining());
      size += part.remaining();
      chunk.put(part);
    }
    position = size;
    return length;
  }

  /** The chunk that takes the next byte. */
  private ByteBuffer chunk() throws IOException {
    if (size == (long) chunks.size() * CHUNK) {
      if (!grant.take(CHUNK)) {
        throw new ExhaustedException(size + CHUNK);
      }
      try {
        chunks.add(GarbageMemory.allocate(CHUNK));
      } catch (OutOfMemoryError e) { // of the process, not of the heap
        throw new ExhaustedException(e);
      }
    }
    return chunks.get(chunks.size() - 1);
  }

  @Override
  public int read(ByteBuffer target) {
    if (!target.hasRemaining()) {
      return 0;
    }
    if (position >= size) {
      return -1;
    }
    int offset = (int) (position % CHUNK);
    int length = (int) Math.min(Math.min(target.remaining(), CHUNK - offset), size - position);
    target.put(chunks.get((int) (position / CHUNK)).slice(offset, length));
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
  public long size() {
    return size;
  }

  @Override
  public SeekableByteChannel truncate(long newSize) {
    throw new UnsupportedOperationException();
  }

  /** An empty one, by the same grant. */
  MemoryFile anew() {
    return new MemoryFile(grant);
  }

  /** All bytes as one entry, which has them in memory of its own. */
  MappedEntry entry(Path name) throws IOException {
    if (!grant.take(size)) {
      throw new ExhaustedException(2 * size);
    }
    return MappedEntry.inMemory(name, this);
  }

  @Override
  public boolean isOpen() {
    return true;
  }

  @Override
  public void close() {}
}
