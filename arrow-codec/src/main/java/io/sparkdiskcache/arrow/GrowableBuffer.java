// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.unsafe.Platform;

/**
 * Off-heap memory that doubles when it is full and is kept from batch to batch. {@link #address}
 * changes whenever {@link #ensure} grows it. Owns its memory until {@link #close}, and again from
 * the next {@link #ensure} on.
 */
final class GrowableBuffer implements AutoCloseable {
  private static final long MIN_BYTES = 1024;

  private final BufferAllocator allocator;
  private ArrowBuf memory;
  private long address;
  private long capacity;

  GrowableBuffer(BufferAllocator allocator) {
    this.allocator = allocator;
    this.memory = allocator.getEmpty();
  }

  long address() {
    return address;
  }

  /** Makes room for so many bytes from the start; what was written stays. */
  void ensure(long bytes) {
    if (bytes > capacity) {
      grow(bytes);
    }
  }

  /** The first bytes as a buffer that shares this one's memory and reference count. */
  ArrowBuf view(long bytes) {
    return bytes == 0 ? allocator.getEmpty() : memory.slice(0, bytes);
  }

  private void grow(long bytes) {
    ArrowBuf larger = allocator.buffer(Math.max(MIN_BYTES, Math.max(bytes, 2 * capacity)));
    Platform.copyMemory(null, address, null, larger.memoryAddress(), capacity);
    memory.close();
    memory = larger;
    address = larger.memoryAddress();
    capacity = larger.capacity();
  }

  @Override
  public void close() {
    memory.close();
    memory = allocator.getEmpty();
    address = 0;
    capacity = 0;
  }
}
