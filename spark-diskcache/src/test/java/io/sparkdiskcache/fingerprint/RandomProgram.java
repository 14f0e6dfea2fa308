// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A program of a seed: a function from int to int over helpers, captured values, statics, records,
 * enums, lambdas, generics, the user's own jar, and a jar that counts as a library. Wherever it has
 * a number, an operator or a text, one of these can be another.
 *
 * <p>Classes are in the packages {@code pN.user}, {@code pN.lib} and {@code com.google.common.pN}.
 */
final class RandomProgram {
  /** A place where the program can be changed. */
  private record Site(String before, String after) {}

  private final int number;
  private final Random random;
  private final List<Site> sites = new ArrayList<>();
  private final List<String> members = new ArrayList<>();
  private final List<String> ofLib = new ArrayList<>();
  private final List<String> ofLibrary = new ArrayList<>();
  private final List<String> captures = new ArrayList<>();
  private final String body;
  private int names;

  RandomProgram(int number, long seed) {
    this.number = number;
    this.random = new Random(seed);
    this.body = expression("x", 4) + " + " + expression("x", 3);
  }

  String type() {
    return "p" + number + ".user.App";
  }

  /** How many places can be changed. */
  int sites() {
    return sites.size();
  }

  /**
   * Sources by file name.
   *
   * @param changed the number of a site, or -1
   */
  Map<String, String> sources(int changed) {
    String app =
        """
        package p%1$d.user;
        import java.util.*;
        import java.util.function.*;
        import java.util.stream.*;
        import org.apache.spark.sql.api.java.*;
        public class App {
          static final com.fasterxml.jackson.databind.ObjectMapper MAPPER = new com.fasterxml.jackson.databind.ObjectMapper();
        %2$s
          static Object make() {
        %3$s
            UDF1<Integer, Object> f = x -> %4$s;
            return f;
          }
        }
        """
            .formatted(number, String.join("\n", members), String.join("\n", captures), body);
    Map<String, String> files = new LinkedHashMap<>();
    files.put("p%d/user/App.java".formatted(number), app);
    files.put(
        "p%d/lib/Lib.java".formatted(number),
        "package p%d.lib; public class Lib {\n%s\n}".formatted(number, String.join("\n", ofLib)));
    files.put(
        "com/google/common/p%d/K.java".formatted(number),
        "package com.google.common.p%d; public class K {\n%s\n}"
            .formatted(number, String.join("\n", ofLibrary)));
    files.replaceAll((name, text) -> filled(text, changed));
    return files;
  }

  private String filled(String text, int changed) {
    String filled = text;
    for (int i = 0; i < sites.size(); i++) {
      Site site = sites.get(i);
      filled = filled.replace("<<" + i + ">>", i == changed ? site.after : site.before);
    }
    return filled;
  }

  private String site(String before, String after) {
    sites.add(new Site(before, after));
    return "<<" + (sites.size() - 1) + ">>";
  }

  private String number(int from, int to) {
    int value = from + random.nextInt(to - from);
    return site(String.valueOf(value), String.valueOf(value + 1 + random.nextInt(3)));
  }

  private String name(String prefix) {
    return prefix + names++;
  }

  private String expression(String x, int depth) {
    if (depth == 0) {
      return random.nextInt(3) == 0 ? number(1, 9) : x;
    }
    return switch (random.nextInt(7)) {
      case 0 -> plain(x, depth);
      case 1, 2 -> helper(x, depth);
      case 3 -> typed(x, depth);
      case 4 -> captured(x, depth);
      case 5 -> library(x, depth);
      default -> control(x, depth);
    };
  }

  private String plain(String x, int depth) {
    String a = expression(x, depth - 1);
    String b = expression(x, depth - 1);
    return switch (random.nextInt(4)) {
      case 0 -> "(%s %s %s)".formatted(a, site("+", "-"), b);
      case 1 -> "Math.%s(%s, %s)".formatted(site("max", "min"), a, b);
      case 2 -> "(%s %s %s ? %s : %s)".formatted(a, site(">", "<="), b, number(1, 9), a);
      default -> "(\"%s\" + %s).hashCode() %% %s".formatted(site("ab", "abc"), a, number(50, 99));
    };
  }

