// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/**
 * The decompressed content of very short frames, once for all columns and batches of the process
 * that have the same: a column with one value, or none, has the same frame in every batch, and a
 * wide table may have hundreds of such columns. The memory is never written to again, and is the
 * garbage collector's when the last vector over it is gone. For any number of threads.
 */
final class SharedFrames {
  /** Bytes of a frame of one value, whatever it is repeated to, with some room. */
  private static final int MAX_FRAME = 64;

  private static final Map<Frame, Memory> SHARED = new ConcurrentHashMap<>();
  private static final ReferenceQueue<ByteBuffer> GONE = new ReferenceQueue<>();

  private SharedFrames() {}

  /**
   * A frame by its content: equal ones decompress to equal bytes.
   *
   * @param plain bytes that it has to hold
   */
  record Frame(Compression codec, ByteBuffer content, int plain) {}

  private static final class Memory extends WeakReference<ByteBuffer> {
    private final Frame frame;

    Memory(Frame frame, ByteBuffer memory) {
      super(memory, GONE);
      this.frame = frame;
    }
  }

  /** The frame in memory; null if it is too long, or holds too little, to be worth sharing. */
  static @Nullable Frame frame(Compression codec, long address, long length, int plain) {
    if (length > MAX_FRAME || plain < BufferCodec.MIN_REPEATING) {
      return null;
    }
    byte[] content = new byte[(int) length];
    Platform.copyMemory(null, address, content, Platform.BYTE_ARRAY_OFFSET, length);
    return new Frame(codec, ByteBuffer.wrap(content), plain);
  }

  static @Nullable ByteBuffer find(Frame frame) {
    Memory memory = SHARED.get(frame);
    return memory == null ? null : memory.get();
  }

  /**
   * @param memory what the frame was decompressed to, and found to be as long as it has to be
   */
  static void share(Frame frame, ByteBuffer memory) {
    for (Reference<?> gone = GONE.poll(); gone != null; gone = GONE.poll()) {
      SHARED.remove(((Memory) gone).frame, gone);
    }
    SHARED.put(frame, new Memory(frame, memory));
  }
}
