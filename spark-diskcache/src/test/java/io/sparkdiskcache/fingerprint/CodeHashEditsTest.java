// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One program, many edits: which of them must change a function's identity. */
class CodeHashEditsTest {
  private static final String APP =
      """
      package user;
      import java.util.*;
      import java.util.function.*;
      import org.apache.spark.sql.api.java.*;
      public class App {
        interface Rule extends java.io.Serializable { int apply(int x); default int both(int x) { return apply(x) + 1; } }
        static class Plus implements Rule { final int by; Plus(int by) { this.by = by; } public int apply(int x) { return x + by; } }
        static class Times implements Rule { public int apply(int x) { return x * 3; } }
        enum Color { RED(1), GREEN(2) { int weight() { return 7; } }; final int w; Color(int w) { this.w = w; } int weight() { return w; } }
        record Point(int x, int y) implements java.io.Serializable { int sum() { return x + y; } }
        static abstract class Base implements UDF1<Integer, Integer> { public Integer call(Integer x) { return step(x) + 1; } abstract int step(int x); }
        static class Derived extends Base { int step(int x) { return x * 2; } }
        static final int LIMIT = 10;
        static final List<String> WORDS = List.of("a", "b");
        static final Map<String, Integer> SIZES = Map.of("a", 1, "b", 2, "c", 3);
        static int varargs(int... xs) { int s = 0; for (int x : xs) s += x; return s; }
        static int colors(Color c) { switch (c) { case RED: return 1; default: return 2; } }
        static int strings(String s) { switch (s) { case "one": return 1; case "two": return 2; default: return 0; } }
        static <T extends Comparable<T>> T max(T a, T b) { return a.compareTo(b) > 0 ? a : b; }
        private static int hidden(int x) { return x ^ 5; }
        static class Nested { int go(int x) { return hidden(x); } }
        // lambdas-before
        static UDF1<Integer, Integer> make() {
          int local = 4; UDF1<Integer, Integer> inner = (UDF1<Integer, Integer>) x -> x + local;
          Rule rule = new Plus(2);
          return (UDF1<Integer, Integer>) x -> {
            assert x > -1000 : "small";
            int sum = Helper.twice(x) + rule.both(x) + inner.call(x) + LIMIT;
            for (String word : WORDS) { sum += word.length(); }
            sum += SIZES.get("a") + varargs(1, 2, x) + colors(Color.values()[0]) + strings("s" + x) + max(x, 3);
            sum += new Point(x, 2).sum() + Color.GREEN.weight() + new Nested().go(x) + new Derived().call(x);
            Function<Integer, Integer> ref = Helper::triple;
            Supplier<StringBuilder> make = StringBuilder::new;
            Comparator<Integer> order = new Comparator<>() { public int compare(Integer a, Integer b) { return b - a; } };
            try { sum += ref.apply(x) + make.get().append(x).length() + order.compare(x, 1); }
            catch (IllegalStateException e) { sum = -1; }
            return sum;
          };
        }
      }
      """;
  private static final String HELPER =
      """
      package user;
      public class Helper {
        static int twice(int x) { return inner(x) * 2; }
        static int inner(int x) { return deep(x) + 1; }
        static int deep(int x) { return x - 1; }
        static Integer triple(Integer x) { return x * 3; }
        static int unused(int x) { return x; }
      }
      """;

  private static CodeIdentity before;

  private record Edit(String name, boolean changes, String from, String to, List<String> options) {
    @Override
    public String toString() {
      return name + (changes ? " changes" : " keeps");
    }
  }

  private static Edit keeps(String name, String from, String to, String... options) {
    return new Edit(name, false, from, to, List.of(options));
  }

  private static Edit changes(String name, String from, String to) {
    return new Edit(name, true, from, to, List.of());
  }

