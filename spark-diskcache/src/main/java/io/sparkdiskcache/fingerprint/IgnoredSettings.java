// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Settings that the user says change no rows, by {@code spark.diskcache.key.ignoredSettings}:
 * comma-separated names, in which {@code *} stands for any text.
 *
 * <p>No word of the user's makes Spark read files or compute in another way without a miss: what
 * lies below {@link #NEVER} counts whatever a pattern says, and a pattern that may match any of it
 * is an error when the application starts.
 */
@Internal
public final class IgnoredSettings {
  /** The key, which tasks see as well. */
  static final String KEY = "spark.diskcache.key.ignoredSettings";

  /** Settings of Spark's engine, of the readers of files, of Python, and of this cache. */
  static final List<String> NEVER =
      List.of(
          "spark.sql.",
          "spark.files.",
          "spark.hadoop.",
          "spark.executorEnv.",
          "spark.python.",
          "spark.pyspark.",
          "spark.databricks.delta.",
          "spark.diskcache.",
          "spark.driver.extraJavaOptions",
          "spark.executor.extraJavaOptions",
          "parquet.",
          "orc.",
          "avro.",
          "fs.",
          "io.",
          "mapred.",
          "mapreduce.",
          "hive.",
          "textinputformat.");

  private static final IgnoredSettings NONE = new IgnoredSettings(List.of());

  private final List<Pattern> patterns;

  private IgnoredSettings(List<Pattern> patterns) {
    this.patterns = patterns;
  }

  /**
   * Reads a list of patterns.
   *
   * @throws IllegalArgumentException naming a pattern that could match what always counts
   */
  public static IgnoredSettings parse(String text) {
    List<Pattern> patterns = new ArrayList<>();
    for (String part : text.split(",", -1)) {
      String pattern = part.strip();
      if (!pattern.isEmpty()) {
        requireHarmless(pattern);
        patterns.add(pattern(pattern));
      }
    }
    return new IgnoredSettings(List.copyOf(patterns));
  }

  private static void requireHarmless(String pattern) {
    int star = pattern.indexOf('*');
    String prefix = star < 0 ? pattern : pattern.substring(0, star);
    for (String never : NEVER) {
      if (prefix.startsWith(never) || (star >= 0 && never.startsWith(prefix))) {
        throw new IllegalArgumentException(
            "Cannot use '%s' in %s: it may match settings below '%s', which change rows and are never ignored. Name the settings, or begin the pattern with more of their name."
                .formatted(pattern, KEY, never));
      }
    }
  }

  private static Pattern pattern(String text) {
    StringBuilder regex = new StringBuilder();
    for (String literal : text.split("\\*", -1)) {
      regex.append(regex.isEmpty() ? "" : ".*").append(Pattern.quote(literal));
    }
    return Pattern.compile(regex.toString());
  }

  /** As a session has it. One that was changed since the start to what is not allowed is none. */
  static IgnoredSettings of(@Nullable String text) {
    if (text == null || text.isEmpty()) {
      return NONE;
    }
    try {
      return parse(text);
    } catch (IllegalArgumentException e) {
      return NONE; // costs hits; at the start of the application it is an error
    }
  }

  boolean matches(String key) {
    for (Pattern pattern : patterns) {
      if (pattern.matcher(key).matches()) {
        return NEVER.stream().noneMatch(key::startsWith);
      }
    }
    return false;
  }
}
