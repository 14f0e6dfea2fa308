// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * A kept result of a memoised function, for people.
 *
 * @param arguments the arguments that count, as text; long ones as {@code sha256:} and the digest
 *     of the text
 * @param bytes size of the encoded value
 * @param expires empty if it does not expire
 * @param computeTime what the call took
 * @param price what the call cost
 */
public record MemoEntry(
    MemoKey key,
    MemoFunction function,
    List<String> arguments,
    long bytes,
    Instant createdAt,
    Optional<Instant> expires,
    Duration computeTime,
    double price) {
  private static final int MAX_SHOWN = 1_000; // characters
  private static final String SEPARATOR = "\u001f";

  /** How arguments are kept in one column. */
  static List<String> split(String text) {
    return Arrays.asList(text.split(SEPARATOR, -1));
  }

  /** The text that {@link #split} takes apart. */
  public static String join(List<String> arguments) {
    return String.join(SEPARATOR, arguments.stream().map(MemoEntry::shown).toList());
  }

  /** Long ones as the digest of their UTF-8. */
  static String shown(String argument) {
    String text = argument.replace(SEPARATOR, " ");
    if (text.length() <= MAX_SHOWN) {
      return text;
    }
    try {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return "sha256:"
          + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(utf8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** As in {@code geocode(Berlin, DE)}. */
  public String description() {
    String name =
        function.version().isEmpty() ? function.name() : function.name() + "@" + function.version();
    return name + "(" + String.join(", ", arguments) + ")";
  }
}
