// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where code comes from: the function's jar, other jars, directories, other JVMs. */
class CodeHashSourcesTest {
  private static final String APP =
      """
      package user;
      import org.apache.spark.sql.api.java.*;
      public class App {
        public static class Bean { public int a; public int twice() { return a * 2; } }
        static UDF1<Integer, Object> make() { return x -> lib.Lib.f(x, Bean.class); }
      }
      """;
  private static final String LIB =
      """
      package lib;
      public class Lib { public static int f(int x, Class<?> type) { return other.Other.g(x); } }
      """;
  private static final String OTHER =
      """
      package other;
      public class Other { public static int g(int x) { return x + 1; } public static int unused() { return 1; } }
      """;

  @TempDir Path dir;
  private JavaSnippets snippets;

  @BeforeEach
  void open() {
    snippets = new JavaSnippets(dir);
  }

  @AfterEach
  void close() throws Exception {
    snippets.close();
  }

  private static String known(String source) {
    return source
        .replaceAll("package (\\w+)", "package com.google.common.$1")
        .replace("other.Other", "com.google.common.other.Other");
  }

  /** The three as jars or directories: app, lib, other. */
  private CodeIdentity identity(
      String ofApp, String ofLib, String ofOther, boolean jars, long time) {
    // Code in a jar that is not known as a library is followed like the function itself.
    String app = jars ? ofApp.replace("lib.Lib", "com.google.common.lib.Lib") : ofApp;
    String lib = jars ? known(ofLib) : ofLib;
    String other = jars ? known(ofOther) : ofOther;
    Path otherClasses = snippets.compile(Map.of("other/Other.java", other), List.of());
    Path libClasses = snippets.compile(Map.of("lib/Lib.java", lib), List.of(otherClasses));
    Path appClasses = snippets.compile(Map.of("user/App.java", app), List.of(libClasses));
    ClassLoader loader =
        jars
            ? snippets.load(
                snippets.jar(appClasses, time),
                snippets.jar(libClasses, time),
                snippets.jar(otherClasses, time))
            : snippets.load(appClasses, libClasses, otherClasses);
    return new CodeHasher(loader).hash(JavaSnippets.make(loader, "user.App"), "test");
  }

  private static String hex(CodeIdentity identity) {
    return CodeHashEditsTest.hex(identity);
  }

  @Test
  void librariesCountWholeAndWithWhatTheyCall() {
    CodeIdentity before = identity(APP, LIB, OTHER, true, 1_000_000_000_000L);
    assertThat(before.covered())
        .as("the library is not followed")
        .noneMatch(m -> m.contains("lib.") || m.contains("other."));
    assertThat(before.parts()).containsKey("libraries");
    assertThat(hex(identity(APP, LIB, OTHER, true, 1_600_000_000_000L)))
        .as("timestamps of jar entries")
        .isEqualTo(hex(before));
    assertThat(hex(identity(APP, LIB.replace("g(x)", "g(x) + 1"), OTHER, true, 1L)))
        .as("the library changed")
        .isNotEqualTo(hex(before));
    assertThat(hex(identity(APP, LIB, OTHER.replace("x + 1", "x + 2"), true, 1L)))
        .as("a library of the library changed")
        .isNotEqualTo(hex(before));
  }

  @Test
  void classesHandedToLibrariesCountWhole() {
    String before = hex(identity(APP, LIB, OTHER, true, 1L));
    assertThat(hex(identity(APP.replace("a * 2", "a * 3"), LIB, OTHER, true, 1L)))
        .as("a getter that only reflection calls")
        .isNotEqualTo(before);
    assertThat(
            hex(
                identity(
                    APP.replace("int a;", "@Deprecated public int a;").replace("public @", "@"),
                    LIB,
                    OTHER,
                    true,
                    1L)))
        .as("an annotation")
        .isNotEqualTo(before);
  }

  @Test
  void directoriesAreFollowed() {
    CodeIdentity before = identity(APP, LIB, OTHER, false, 1L);
    assertThat(before.covered()).contains("lib.Lib.f", "other.Other.g");
    assertThat(hex(identity(APP, LIB, OTHER.replace("return 1;", "return 2;"), false, 1L)))
        .as("a method that is not reached")
        .isEqualTo(hex(before));
    assertThat(hex(identity(APP, LIB, OTHER.replace("x + 1", "x + 2"), false, 1L)))
        .isNotEqualTo(hex(before));
  }

