// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The texts that are stored of a relation, for people and selectors, where literals of plans must
 * not be: of texts that may hold one, the words that are known to be names.
 */
final class HiddenLiterals {
  private static final String NODE = "plan.node.";
  private static final String OPAQUE = "input.opaque.";
  private static final String COLUMN = "column.";

  /** The kind of a step; of scans of tables, which selectors look for, their formats and names. */
  private static final Pattern STEP =
      Pattern.compile("Scan(?: \\w+)?(?: [\\w$-]+(?:\\.[\\w$-]+)*)?(?=[\\[ (]|$)|\\w+");

  private static final Pattern NAME = Pattern.compile("[\\w$-]+(?:[./][\\w$-]+)*");
  private static final String HIDDEN = "(hidden)";

  private HiddenLiterals() {}

  /** The components without literals. */
  static SortedMap<String, String> in(SortedMap<String, String> components) {
    SortedMap<String, String> shown = new TreeMap<>();
    int hidden = 0;
    for (var component : components.entrySet()) {
      String name = component.getKey();
      if (name.startsWith(NODE)) {
        shown.put(name, step(component.getValue()));
      } else if (mayHoldLiteral(name, OPAQUE) || mayHoldLiteral(name, COLUMN)) {
        String kind = name.startsWith(OPAQUE) ? OPAQUE : COLUMN;
        shown.put(kind + HIDDEN + ++hidden, component.getValue());
      } else {
        shown.put(name, component.getValue());
      }
    }
    return shown;
  }

  /** A query in the place of a table, an expression in the place of a column's name. */
  private static boolean mayHoldLiteral(String name, String kind) {
    return name.startsWith(kind) && !NAME.matcher(name.substring(kind.length())).matches();
  }

  /** A step of a plan by its name only. */
  static String step(String text) {
    Matcher step = STEP.matcher(text);
    return step.lookingAt() ? step.group() : HIDDEN;
  }
}