  static Stream<Edit> edits() {
    return Stream.of(
        keeps("nothing", "", ""),
        keeps("comments and blank lines", "static int deep", "// why\n\n\n  static int deep"),
        keeps(
            "renamed local",
            "int s = 0; for (int x : xs) s += x; return s;",
            "int t = 0; for (int y : xs) t += y; return t;"),
        keeps(
            "renamed parameter",
            "inner(int x) { return deep(x) + 1",
            "inner(int y) { return deep(y) + 1"),
        keeps(
            "renamed captured local",
            "int local = 4; UDF1<Integer, Integer> inner = (UDF1<Integer, Integer>) x -> x + local;",
            "int other = 4; UDF1<Integer, Integer> inner = (UDF1<Integer, Integer>) x -> x + other;"),
        keeps(
            "unused method in helper",
            "static int unused(int x) { return x; }",
            "static int unused(int x) { return x + 9; }"),
        keeps("unused method added", "// lambdas-before", "static int extra() { return 1; }"),
        keeps(
            "unused method using the clock",
            "// lambdas-before",
            "static long extra() { return System.nanoTime(); }"),
        keeps(
            "lambda added before",
            "// lambdas-before",
            "static Runnable r() { return () -> { }; } static Object s() { return (UDF1<Integer, Integer>) x -> x; }"),
        keeps(
            "anonymous class added before",
            "// lambdas-before",
            "static Object r() { return new Object() { }; }"),
        keeps("debug info", "", "", "-g"),
        keeps("no debug info", "", "", "-g:none"),
        keeps("order of helper's methods", "static int unused(int x) { return x; }", ""),
        keeps(
            "unread static",
            "static final int LIMIT = 10;",
            "static final int LIMIT = 10; static int counter;"),
        keeps(
            "unused overload",
            "static int deep(int x)",
            "static int deep(long x) { return 5; } static int deep(int x)"),
        changes("lambda body", "assert x > -1000", "assert x > -1001"),
        changes("helper", "inner(x) * 2", "inner(x) * 3"),
        changes("helper of helper", "deep(x) + 1", "deep(x) + 2"),
        changes("three levels down", "return x - 1;", "return x - 2;"),
        changes(
            "method reference's target",
            "return x * 3; }\n  static int unused",
            "return x * 4; }\n  static int unused"),
        changes("captured local", "int local = 4;", "int local = 5;"),
        changes("field of a captured object", "new Plus(2)", "new Plus(3)"),
        changes("class of a captured object", "new Plus(2)", "new Times()"),
        changes("implementation of an interface", "return x + by;", "return x - by;"),
        changes("default method", "return apply(x) + 1;", "return apply(x) + 2;"),
        changes("inner lambda", "x -> x + local", "x -> x - local"),
        changes("compile-time constant", "LIMIT = 10", "LIMIT = 11"),
        changes("static list", "List.of(\"a\", \"b\")", "List.of(\"a\", \"c\")"),
        changes("order of a static list", "List.of(\"a\", \"b\")", "List.of(\"b\", \"a\")"),
        changes("static map", "\"b\", 2", "\"b\", 4"),
        changes("varargs method", "s += x; return s;", "s -= x; return s;"),
        changes("varargs call", "varargs(1, 2, x)", "varargs(1, 2, 3, x)"),
        changes("switch on an enum", "case RED: return 1;", "case GREEN: return 1;"),
        changes("switch on a string", "case \"two\": return 2;", "case \"too\": return 2;"),
        changes("string concatenation", "\"s\" + x", "\"t\" + x"),
        changes(
            "enum's order",
            "enum Color { RED(1), GREEN(2) { int weight() { return 7; } };",
            "enum Color { GREEN(2) { int weight() { return 7; } }, RED(1);"),
        changes("enum constant's argument", "RED(1)", "RED(3)"),
        changes("enum constant's body", "return 7;", "return 8;"),
        changes("record's method", "return x + y;", "return x * y;"),
        changes("generic method", "compareTo(b) > 0", "compareTo(b) < 0"),
        changes("private method of the nest host", "x ^ 5", "x ^ 6"),
        changes("inherited method", "step(x) + 1", "step(x) + 2"),
        changes(
            "overriding method",
            "int step(int x) { return x * 2; }",
            "int step(int x) { return x * 4; }"),
        changes("constructor", "this.by = by;", "this.by = by + 1;"),
        changes("anonymous class", "return b - a;", "return a - b;"),
        changes("exception that is caught", "IllegalStateException", "IllegalArgumentException"),
        changes("constructor reference", "StringBuilder::new", "() -> new StringBuilder(\"x\")"),
        changes(
            "argument type",
            "int inner(int x) { return deep(x) + 1",
            "int inner(long x) { return deep((int) x) + 1"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("edits")
  void edit(Edit edit, @TempDir Path dir) throws Exception {
    assertThat(APP + HELPER).as("the edit applies").contains(edit.from);
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      CodeIdentity after =
          hash(
              snippets,
              replaceOnce(APP, edit.from, edit.to),
              replaceOnce(HELPER, edit.from, edit.to),
              edit.options.toArray(String[]::new));
      assertThat(hex(after).equals(hex(before)))
          .as("same identity; parts %s -> %s", before.parts(), after.parts())
          .isEqualTo(!edit.changes);
      // With debug information parts are called as variables are.
      assertThat(edit.options.isEmpty() && after.parts().equals(before.parts()))
          .as("same parts, as the digest")
          .isEqualTo(!edit.changes && edit.options.isEmpty());
      assertThat(before.capturesMutableState()).as("captures mutable state").isFalse();
    }
  }

  @BeforeAll
  static void hashTheProgram(@TempDir Path dir) throws Exception {
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      before = hash(snippets, APP, HELPER);
    }
  }

  private static String replaceOnce(String text, String from, String to) {
    int at = text.indexOf(from);
    return at < 0 || from.isEmpty()
        ? text
        : text.substring(0, at) + to + text.substring(at + from.length());
  }

  private static CodeIdentity hash(
      JavaSnippets snippets, String app, String helper, String... options) {
    Map<String, String> sources = new LinkedHashMap<>();
    sources.put("user/App.java", app);
    sources.put("user/Helper.java", helper);
    Path classes = snippets.compile(sources, List.of(), options);
    URLClassLoader loader = snippets.load(classes);
    return new CodeHasher(loader).hash(JavaSnippets.make(loader, "user.App"), "test");
  }

  static String hex(CodeIdentity identity) {
    return HexFormat.of().formatHex(identity.digest());
  }
}