  /** A function of its own, somewhere. */
  private String helper(String x, int depth) {
    String f = name("f");
    String arg = expression(x, depth - 1);
    String declared = "static int %s(int x) { return %s; }";
    switch (random.nextInt(5)) {
      case 0 -> members.add(declared.formatted(f, inner(depth)));
      case 1 -> {
        ofLib.add("public " + declared.formatted(f, standalone()));
        return "p%d.lib.Lib.%s(%s)".formatted(number, f, arg);
      }
      case 2 -> {
        ofLibrary.add("public " + declared.formatted(f, standalone()));
        return "com.google.common.p%d.K.%s(%s)".formatted(number, f, arg);
      }
      case 3 -> {
        members.add(declared.formatted(f, inner(depth)));
        return "List.<Integer>of(%s).stream().map(App::%s).findFirst().get()".formatted(arg, f);
      }
      default ->
          members.add(
              "static int %1$s(int x) { return x <= 0 || x > 20 ? %2$s : %1$s(x - 1) + %3$s; }"
                  .formatted(f, number(1, 9), number(1, 5)));
    }
    return "%s(%s)".formatted(f, arg);
  }

  /** The body of a method of the application's. */
  private String inner(int depth) {
    return expression("x", Math.min(depth - 1, 2));
  }

  /** Of a helper in another jar, which sees nothing of the application. */
  private String standalone() {
    return switch (random.nextInt(3)) {
      case 0 -> "x %s %s".formatted(site("+", "-"), number(1, 9));
      case 1 -> "Math.floorMod(x * %s, %s)".formatted(number(2, 9), number(5, 30));
      default -> "x %s %s ? %s : x".formatted(site("<", ">="), number(2, 9), number(1, 9));
    };
  }

  /** A type of its own. */
  private String typed(String x, int depth) {
    String t = name("T");
    String arg = expression(x, depth - 1);
    String n = number(1, 9);
    return switch (random.nextInt(8)) {
      case 0 -> {
        members.add(
            "record %s(int a, int b) { int f() { int x = a; return %s + b; } }"
                .formatted(t, inner(depth)));
        yield "new %s(%s, %s).f()".formatted(t, arg, n);
      }
      case 1 -> {
        members.add(
            "enum %s { A(%s), B(2) { int f(int x) { return %s; } }; final int w; %1$s(int w) { this.w = w; } int f(int x) { return x * w; } }"
                .formatted(t, n, inner(depth)));
        yield "%s.values()[Math.floorMod(%s, 2)].f(%s)".formatted(t, arg, x);
      }
      case 2 -> {
        members.add(
            "static abstract class %1$s { int f(int x) { return g(x) + %2$s; } abstract int g(int x); } static class %1$sC extends %1$s { int g(int x) { return %3$s; } }"
                .formatted(t, n, inner(depth)));
        yield "((%1$s) new %1$sC()).f(%2$s)".formatted(t, arg);
      }
      case 3 -> {
        members.add(
            "interface %1$s { default int f(int x) { return %2$s + g(); } int g(); } static class %1$sC implements %1$s { public int g() { return %3$s; } }"
                .formatted(t, inner(depth), n));
        yield "new %sC().f(%s)".formatted(t, arg);
      }
      case 4 -> {
        members.add(
            "static class %1$s<V> { final V v; %1$s(V v) { this.v = v; } <R> R map(Function<V, R> f) { return f.apply(v); } }"
                .formatted(t));
        yield "new %s<>(%s).<Integer>map(y -> y %s %s)".formatted(t, arg, site("+", "*"), n);
      }
      case 5 -> {
        members.add("static final int[] %s = {%s, 5, %s};".formatted(t, n, number(1, 9)));
        yield "%s[Math.floorMod(%s, 3)]".formatted(t, arg);
      }
      case 6 -> {
        members.add(
            "static final Map<Integer, Integer> %1$s = new HashMap<>(); static { %1$s.put(0, %2$s); %1$s.put(1, %3$s); }"
                .formatted(t, n, number(1, 9)));
        yield "%s.getOrDefault(Math.floorMod(%s, 3), 4)".formatted(t, arg);
      }
      default -> {
        members.add(
            "static class %s { static final int N = %s; static final Integer M = Integer.valueOf(%s); }"
                .formatted(t, n, number(1, 9)));
        yield "(%1$s.N * %2$s + %1$s.M)".formatted(t, arg);
      }
    };
  }