  @Test
  void ownJarIsFollowed() {
    Map<String, String> sources =
        Map.of("user/App.java", APP, "lib/Lib.java", LIB, "other/Other.java", OTHER);
    Path classes = snippets.compile(sources, List.of());
    ClassLoader jar = snippets.load(snippets.jar(classes, 1L));
    ClassLoader directory = snippets.load(classes);
    CodeIdentity inJar = new CodeHasher(jar).hash(JavaSnippets.make(jar, "user.App"), "test");
    assertThat(inJar.covered()).contains("lib.Lib.f", "other.Other.g");
    assertThat(hex(inJar))
        .as("the same code in a directory")
        .isEqualTo(
            hex(new CodeHasher(directory).hash(JavaSnippets.make(directory, "user.App"), "test")));
  }

  @Test
  void recompiledUnderTheApplicationIsRefused() throws Exception {
    Path classes =
        snippets.compile(
            Map.of("user/App.java", APP, "lib/Lib.java", LIB, "other/Other.java", OTHER),
            List.of());
    ClassLoader loader = snippets.load(classes);
    Object function = JavaSnippets.make(loader, "user.App");
    CodeHasher hasher = new CodeHasher(loader);
    hasher.hash(function, "test");
    Path other = classes.resolve("other/Other.class");
    byte[] bytes = Files.readAllBytes(other);
    Files.write(other, bytes);
    Files.setLastModifiedTime(other, java.nio.file.attribute.FileTime.fromMillis(1_000_000L));
    assertThatThrownBy(() -> hasher.hash(function, "test"))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("has changed since");
  }

  @Test
  void missingClassIsRefused() throws Exception {
    Path classes =
        snippets.compile(
            Map.of("user/App.java", APP, "lib/Lib.java", LIB, "other/Other.java", OTHER),
            List.of());
    Files.delete(classes.resolve("other/Other.class"));
    ClassLoader loader = snippets.load(classes);
    Object function = JavaSnippets.make(loader, "user.App");
    assertThatThrownBy(() -> new CodeHasher(loader).hash(function, "test"))
        .isInstanceOf(RefusedException.class)
        .hasMessageContaining("other.Other");
  }

  @Test
  void classesAreHashedWhole() {
    String bean =
        "package user; public class Bean { private int a; public int getA() { return H.f(a); }"
            + " public void setA(int a) { this.a = a; } static class H { static int f(int x) { return x; } } }";
    CodeIdentity before = beanIdentity(bean);
    assertThat(before.covered()).contains("user.Bean.getA", "user.Bean$H.f");
    assertThat(hex(beanIdentity(bean.replace("return x;", "return x + 1;"))))
        .isNotEqualTo(hex(before));
    assertThat(hex(beanIdentity(bean.replace("this.a = a", "this.a = a + 1"))))
        .isNotEqualTo(hex(before));
    assertThat(hex(beanIdentity("\n\n" + bean))).isEqualTo(hex(before));
    assertThatThrownBy(
            () -> beanIdentity(bean.replace("return x;", "return (int) System.nanoTime();")))
        .isInstanceOf(RefusedException.class);
  }

  private CodeIdentity beanIdentity(String source) {
    ClassLoader loader =
        snippets.load(snippets.compile(Map.of("user/Bean.java", source), List.of()));
    try {
      return new CodeHasher(loader).hashClass(loader.loadClass("user.Bean"), "encoder");
    } catch (ClassNotFoundException e) {
      throw new LinkageError("just compiled", e);
    }
  }

  @Test
  void userClasses() {
    assertThat(CodeHasher.isUserClass("user/App")).isTrue();
    assertThat(CodeHasher.isUserClass("java/lang/String")).isFalse();
    assertThat(CodeHasher.isUserClass("scala/Option")).isFalse();
    assertThat(CodeHasher.isUserClass("org/apache/spark/sql/Row")).isFalse();
    assertThat(CodeHasher.isUserClass(CodeHashSourcesTest.class)).isTrue();
    assertThat(CodeHasher.isUserClass(CodeHashSourcesTest[][].class)).isTrue();
    assertThat(CodeHasher.isUserClass(int[].class)).isFalse();
    assertThat(CodeHasher.isUserClass(String.class)).isFalse();
    assertThat(CodeHasher.isUserClass(java.sql.Timestamp.class)).isFalse();
    assertThat(CodeHasher.isUserClass(scala.Option.class)).isFalse();
    assertThat(CodeHasher.isUserClass(org.apache.spark.sql.Row.class)).isFalse();
  }

