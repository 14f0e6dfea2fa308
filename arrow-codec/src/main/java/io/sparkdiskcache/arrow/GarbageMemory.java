// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.ByteBuffer;
import org.apache.spark.unsafe.Platform;

/** Memory outside of the heap that is the garbage collector's: free when nothing refers to it. */
final class GarbageMemory {
  private GarbageMemory() {}

  /**
   * So many bytes. They count as direct memory of the JVM, which collects garbage where {@code
   * -XX:MaxDirectMemorySize} is reached; if even then too little is free, the limit is passed over,
   * because a task that reads what is kept must not fail for it.
   */
  static ByteBuffer allocate(int bytes) {
    try {
      return ByteBuffer.allocateDirect(bytes);
    } catch (OutOfMemoryError limit) {
      return Platform.allocateDirectBuffer(bytes);
    }
  }
}
