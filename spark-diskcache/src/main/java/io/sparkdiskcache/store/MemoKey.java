// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/** SHA-256 of a function and its arguments, in four words. */
public record MemoKey(long a, long b, long c, long d) {
  /** Length in bytes. */
  public static final int BYTES = 4 * Long.BYTES;

  private static final int SHARD_SHIFT = Long.SIZE - 4;

  /** The key of a digest of {@value #BYTES} bytes. */
  public static MemoKey of(byte[] digest) {
    ByteBuffer words = ByteBuffer.wrap(digest, 0, BYTES);
    return new MemoKey(words.getLong(), words.getLong(), words.getLong(), words.getLong());
  }

  byte[] bytes() {
    return ByteBuffer.allocate(BYTES).putLong(a).putLong(b).putLong(c).putLong(d).array();
  }

  /** The first hexadecimal digit. */
  int shard() {
    return (int) (a >>> SHARD_SHIFT);
  }

  @Override
  public int hashCode() {
    return (int) b; // uniform already
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MemoKey key && key.a == a && key.b == b && key.c == c && key.d == d;
  }

  @Override
  public String toString() {
    return HexFormat.of().formatHex(bytes());
  }
}
