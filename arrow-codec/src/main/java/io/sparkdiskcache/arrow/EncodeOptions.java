// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;

/**
 * When a record batch ends, at the first limit that is reached, and what of its values is kept.
 *
 * @param maxRowsPerBatch at least 1
 * @param maxBytesPerBatch encoded bytes, at least 1; a single row that is larger makes a batch of
 *     its own; counted before numbers are shortened
 * @param precision of floating-point columns
 * @param compact whether columns are stored in less than their types need where that loses nothing
 * @param compression of the buffers of every batch
 */
@Internal
public record EncodeOptions(
    int maxRowsPerBatch,
    long maxBytesPerBatch,
    PrecisionPolicy precision,
    boolean compact,
    Compression compression) {
  private static final int DEFAULT_ROWS = 32_768;
  private static final long DEFAULT_BYTES = 16L << 20;

  /** Leaves a row of a GiB room below the 2 GiB that one batch may have. */
  private static final long MAX_BYTES = 1L << 30;

  public EncodeOptions {
    if (maxRowsPerBatch < 1) {
      throw new IllegalArgumentException(
          "Cannot encode with maxRowsPerBatch=" + maxRowsPerBatch + ": it must be at least 1");
    }
    if (maxBytesPerBatch < 1 || maxBytesPerBatch > MAX_BYTES) {
      throw new IllegalArgumentException(
          "Cannot encode with maxBytesPerBatch="
              + maxBytesPerBatch
              + ": it must be between 1 and "
              + MAX_BYTES);
    }
  }

  /** Everything bit for bit. */
  public EncodeOptions(int maxRowsPerBatch, long maxBytesPerBatch) {
    this(maxRowsPerBatch, maxBytesPerBatch, PrecisionPolicy.EXACT, true, Compression.NONE);
  }

  public EncodeOptions withPrecision(PrecisionPolicy policy) {
    return new EncodeOptions(maxRowsPerBatch, maxBytesPerBatch, policy, compact, compression);
  }

  public EncodeOptions withCompact(boolean enabled) {
    return new EncodeOptions(maxRowsPerBatch, maxBytesPerBatch, precision, enabled, compression);
  }

  public EncodeOptions withCompression(Compression codec) {
    return new EncodeOptions(maxRowsPerBatch, maxBytesPerBatch, precision, compact, codec);
  }

  /** Batches of 32768 rows or 16 MiB: wide enough for tight loops, small enough to prune. */
  public static EncodeOptions defaults() {
    return new EncodeOptions(DEFAULT_ROWS, DEFAULT_BYTES);
  }
}
