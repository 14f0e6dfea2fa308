// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;

/**
 * SHA-256 over a type-tagged, length-prefixed byte stream: two different sequences of calls never
 * feed the same bytes. Not thread-safe; {@link #digest()} ends it.
 */
final class CanonicalHasher {
  /** Length of every digest, in bytes. */
  static final int DIGEST_BYTES = 32;

  /** Cloned, because looking a provider up costs more than hashing a small value. */
  private static final MessageDigest EMPTY = sha256();

  private final MessageDigest sha;
  private final ByteBuffer scratch = ByteBuffer.allocate(Long.BYTES);

  CanonicalHasher() {
    MessageDigest own;
    try {
      own = (MessageDigest) EMPTY.clone();
    } catch (CloneNotSupportedException e) {
      own = sha256(); // a provider may have digests that cannot be cloned
    }
    sha = own;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Says what comes next; one tag per kind of thing. */
  CanonicalHasher tag(char tag) {
    sha.update((byte) tag);
    return this;
  }

  CanonicalHasher putBoolean(boolean value) {
    sha.update(value ? (byte) 1 : (byte) 0);
    return this;
  }

  CanonicalHasher putInt(int value) {
    sha.update(scratch.clear().putInt(value).flip());
    return this;
  }

  CanonicalHasher putLong(long value) {
    sha.update(scratch.clear().putLong(value).flip());
    return this;
  }

  /** Length first, then the bytes. */
  CanonicalHasher putBytes(byte[] bytes) {
    putInt(bytes.length);
    sha.update(bytes);
    return this;
  }

  /**
   * UTF-8, length first. UTF-8 has no bytes for half of a surrogate pair and puts a question mark
   * in its place, so that a string with one counts by its UTF-16 units, after a length below zero.
   */
  CanonicalHasher putString(String value) {
    if (isWellFormed(value)) {
      return putBytes(value.getBytes(StandardCharsets.UTF_8));
    }
    ByteBuffer units = ByteBuffer.allocate(value.length() * Character.BYTES);
    units.asCharBuffer().put(value);
    putInt(-1 - value.length());
    sha.update(units);
    return this;
  }

  /** Whether every surrogate has its other half. */
  private static boolean isWellFormed(String value) {
    for (int i = 0; i < value.length(); i++) {
      char unit = value.charAt(i);
      if (Character.isSurrogate(unit)) {
        if (!Character.isHighSurrogate(unit)
            || i + 1 == value.length()
            || !Character.isLowSurrogate(value.charAt(i + 1))) {
          return false;
        }
        i++;
      }
    }
    return true;
  }

  /**
   * For sets and maps: the digests of the elements, sorted, so that iteration order is no matter.
   */
  CanonicalHasher putUnordered(Collection<byte[]> digests) {
    byte[][] sorted = digests.toArray(byte[][]::new);
    Arrays.sort(sorted, Arrays::compareUnsigned);
    putInt(sorted.length);
    for (byte[] digest : sorted) {
      putBytes(digest);
    }
    return this;
  }

  /** The 32 bytes. */
  byte[] digest() {
    return sha.digest();
  }
}
