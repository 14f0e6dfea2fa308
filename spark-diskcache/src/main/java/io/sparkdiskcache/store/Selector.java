// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which entries are meant: one or more {@code field=value} terms, separated by blanks, all of which
 * must hold. A value with blanks is put in single or double quotes.
 *
 * <table>
 * <caption>Fields</caption>
 * <tr><td>{@code tag=nightly}</td><td>the label, whole; of memoised results, one of them</td></tr>
 * <tr><td>{@code relation=3fa2b1}</td><td>the fingerprint, or its first digits</td></tr>
 * <tr><td>{@code function=*Cleaner*}</td><td>a function the plan uses, or that is memoised</td></tr>
 * <tr><td>{@code source=/data/orders/*}</td><td>a file that was read</td></tr>
 * <tr><td>{@code table=sales.orders}</td><td>a table that was scanned</td></tr>
 * <tr><td>{@code older=7d}</td><td>written longer ago than that</td></tr>
 * <tr><td>{@code larger=1g}</td><td>a file of more bytes</td></tr>
 * <tr><td>{@code name=*join*}</td><td>the description</td></tr>
 * <tr><td>{@code version=3}</td><td>the version of a memoised function</td></tr>
 * <tr><td>{@code arg=Berlin}</td><td>an argument of a memoised call</td></tr>
 * </table>
 *
 * <p>Results of memoised functions are meant only by selectors that name a function, version, tag
 * or argument; these and {@code older} are the fields they have.
 *
 * <p>In {@code function}, {@code source}, {@code table}, {@code name} and {@code arg}, {@code *}
 * stands for any text and {@code ?} for any character.
 */
@Internal
public final class Selector {
  /** For people: the fields there are. */
  public static final String FIELDS =
      "tag=, relation=, function=, source=, table=, older=, larger=, name=, version=, arg=";

  private static final Pattern TERM = Pattern.compile("\\s*(\\w+)=(\"[^\"]*\"|'[^']*'|\\S+)\\s*");
  private static final Pattern SCANNED =
      Pattern.compile("\\bScan (?:\\w+ )?([\\w$-]+(?:\\.[\\w$-]+)*)");
  private static final Term NEVER = new OfEntry((entry, now) -> false);
  private static final String FUNCTION = "function.";
  private static final String INPUT = "input.";
  private static final String NODE = "plan.node.";

  /** One condition; components are read only if some term asks for them. */
  private sealed interface Term {
    boolean holds(Entry entry, Map<String, String> components, Instant now);

    /** Most fields are about relations. */
    default boolean holds(MemoEntry entry, Instant now) {
      return false;
    }
  }

  private record OfEntry(EntryTest test) implements Term {
    @Override
    public boolean holds(Entry entry, Map<String, String> components, Instant now) {
      return test.holds(entry, now);
    }
  }

  private record OfComponents(ComponentTest test) implements Term {
    @Override
    public boolean holds(Entry entry, Map<String, String> components, Instant now) {
      return components.entrySet().stream().anyMatch(c -> test.holds(c.getKey(), c.getValue()));
    }
  }

  /**
   * A field that memoised results have, and perhaps relations.
   *
   * @param names whether it says which functions are meant
   */
  private record OfMemo(Term ofRelations, MemoTest test, boolean names) implements Term {
    @Override
    public boolean holds(Entry entry, Map<String, String> components, Instant now) {
      return ofRelations.holds(entry, components, now);
    }

    @Override
    public boolean holds(MemoEntry entry, Instant now) {
      return test.holds(entry, now);
    }
  }

  private interface MemoTest {
    boolean holds(MemoEntry entry, Instant now);
  }

  private interface EntryTest {
    boolean holds(Entry entry, Instant now);
  }

  private interface ComponentTest {
    boolean holds(String name, String value);
  }

  private final String text;
  private final List<Term> terms;

  private Selector(String text, List<Term> terms) {
    this.text = text;
    this.terms = terms;
  }

  /**
   * Reads a selector.
   *
   * @throws IllegalArgumentException naming the term that is wrong and what is allowed
   */
  public static Selector parse(String text) {
    List<Term> terms = new ArrayList<>();
    Matcher m = TERM.matcher(text);
    int at = 0;
    while (at < text.length()) {
      if (!m.find(at) || m.start() != at) {
        throw invalid(text, "'" + text.substring(at).strip() + "' is not field=value");
      }
      terms.add(term(text, m.group(1).toLowerCase(Locale.ROOT), unquoted(m.group(2))));
      at = m.end();
    }
    if (terms.isEmpty()) {
      throw invalid(text, "it is empty");
    }
    return new Selector(text.strip(), List.copyOf(terms));
  }

  private static Term term(String text, String field, String value) {
    try {
      return switch (field) {
        case "tag" ->
            new OfMemo(
                new OfEntry((entry, now) -> entry.tag().equals(value)),
                (entry, now) -> entry.function().tags().contains(value),
                true);
        case "version" ->
            new OfMemo(NEVER, (entry, now) -> entry.function().version().equals(value), true);
        case "arg" -> new OfMemo(NEVER, argument(value), true);
        case "relation" -> {
          String digits = hex(value);
          yield new OfEntry((entry, now) -> entry.relation().startsWith(digits));
        }
        case "name" -> {
          Pattern glob = glob(value);
          yield new OfEntry((entry, now) -> glob.matcher(entry.description()).matches());
        }
        case "older" -> {
          Duration age = Quantities.duration(value);
          yield new OfMemo(
              new OfEntry((entry, now) -> entry.createdAt().isBefore(now.minus(age))),
              (entry, now) -> entry.createdAt().isBefore(now.minus(age)),
              false);
        }
        case "larger" -> {
          long bytes = Quantities.bytes(value);
          yield new OfEntry((entry, now) -> entry.bytes() > bytes);
        }
        case "function" -> {
          Pattern glob = glob(value);
          yield new OfMemo(
              named(FUNCTION, glob),
              (entry, now) ->
                  glob.matcher(entry.function().name()).matches()
                      || entry.function().code().lines().anyMatch(m -> glob.matcher(m).matches()),
              true);
        }
        case "source" -> named(INPUT, glob(value));
        case "table" -> {
          Pattern glob = glob(value);
          yield new OfComponents((name, node) -> name.startsWith(NODE) && scans(node, glob));
        }
        default -> throw new IllegalArgumentException("there is no field '" + field + "'");
      };
    } catch (IllegalArgumentException e) {
      throw invalid(text, String.valueOf(e.getMessage()));
    }
  }

  /** One of the arguments, whole or as a pattern; long ones are kept as the hash of their text. */
  private static MemoTest argument(String value) {
    Pattern glob = glob(value);
    String hashed = MemoEntry.shown(value);
    return (entry, now) ->
        entry.arguments().stream()
            .anyMatch(text -> text.equals(hashed) || glob.matcher(text).matches());
  }

  private static Term named(String prefix, Pattern glob) {
    return new OfComponents(
        (name, value) ->
            name.startsWith(prefix) && glob.matcher(name.substring(prefix.length())).matches());
  }

  /** A table is meant by its whole name and by its last parts. */
  private static boolean scans(String node, Pattern glob) {
    Matcher m = SCANNED.matcher(node);
    while (m.find()) {
      String name = m.group(1);
      for (int at = 0; at >= 0; at = name.indexOf('.', at) + 1) {
        if (glob.matcher(name.substring(at)).matches()) {
          return true;
        }
        if (name.indexOf('.', at) < 0) {
          break;
        }
      }
    }
    return false;
  }

  private static String hex(String value) {
    if (!value.matches("[0-9a-fA-F]{4,64}")) {
      throw new IllegalArgumentException("'" + value + "' is not 4 to 64 hexadecimal digits");
    }
    return value.toLowerCase(Locale.ROOT);
  }

  private static String unquoted(String value) {
    boolean quoted = value.length() >= 2 && (value.charAt(0) == '"' || value.charAt(0) == '\'');
    return quoted ? value.substring(1, value.length() - 1) : value;
  }

  private static Pattern glob(String text) {
    StringBuilder regex = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      regex.append(c == '*' ? ".*" : c == '?' ? "." : Pattern.quote(String.valueOf(c)));
    }
    return Pattern.compile(regex.toString(), Pattern.DOTALL);
  }

  private static IllegalArgumentException invalid(String text, String reason) {
    return new IllegalArgumentException(
        "Cannot use selector '%s': %s. Allowed are terms of %s such as tag=nightly older=7d."
            .formatted(text, reason, FIELDS));
  }

  boolean needsComponents() {
    return terms.stream()
        .anyMatch(
            term ->
                term instanceof OfComponents
                    || (term instanceof OfMemo memo && memo.ofRelations() instanceof OfComponents));
  }

  /**
   * Whether memoised results can be meant: only if function, version, tag or argument is named, so
   * that clearing up what is old never takes what was paid for along.
   */
  public boolean mayMeanMemo() {
    return terms.stream().anyMatch(term -> term instanceof OfMemo memo && memo.names());
  }

  /** Whether a memoised result is meant. */
  public boolean matches(MemoEntry entry, Instant now) {
    return mayMeanMemo() && terms.stream().allMatch(term -> term.holds(entry, now));
  }

  /** Whether an entry is meant that is only known by what its file says. */
  public boolean matches(EntryDescription entry, Instant now) {
    Instant created = entry.createdAt();
    EntryMeta meta = entry.meta();
    Path nowhere = Path.of(entry.key().hex());
    return matches(
        new Entry(entry.key(), nowhere, meta.withoutComponents(), created, created, 0),
        meta.components(),
        now);
  }

  boolean matches(Entry entry, Map<String, String> components, Instant now) {
    return terms.stream().allMatch(term -> term.holds(entry, components, now));
  }

  @Override
  public String toString() {
    return text;
  }
}
