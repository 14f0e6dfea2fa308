// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.math.BigDecimal;

/**
 * A limit in bytes, or as a share of the disk that the cache directory lies on.
 *
 * @param bytes the limit; 0 if it is a share
 * @param share above 0 and up to 1; 0 if it is a number of bytes
 */
@Internal
public record ByteLimit(long bytes, double share) implements Serializable {
  private static final double PERCENT = 100;

  public ByteLimit {
    if (bytes < 0 || share < 0 || share > 1 || (bytes > 0) == (share > 0)) {
      throw new IllegalArgumentException(
          "Cannot use maxBytes %d, share %s: expected a positive number of bytes or a share up to 100%%"
              .formatted(bytes, share));
    }
  }

  public static ByteLimit ofBytes(long bytes) {
    return new ByteLimit(bytes, 0);
  }

  /**
   * From {@code 50g} or {@code 20%}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static ByteLimit parse(String text) {
    String trimmed = text.strip();
    if (trimmed.endsWith("%")) {
      return new ByteLimit(
          0, Double.parseDouble(trimmed.substring(0, trimmed.length() - 1).strip()) / PERCENT);
    }
    return ofBytes(Quantities.bytes(trimmed));
  }

  /** As {@link #parse} reads it. */
  String text() {
    return share > 0
        ? BigDecimal.valueOf(share).movePointRight(2).toPlainString() + "%"
        : Long.toString(bytes);
  }

  /**
   * @param diskBytes size of the whole disk
   */
  long of(long diskBytes) {
    return share > 0 ? Math.max(1, (long) (diskBytes * share)) : bytes;
  }
}
