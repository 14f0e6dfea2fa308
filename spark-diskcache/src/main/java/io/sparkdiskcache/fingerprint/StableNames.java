// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.regex.Pattern;

/**
 * Names without the numbers that compilers and notebooks count up: the tenth lambda of a class is
 * {@code lambda$main$9}, and becomes the eleventh when somebody adds one above it; a spark-shell
 * line lives in {@code $line12}, a cell of Almond in {@code $sess/cell12} or {@code cmd12}, a
 * Zeppelin paragraph in {@code $line12} or {@code $session12}.
 *
 * <p>Such a name only says which of its neighbours is meant. That is said more reliably by the
 * order in which {@link CodeGraph} discovers things, so here the number becomes {@code #}. String
 * constants are never touched: those are data.
 */
final class StableNames {
  /** A number that ends a {@code $} segment: Foo$1, Foo$1Local, $$anon$3, k$1, foo$default$2. */
  private static final Pattern COUNTER = Pattern.compile("\\$\\d+");

  private static final Pattern NOTEBOOK =
      Pattern.compile(
          "(\\$line|\\$session|\\$sess\\.?cmd|(?<=\\$sess[./$])cell|(?<=^|/|\\$)cmd)\\d+");
  private static final Pattern LAMBDA = Pattern.compile("(?:lambda|\\$anonfun)\\$.*|access\\$\\d+");

  /** A local variable that an anonymous class captured; its name is the variable's. */
  private static final Pattern CAPTURED = Pattern.compile("val\\$.*");

  private static final Pattern SCALA_CAPTURED = Pattern.compile(".*\\$\\d+");

  private StableNames() {}

  /** An internal class name. */
  static String ofClass(String internalName) {
    return internalName.indexOf('$') < 0 && internalName.indexOf("cmd") < 0
        ? internalName
        : COUNTER.matcher(withoutCell(internalName)).replaceAll("\\$#");
  }

  /** Any name, with no other number gone than that of the line or cell it was typed in. */
  static String withoutCell(String name) {
    return NOTEBOOK.matcher(name).replaceAll("$1#");
  }

  /** A method name. Compiler-made ones lose everything but their kind. */
  static String ofMethod(String name) {
    if (LAMBDA.matcher(name).matches()) {
      return "lambda#";
    }
    return ofClass(name);
  }

  /** A field name. */
  static String ofField(String name) {
    return CAPTURED.matcher(name).matches() || SCALA_CAPTURED.matcher(name).matches()
        ? "captured#"
        : ofClass(name);
  }

  /** True if nothing in the name was counted. */
  static boolean isStable(String name) {
    return ofField(name).equals(name) && ofMethod(name).equals(name);
  }

  /**
   * For people: {@code user.App.lambda$main} for {@code user/App}, {@code lambda$main$2d295a09$1}.
   */
  static String label(String owner, String method) {
    return ofClass(owner).replace('/', '.')
        + "."
        + withoutCell(method.replaceFirst("\\$([0-9a-f]{7,8}\\$)?\\d+$", ""));
  }
}
