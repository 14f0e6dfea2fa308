// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes and durations as people write and read them. Sizes are binary: 1k is 1024 bytes. */
@Internal
public final class Quantities {
  private static final Pattern SIZE =
      Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*(b|k|kb|kib|m|mb|mib|g|gb|gib|t|tb|tib)?");
  private static final Pattern DURATION =
      Pattern.compile("(\\d+)\\s*(ms|s|m|min|h|d|w)", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "bkmgt";
  private static final int KIB = 1024;
  private static final int MINUTE = 60;
  private static final int HOUR = 60 * MINUTE;
  private static final int DAY = 24 * HOUR;

  private Quantities() {}

  /**
   * Bytes of a size such as {@code 500m}, {@code 1.5g} or {@code 4096}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static long bytes(String text) {
    Matcher m = SIZE.matcher(text.strip().toLowerCase(Locale.ROOT));
    if (m.matches()) {
      String unit = m.group(2) == null ? "b" : m.group(2);
      double bytes = Double.parseDouble(m.group(1)) * Math.pow(KIB, UNITS.indexOf(unit.charAt(0)));
      if (bytes < Long.MAX_VALUE) {
        return (long) bytes;
      }
    }
    throw new IllegalArgumentException(
        "Cannot read size '" + text + "': expected a number with k, m, g or t, such as 500m");
  }

  /**
   * A duration such as {@code 30s}, {@code 15m}, {@code 12h}, {@code 7d} or {@code 2w}.
   *
   * @throws IllegalArgumentException for anything else
   */
  public static Duration duration(String text) {
    Matcher m = DURATION.matcher(text.strip());
    if (m.matches()) {
      try {
        long number = Long.parseLong(m.group(1));
        return switch (m.group(2).toLowerCase(Locale.ROOT)) {
          case "ms" -> Duration.ofMillis(number);
          case "s" -> Duration.ofSeconds(number);
          case "m", "min" -> Duration.ofMinutes(number);
          case "h" -> Duration.ofHours(number);
          case "d" -> Duration.ofDays(number);
          default -> Duration.ofDays(Math.multiplyExact(7, number));
        };
      } catch (ArithmeticException | NumberFormatException e) {
        throw new IllegalArgumentException("Cannot read duration '" + text + "': too long", e);
      }
    }
    throw new IllegalArgumentException(
        "Cannot read duration '" + text + "': expected a number with s, m, h, d or w, such as 7d");
  }

  /** As in "1.5 GiB"; below 1 KiB as in "12 B". */
  public static String humanBytes(long bytes) {
    if (Math.abs(bytes) < KIB) {
      return bytes + " B";
    }
    double value = bytes;
    int unit = 0;
    while (Math.abs(value) >= KIB && unit < UNITS.length() - 1) {
      value /= KIB;
      unit++;
    }
    return String.format(
        Locale.ROOT, "%.1f %ciB", value, Character.toUpperCase(UNITS.charAt(unit)));
  }

  /** The two largest units, as in "3d 4h", "12m 5s", "1.25s" or "18ms". */
  public static String humanDuration(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds >= DAY) {
      return seconds / DAY + "d " + seconds % DAY / HOUR + "h";
    }
    if (seconds >= HOUR) {
      return seconds / HOUR + "h " + seconds % HOUR / MINUTE + "m";
    }
    if (seconds >= MINUTE) {
      return seconds / MINUTE + "m " + seconds % MINUTE + "s";
    }
    return seconds > 0
        ? String.format(Locale.ROOT, "%.2fs", duration.toMillis() / 1000.0)
        : duration.toMillis() + "ms";
  }
}
