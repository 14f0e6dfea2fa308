// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which classes of Spark SQL a cached plan may hold, and how each is encoded.
 *
 * <p>The list is the file {@value #FILE}, by class name: one list serves several versions of Spark,
 * and a class that a later version adds is on none of its rows, so it is refused.
 */
final class AllowList {
  private static final String FILE = "spark-classes.txt";

  /** How a class is encoded; what each means is said in the file. */
  enum Rule {
    NODE_ARGUMENTS,
    NODE_OWN,
    NODE_TRANSPARENT,
    EXPRESSION_ARGUMENTS,
    EXPRESSION_PARSES,
    EXPRESSION_OWN,
    ARGUMENT,
    STATIC
  }

  private static final Map<Rule, Set<String>> NAMES = load();

  private AllowList() {}

  /** Whether {@code type} is Spark's own and on the list under {@code rule}. */
  static boolean has(Rule rule, Class<?> type) {
    return NAMES.getOrDefault(rule, Set.of()).contains(type.getName())
        && SparkClasses.isSparkSql(type);
  }

  /** The rule of a node or expression; empty if it is refused. */
  static Optional<Rule> rule(Class<?> type) {
    for (Rule rule : Rule.values()) {
      if (rule != Rule.ARGUMENT && rule != Rule.STATIC && has(rule, type)) {
        return Optional.of(rule);
      }
    }
    return Optional.empty();
  }

  /** Whether {@code StaticInvoke} may call methods of a class of Spark's: of it or its object. */
  static boolean mayInvoke(Class<?> type) {
    String name = type.getName();
    return NAMES
        .getOrDefault(Rule.STATIC, Set.of())
        .contains(name.endsWith("$") ? name.substring(0, name.length() - 1) : name);
  }

  static Set<String> names(Rule rule) {
    return NAMES.getOrDefault(rule, Set.of());
  }

  private static Map<Rule, Set<String>> load() {
    Map<Rule, Set<String>> names = new EnumMap<>(Rule.class);
    try (InputStream in = AllowList.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException(FILE + " is missing in the jar");
      }
      BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      String prefix = "";
      Rule rule = Rule.ARGUMENT;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("  ")) {
          Set<String> ofRule = names.computeIfAbsent(rule, r -> new HashSet<>());
          for (String name : line.strip().split(" ", -1)) {
            ofRule.add(prefix + name);
          }
        } else if (line.endsWith(":") && !line.startsWith("#")) {
          int space = line.indexOf(' ');
          rule = Rule.valueOf(line.substring(0, space).replace('-', '_').toUpperCase(Locale.ROOT));
          prefix = line.substring(space + 1, line.length() - 1) + ".";
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + FILE, e);
    }
    return names;
  }
}
