// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.Arrays;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.array.ByteArrayMethods;
import org.apache.spark.unsafe.hash.Murmur3_x86_32;

/**
 * The distinct strings of a column, numbered in the order in which they came. Values lie off-heap
 * as Arrow wants them, the hash table that finds them on the heap. Owns its memory until {@link
 * #close}.
 */
final class StringDictionary implements AutoCloseable {
  /** The answer of {@link #indexOf} when there is no room. */
  static final int FULL = -1;

  private static final int SEED = 42;
  private static final int MAX_BYTES = 8 << 20;
  private static final int MIN_TABLE = 64;

  /** Of one value, besides its bytes: offset, hash, two places in the table. */
  private static final int OVERHEAD = 4 * Integer.BYTES;

  /** The most bytes of all dictionaries of an entry together. */
  static final class Room {
    private static final long BYTES = 64L << 20;

    private long left = BYTES;
  }

  private final Room room;
  private final GrowableBuffer offsets;
  private final GrowableBuffer data;
  private int size;
  private int end;
  private long taken;

  /** Number of a value plus one, 0 for none; a power of two long and at most half full. */
  private int[] table = new int[MIN_TABLE];

  /** Of every value. */
  private int[] hashes = new int[MIN_TABLE / 2];

  StringDictionary(Room room, BufferAllocator allocator) {
    this.room = room;
    this.offsets = new GrowableBuffer(allocator);
    this.data = new GrowableBuffer(allocator);
    offsets.ensure(Integer.BYTES);
    Platform.putInt(null, offsets.address(), 0);
  }

  int size() {
    return size;
  }

  /** Bytes of all values and their offsets. */
  long bytes() {
    return end + (size + 1L) * Integer.BYTES;
  }

  /** The number of the string, which gets one if it has none; or {@link #FULL}. */
  int indexOf(long address, int length) {
    int hash = Murmur3_x86_32.hashUnsafeBytes(null, address, length, SEED);
    int at = hash & (table.length - 1);
    while (table[at] != 0) {
      int index = table[at] - 1;
      if (hashes[index] == hash && equals(index, address, length)) {
        return index;
      }
      at = (at + 1) & (table.length - 1);
    }
    return add(hash, at, address, length);
  }

  private boolean equals(int index, long address, int length) {
    int start = offset(index);
    return offset(index + 1) - start == length
        && ByteArrayMethods.arrayEquals(null, data.address() + start, null, address, length);
  }

  private int add(int hash, int at, long address, int length) {
    long needed = (long) length + OVERHEAD;
    if (taken + needed > MAX_BYTES || needed > room.left) {
      return FULL;
    }
    taken += needed;
    room.left -= needed;
    data.ensure((long) end + length);
    Platform.copyMemory(null, address, null, data.address() + end, length);
    end += length;
    int index = size++;
    offsets.ensure((size + 1L) * Integer.BYTES);
    Platform.putInt(null, offsets.address() + (long) size * Integer.BYTES, end);
    if (size > hashes.length) {
      grow();
      at = free(hash);
    }
    hashes[index] = hash;
    table[at] = size;
    return index;
  }

  private void grow() {
    hashes = Arrays.copyOf(hashes, 2 * hashes.length);
    table = new int[2 * table.length];
    for (int index = 0; index < size - 1; index++) {
      table[free(hashes[index])] = index + 1;
    }
  }

  private int free(int hash) {
    int at = hash & (table.length - 1);
    while (table[at] != 0) {
      at = (at + 1) & (table.length - 1);
    }
    return at;
  }

  private int offset(int index) {
    return Platform.getInt(null, offsets.address() + (long) index * Integer.BYTES);
  }

  int length(int index) {
    return offset(index + 1) - offset(index);
  }

  /** Copies the bytes of a value, {@link #length} of them. */
  void copy(int index, long to) {
    Platform.copyMemory(null, data.address() + offset(index), null, to, length(index));
  }

  /** All values as a batch of one column, which the caller closes before this. */
  ArrowRecordBatch batch() {
    List<ArrowBuf> buffers =
        List.of(
            offsets.view(0),
            offsets.view(size == 0 ? 0 : (size + 1L) * Integer.BYTES),
            data.view(end));
    return new ArrowRecordBatch(size, List.of(new ArrowFieldNode(size, 0)), buffers);
  }

  @Override
  public void close() {
    room.left += taken;
    taken = 0;
    offsets.close();
    data.close();
  }
}
