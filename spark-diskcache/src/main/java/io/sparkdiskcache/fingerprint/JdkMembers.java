// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The dependencies of every public class of the JDK besides its arguments: the table {@code
 * jdk-members.txt}. The JDK is a closed world: a class without a row, and a member that the row of
 * its class does not name, may depend on anything.
 */
final class JdkMembers {
  /** The thing that a member depends on. */
  enum Verdict {
    PURE,
    CLOSED,
    CLOCK,
    DEFAULTS,
    ENVIRONMENT,
    FILES,
    IDENTITY,
    LINES,
    NETWORK,
    RANDOM,
    REFLECTION,
    STATE,
    THREADS
  }

  /**
   * @param whole of all members; null if they differ
   * @param members by name, and by name and parameters
   */
  private record Row(@Nullable Verdict whole, Map<String, Verdict> members) {
    @Nullable Verdict of(String name, String desc) {
      if (whole != null) {
        return whole;
      }
      String overload = name + desc.substring(0, desc.indexOf(')') + 1);
      Verdict ofOverload = members.get(overload);
      return ofOverload != null ? ofOverload : members.get(name);
    }
  }

  private static final List<String> PREFIXES =
      List.of("java/", "javax/", "jdk/", "sun/", "com/sun/", "org/ietf/", "org/w3c/", "org/xml/");

  private static final Map<String, Row> ROWS = read();

  private JdkMembers() {}

  /** By its name: a class that the JDK may come with. */
  static boolean isNamed(String type) {
    return PREFIXES.stream().anyMatch(type::startsWith);
  }

  /**
   * The verdict on a member, if a row has one.
   *
   * @param type the class that declares it
   * @param desc empty for a field
   */
  static @Nullable Verdict find(String type, String name, String desc) {
    Row row = row(type);
    return row == null ? null : row.of(name, desc);
  }

  /** Whether a row is about the very class, and not about the package around it. */
  static boolean hasRow(String type) {
    return ROWS.containsKey(type);
  }

  private static @Nullable Row row(String type) {
    Row own = ROWS.get(type);
    return own != null ? own : ROWS.get(type.substring(0, type.lastIndexOf('/') + 1));
  }

  private static Map<String, Row> read() {
    Map<String, Row> rows = new HashMap<>();
    try (InputStream in =
            Objects.requireNonNull(JdkMembers.class.getResourceAsStream("jdk-members.txt"));
        BufferedReader lines = new BufferedReader(new InputStreamReader(in, UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (!line.isBlank() && !line.startsWith("#")) {
          String[] columns = line.split(" ", -1);
          rows.put(columns[0], row(columns));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read jdk-members.txt of the jar of the cache", e);
    }
    return Map.copyOf(rows);
  }

  private static Row row(String[] columns) {
    if (columns.length == 2 && columns[1].indexOf(':') < 0) {
      return new Row(Verdict.valueOf(columns[1]), Map.of());
    }
    Map<String, Verdict> members = new HashMap<>();
    Stream.of(columns)
        .skip(1)
        .forEach(
            column -> {
              int colon = column.indexOf(':');
              Verdict verdict = Verdict.valueOf(column.substring(0, colon));
              for (String member : column.substring(colon + 1).split(",", -1)) {
                members.put(member, verdict);
              }
            });
    return new Row(null, Map.copyOf(members));
  }
}