  /** A value that the driver makes. */
  private String captured(String x, int depth) {
    String c = name("c");
    String arg = "Math.floorMod(%s, 2)".formatted(expression(x, depth - 1));
    String n = "Integer.parseInt(\"%s\")".formatted(number(1, 9));
    boolean local = x.equals("x") && depth >= 3; // only the function itself sees what is captured
    if (!local) {
      return "(%s + %s)".formatted(arg, number(1, 9));
    }
    return switch (random.nextInt(7)) {
      case 0 -> {
        captures.add("int %s = %s;".formatted(c, n));
        yield "(%s + %s)".formatted(c, arg);
      }
      case 1 -> {
        captures.add("List<Integer> %s = new ArrayList<>(List.of(3, %s));".formatted(c, n));
        yield "%s.get(%s)".formatted(c, arg);
      }
      case 2 -> {
        captures.add("int[][] %s = {{1, 2}, {4, %s}};".formatted(c, n));
        yield "%s[1][%s]".formatted(c, arg);
      }
      case 3 -> {
        captures.add(
            "Map<Integer, List<Integer>> %s = new TreeMap<>(Map.of(0, List.of(%s), 1, List.of(7)));"
                .formatted(c, n));
        yield "%s.get(%s).get(0)".formatted(c, arg);
      }
      case 4 -> {
        members.add(
            "record C%s(List<Integer> l, String s) implements java.io.Serializable { }"
                .formatted(c));
        captures.add(
            "C%1$s %1$s = new C%1$s(List.of(%2$s), \"%3$s\");".formatted(c, n, site("u", "vw")));
        yield "(%1$s.l().get(0) * %1$s.s().length() + %2$s)".formatted(c, arg);
      }
      case 5 -> {
        members.add(
            "static class C%1$s implements java.io.Serializable { private int v; C%1$s next; void setV(int v) { this.v = v; } int at(int i) { return i == 0 || next == null ? v : next.at(i - 1); } }"
                .formatted(c));
        captures.add(
            "C%1$s %1$s = new C%1$s(); %1$s.next = new C%1$s(); %1$s.next.setV(%2$s);"
                .formatted(c, n));
        yield "%s.at(%s)".formatted(c, arg);
      }
      default -> {
        captures.add(
            "Function<Integer, Integer> %s = (Function<Integer, Integer> & java.io.Serializable) y -> y %s %s;"
                .formatted(c, site("+", "-"), number(1, 9)));
        yield "%s.apply(%s)".formatted(c, arg);
      }
    };
  }

  /** Something of a library, which may look at what it is given. */
  private String library(String x, int depth) {
    String t = name("J");
    String arg = expression(x, depth - 1);
    return switch (random.nextInt(4)) {
      case 0 ->
          "org.apache.commons.lang3.StringUtils.leftPad(\"\" + %s, %s, \"%s\").hashCode() %% 1000"
              .formatted(arg, number(12, 20), site("a", "b"));
      case 1 -> {
        members.add(
            "public static class %1$s { final int x; %1$s(int x) { this.x = x; } public int getA() { return x %2$s %3$s; } @com.fasterxml.jackson.annotation.JsonProperty(\"%4$s\") public int getB() { return %5$s; } }"
                .formatted(t, site("+", "-"), number(1, 9), site("bb", "b"), number(1, 99)));
        members.add(
            "static int w%1$s(int x) { try { return MAPPER.writeValueAsString(new %1$s(x)).hashCode() %% 1000; } catch (java.io.IOException e) { return -1; } }"
                .formatted(t));
        yield "w%s(%s)".formatted(t, arg);
      }
      case 2 -> {
        members.add(
            "public static class %1$s { int v; public void setA(int a) { v = a %2$s %3$s; } }"
                .formatted(t, site("*", "+"), number(2, 9)));
        members.add(
            "static int r%1$s(int x) { try { return MAPPER.readValue(\"{\\\"a\\\":\" + x + \"}\", %1$s.class).v; } catch (java.io.IOException e) { return -1; } }"
                .formatted(t));
        yield "r%s(%s)".formatted(t, arg);
      }
      default ->
          "com.google.common.collect.Lists.transform(List.<Integer>of(%s, 1), y -> y %s %s).get(0)"
              .formatted(arg, site("+", "-"), number(1, 9));
    };
  }

  private String control(String x, int depth) {
    String f = name("g");
    String arg = expression(x, depth - 1);
    members.add(
        switch (random.nextInt(5)) {
          case 0 ->
              "static int %s(int x) { switch (Math.floorMod(x, 4)) { case %s: return %s; case 0: return %s; default: return x; } }"
                  .formatted(f, site("1", "2"), number(1, 9), number(1, 9));
          case 1 ->
              "static int %s(int x) { int s = %s; for (int i = 0; i < %s; i++) { s += (x + i) %% 7; } return s; }"
                  .formatted(f, number(1, 9), number(2, 6));
          case 2 ->
              "static int %s(int x) { try { if (x %% 2 == 0) { throw new IllegalStateException(); } return %s; } catch (IllegalStateException e) { return %s; } finally { x++; } }"
                  .formatted(f, number(1, 9), number(11, 19));
          case 3 ->
              "static int %s(int x) { return IntStream.range(0, %s).map(y -> y %s (x %% 9)).sum(); }"
                  .formatted(f, number(2, 6), site("+", "*"));
          default ->
              "static int %s(int x) { return switch (\"k\" + Math.floorMod(x, 3)) { case \"%s\" -> %s; case \"k0\" -> 5; default -> x; }; }"
                  .formatted(f, site("k1", "k2"), number(1, 9));
        });
    return "%s(%s)".formatted(f, arg);
  }
}
