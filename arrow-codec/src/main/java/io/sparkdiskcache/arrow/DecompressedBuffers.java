// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Decompresses buffers of one column of one batch, when they are asked for. The memory is the
 * garbage collector's: it counts as direct memory of the JVM, which {@code -XX:MaxDirectMemorySize}
 * bounds, and is free when no vector refers to this object any more; what {@link SharedFrames} has
 * is taken from there. Bytes of strings and binaries, to which values point that outlive their
 * vectors, go to the heap. For one thread.
 */
final class DecompressedBuffers implements ColumnBuffers {
  private final Path file;
  private final BatchBuffers compressed;

  /** Keeps the mapping: buffers that did not pay lie there as they are. */
  @SuppressWarnings("UnusedVariable")
  private final @Nullable MappedEntry entry;

  /** Of the column's first buffer. */
  private final int first;

  private final @Nullable ByteBuffer[] direct;
  private final byte[] @Nullable [] heap;

  /**
   * @param entry null if whoever asks keeps the mapping
   */
  DecompressedBuffers(
      Path file, BatchBuffers compressed, ColumnLayout column, @Nullable MappedEntry entry) {
    this.file = file;
    this.compressed = compressed;
    this.entry = entry;
    this.first = column.buffer;
    int count = column.buffersOfAll();
    this.direct = new ByteBuffer[count];
    this.heap = new byte[count][];
  }

  @Override
  public int slots(ColumnLayout column) {
    return compressed.slots(column);
  }

  @Override
  public int nullCount(ColumnLayout column) {
    return compressed.nullCount(column);
  }

  @Override
  public long position(ColumnLayout column, int buffer) {
    return compressed.position(column, buffer);
  }

  @Override
  public long length(ColumnLayout column, int buffer) throws CorruptEntryException {
    long stored = compressed.length(column, buffer);
    if (stored == 0) {
      return 0;
    }
    long announced = Platform.getLong(null, compressed.address(column, buffer));
    long length = announced == BufferCodec.STORED ? stored - BufferCodec.PREFIX : announced;
    long expected = compressed.plainLength(column, buffer);
    if (length <= 0
        || length > EntryWriter.MAX_BODY_BYTES
        || (expected != BatchBuffers.ANY && length != expected)) {
      throw corrupt(column, buffer, "is said to have " + length + " bytes", null);
    }
    return length;
  }

  @Override
  public long address(ColumnLayout column, int buffer) throws CorruptEntryException {
    long at = compressed.address(column, buffer);
    if (at == 0 || isStored(at)) {
      return at == 0 ? 0 : at + BufferCodec.PREFIX;
    }
    int index = column.buffer + buffer - first;
    ByteBuffer memory = direct[index];
    if (memory == null) {
      memory = decompressed(column, buffer);
      direct[index] = memory;
    }
    return FileMapping.address(memory);
  }

  private ByteBuffer decompressed(ColumnLayout column, int buffer) throws CorruptEntryException {
    int length = (int) length(column, buffer);
    SharedFrames.Frame frame =
        SharedFrames.frame(
            compressed.compression(),
            compressed.address(column, buffer) + BufferCodec.PREFIX,
            compressed.length(column, buffer) - BufferCodec.PREFIX,
            length);
    ByteBuffer shared = frame == null ? null : SharedFrames.find(frame);
    if (shared != null) {
      return shared;
    }
    ByteBuffer memory = GarbageMemory.allocate(length);
    decompress(column, buffer, null, FileMapping.address(memory), length);
    if (frame != null) {
      SharedFrames.share(frame, memory);
    }
    return memory;
  }

  @Override
  public byte @Nullable [] heap(ColumnLayout column, int buffer) throws CorruptEntryException {
    long at = compressed.address(column, buffer);
    if (at == 0 || isStored(at)) {
      return null;
    }
    int index = column.buffer + buffer - first;
    byte[] memory = heap[index];
    if (memory == null) {
      int length = (int) length(column, buffer);
      memory = new byte[length];
      decompress(column, buffer, memory, Platform.BYTE_ARRAY_OFFSET, length);
      heap[index] = memory;
    }
    return memory;
  }

  private static boolean isStored(long at) {
    return Platform.getLong(null, at) == BufferCodec.STORED;
  }

  private void decompress(
      ColumnLayout column, int buffer, byte @Nullable [] base, long to, int length)
      throws CorruptEntryException {
    try {
      BufferCodec.decompress(
          compressed.compression(),
          compressed.address(column, buffer) + BufferCodec.PREFIX,
          compressed.length(column, buffer) - BufferCodec.PREFIX,
          base,
          to,
          length);
    } catch (IOException e) {
      throw corrupt(column, buffer, "cannot be decompressed: " + e.getMessage(), e);
    }
  }

  private CorruptEntryException corrupt(
      ColumnLayout column, int buffer, String what, @Nullable Throwable cause) {
    return new CorruptEntryException(
        file,
        position(column, buffer),
        "a buffer of a column of type " + column.type.simpleString() + " " + what,
        cause);
  }
}