  /** Prints the identity of a function; run in JVMs of its own. */
  static final class Printer {
    private Printer() {}

    public static void main(String[] args) {
      try (JavaSnippets snippets = new JavaSnippets(Path.of(args[0]))) {
        ClassLoader loader = snippets.load(Path.of(args[0]));
        if (args.length > 1) {
          JavaSnippets.make(loader, args[1]);
        }
        Object function = JavaSnippets.make(loader, "user.App");
        System.out.println("identity " + hex(new CodeHasher(loader).hash(function, "test")));
      } catch (java.io.IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  private static final String BIG =
      """
      package user;
      import java.util.*;
      import org.apache.spark.sql.api.java.*;
      public class App {
        enum E { A, B, C }
        record P(E e, String s) implements java.io.Serializable { }
        interface I extends java.io.Serializable { int f(int x); }
        static UDF1<Integer, Object> make() {
          Set<E> enums = new HashSet<>(List.of(E.values()));
          Map<String, P> map = new HashMap<>();
          Set<Object> set = Set.of("a", "b", "c", "d", 1, 2L, new P(E.C, "x"));
          for (int i = 0; i < 100; i++) { map.put("k" + i, new P(E.values()[i % 3], "v" + i)); }
          Map<String, I> rules = Map.of("one", x -> x + 1, "two", x -> x + 2, "three", x -> x + 3);
          return x -> enums.size() + map.size() + set.size() + rules.get("one").f(x);
        }
      }
      """;

  @Test
  void twoJvmsAgree() throws Exception {
    String warm =
        "package user; public class Warm { static Object make() { return new App.P(App.E.B, \"w\").toString(); } }";
    Path classes =
        snippets.compile(Map.of("user/App.java", BIG, "user/Warm.java", warm), List.of());
    List<String> printed = new ArrayList<>();
    for (List<String> more :
        List.of(
            List.<String>of(),
            List.of("-XX:hashCode=0"),
            List.of("-XX:hashCode=3", "-Duser.language=tr"),
            List.of("warm"))) {
      printed.add(print(classes, more));
    }
    assertThat(printed.get(0)).startsWith("identity ");
    assertThat(printed).containsOnly(printed.get(0));
    ClassLoader here = snippets.load(classes);
    assertThat(
            "identity " + hex(new CodeHasher(here).hash(JavaSnippets.make(here, "user.App"), "t")))
        .as("this JVM too")
        .isEqualTo(printed.get(0));
  }

  private String print(Path classes, List<String> more) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-XX:+UnlockExperimentalVMOptions"));
    more.stream().filter(m -> m.startsWith("-")).forEach(command::add);
    command.addAll(
        List.of("-ea", "-cp", System.getProperty("java.class.path"), Printer.class.getName()));
    command.add(classes.toString());
    more.stream().filter(m -> !m.startsWith("-")).map(m -> "user.Warm").forEach(command::add);
    Path out = Files.createTempFile(dir, "jvm", ".txt");
    Process jvm =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    assertThat(jvm.waitFor(120, TimeUnit.SECONDS)).as("JVM ends").isTrue();
    String text = Files.readString(out, UTF_8);
    assertThat(jvm.exitValue()).as(text).isZero();
    return text.lines().filter(l -> l.startsWith("identity ")).findFirst().orElse(text);
  }

  @Test
  void costIsPrinted() {
    Path classes = snippets.compile(Map.of("user/App.java", BIG), List.of());
    ClassLoader loader = snippets.load(classes);
    Object function = JavaSnippets.make(loader, "user.App");
    CodeHasher hasher = new CodeHasher(loader);
    long start = System.nanoTime();
    String cold = hex(hasher.hash(function, "test"));
    long first = System.nanoTime() - start;
    start = System.nanoTime();
    for (int i = 0; i < 100; i++) {
      assertThat(hex(hasher.hash(function, "test"))).isEqualTo(cold);
    }
    System.out.printf(
        "CodeHasher: first %.1f ms, then %.2f ms%n",
        first / 1e6, (System.nanoTime() - start) / 100e6);
  }
}
