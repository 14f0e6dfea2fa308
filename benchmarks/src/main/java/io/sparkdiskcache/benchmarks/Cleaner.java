// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.text.Normalizer;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Cleaning rules of the ETL job: text as it was delivered to typed values, one value at a time. */
final class Cleaner {
  private static final Pattern MAIL =
      Pattern.compile("[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+", Pattern.CASE_INSENSITIVE);
  private static final Pattern PHONE = Pattern.compile("\\+?\\d[\\d ()/-]{7,}\\d");
  private static final Pattern PUNCTUATION = Pattern.compile("[^\\p{L}\\p{N} ]+");
  private static final Pattern SPACES = Pattern.compile("\\s+");
  private static final Pattern ISO_DATE = Pattern.compile("(\\d{4})-(\\d{2})-(\\d{2})");
  private static final Pattern MONEY = Pattern.compile("-?\\d{1,10}(?:\\.\\d{1,4})?");

  /**
   * The topics that the business wants to know about; comments are cut off and misspelt, so words
   * are near.
   */
  private static final List<String> TOPICS =
      List.of("accounts", "deposits", "packages", "requests", "instructions", "dependencies");

  private static final int MIN_WORD = 4;

  private Cleaner() {}

  /** Lower case, without mail addresses, phone numbers and punctuation, single spaces. */
  static @Nullable String text(@Nullable String raw) {
    if (raw == null) {
      return null;
    }
    String text = Normalizer.normalize(raw, Normalizer.Form.NFKC).toLowerCase(Locale.ROOT);
    text = MAIL.matcher(text).replaceAll(" ");
    text = PHONE.matcher(text).replaceAll(" ");
    text = PUNCTUATION.matcher(text).replaceAll(" ");
    return SPACES.matcher(text).replaceAll(" ").strip();
  }

  /** The topic whose name is nearest to some word of a cleaned comment, or {@code other}. */
  static @Nullable String topic(@Nullable String comment) {
    if (comment == null) {
      return null;
    }
    String best = "other";
    int bestDistance = 3;
    for (String word : comment.split(" ", -1)) {
      if (word.length() < MIN_WORD) {
        continue;
      }
      for (String topic : TOPICS) {
        int distance = editDistance(word, topic);
        if (distance < bestDistance) {
          best = topic;
          bestDistance = distance;
        }
      }
    }
    return best;
  }

  /** {@code DELIVER IN PERSON} to {@code deliver-in-person}; nothing for {@code NONE}. */
  static @Nullable String instruction(@Nullable String raw) {
    String text = text(raw);
    return text == null || text.isEmpty() || text.equals("none") ? null : text.replace(' ', '-');
  }

  /** An amount with two decimals; nothing when it is not an amount. */
  static @Nullable BigDecimal amount(@Nullable String raw) {
    if (raw == null) {
      return null;
    }
    String text = raw.strip();
    return MONEY.matcher(text).matches()
        ? new BigDecimal(text).setScale(2, RoundingMode.HALF_UP)
        : null;
  }

  /** A calendar day; nothing when it is not one. */
  static @Nullable LocalDate day(@Nullable String raw) {
    if (raw == null) {
      return null;
    }
    var match = ISO_DATE.matcher(raw.strip());
    if (!match.matches()) {
      return null;
    }
    int year = Integer.parseInt(match.group(1));
    int month = Integer.parseInt(match.group(2));
    int day = Integer.parseInt(match.group(3));
    boolean exists =
        month >= 1
            && month <= 12
            && day >= 1
            && day <= LocalDate.of(year, month, 1).lengthOfMonth();
    return exists ? LocalDate.of(year, month, day) : null;
  }

  /** Levenshtein distance with two rows of the matrix. */
  private static int editDistance(String a, String b) {
    int[] previous = new int[b.length() + 1];
    int[] current = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      current[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        current[j] = Math.min(change, Math.min(previous[j], current[j - 1]) + 1);
      }
      int[] swap = previous;
      previous = current;
      current = swap;
    }
    return previous[b.length()];
  }
}
