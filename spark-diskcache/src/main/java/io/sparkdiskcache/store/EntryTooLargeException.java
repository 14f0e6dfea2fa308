// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;

/**
 * The entry, or the unfinished generation it belongs to, does not fit below the limit even if all
 * else is evicted.
 */
@Internal
public final class EntryTooLargeException extends NoRoomException {
  private final long bytes;
  private final long maxBytes;

  EntryTooLargeException(Key key, String what, long bytes, long maxBytes) {
    super(
        "Cannot publish entry " + key,
        what + " takes " + bytes + " bytes and the limit is " + maxBytes,
        "Raise the limit to keep such results");
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }

  /** Bytes that would have been needed. */
  public long bytes() {
    return bytes;
  }

  public long maxBytes() {
    return maxBytes;
  }
}
