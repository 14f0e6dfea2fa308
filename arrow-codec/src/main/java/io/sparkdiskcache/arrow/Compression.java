// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.arrow.flatbuf.CompressionType;

/** Whether the buffers of batches are compressed in the file, by Arrow's own body compression. */
@Internal
public enum Compression {
  NONE,
  LZ4,
  ZSTD;

  /** As Arrow's format numbers it. */
  byte type() {
    return switch (this) {
      case LZ4 -> CompressionType.LZ4_FRAME;
      case ZSTD -> CompressionType.ZSTD;
      case NONE -> throw new IllegalStateException("A buffer that is not compressed has no type");
    };
  }
}
