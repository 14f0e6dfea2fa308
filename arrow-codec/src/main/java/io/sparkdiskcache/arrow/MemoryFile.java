// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A file in memory outside of the heap: bytes are appended and read again. Its memory is free when
 * nothing refers to it.
 */
final class MemoryFile extends MemoryChannel {
  private static final int CHUNK = 1 << 20;

  private final MemoryGrant grant;
  private final List<ByteBuffer> chunks = new ArrayList<>();
  private long size;

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
    position(size);
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
  void read(long from, ByteBuffer target) {
    while (target.hasRemaining()) {
      int offset = (int) (from % CHUNK);
      int length = Math.min(target.remaining(), CHUNK - offset);
      target.put(chunks.get((int) (from / CHUNK)).slice(offset, length));
      from += length;
    }
  }

  @Override
  public long size() {
    return size;
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
}
