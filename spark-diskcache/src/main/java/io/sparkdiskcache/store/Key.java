// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.util.HexFormat;

/**
 * A 256-bit name of an entry or of a set: the whole SHA-256, never a prefix of it.
 *
 * @param hex 64 lower-case hexadecimal digits
 */
public record Key(String hex) {
  private static final int HEX_DIGITS = 64;

  public Key {
    if (hex.length() != HEX_DIGITS || !isLowerHex(hex)) {
      throw new IllegalArgumentException(
          "Cannot make a key: expected 64 lower-case hexadecimal digits, got '" + hex + "'");
    }
  }

  /** A key from the 32 bytes of a digest. */
  public static Key of(byte[] digest) {
    return new Key(HexFormat.of().formatHex(digest));
  }

  private static boolean isLowerHex(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    return hex;
  }
}
