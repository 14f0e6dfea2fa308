// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.api.java.UDF1;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The proof by a task of functions that came to it, and what else than a class file counts. */
class FunctionProofTest {
  private static final String APP =
      """
      package user;
      import java.util.*;
      import org.apache.spark.sql.api.java.*;
      public class App {
        static final Map<String, Integer> RATES = new HashMap<>();
        static { RATES.put("a", 1); }
        static UDF1<Integer, Object> make() {
          Map<String, Integer> m = new HashMap<>();
          for (int i = 0; i < 12; i++) { m.put("key " + i, i); }
          int[] seen = {0};
          return x -> { if (x > 0) { seen[0]++; } return Helper.f(x) + m.get("key 3") + RATES.get("a") + seen[0]; };
        }
      }
      """;
  private static final String HELPER =
      "package user; public class Helper { public static int f(int x) { return x + 1; } }";

  private static final String LIBRARY_USER =
      """
      package user;
      import org.apache.spark.sql.api.java.*;
      public class App {
        static UDF1<Integer, Object> make() { return x -> com.google.common.lib.Lib.f(x); }
      }
      """;
  private static final String LIBRARY =
      "package com.google.common.lib; public class Lib { public static Object f(int x) { return Inner.g(x); } }";
  private static final String INNER =
      "package com.google.common.lib; public class Inner { public static Object g(int x) { return x + %d; } }";

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

  private static byte[] serialized(Object value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
    }
    return bytes.toByteArray();
  }

  private static FunctionProof arrived(byte[] bytes, ClassLoader loader) throws Exception {
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes)) {
          @Override
          protected Class<?> resolveClass(ObjectStreamClass type) throws ClassNotFoundException {
            return Class.forName(type.getName(), false, loader);
          }
        }) {
      return (FunctionProof) in.readObject();
    }
  }

  private static FunctionProof proof(ClassLoader loader) {
    Object function = JavaSnippets.make(loader, "user.App");
    return FunctionProof.of(function, new CodeHasher(loader).hash(function, ""));
  }

  private ClassLoader program(String app, String helper) {
    return snippets.load(
        snippets.compile(
            Map.of("user/App.java", app, "user/Helper.java", helper), List.of(), "-g"));
  }

  @Test
  void theSameCodeAndValuesAreProven() throws Exception {
    byte[] sent = serialized(proof(program(APP, HELPER)));
    ClassLoader executor = program(APP, HELPER);
    FunctionProof there = arrived(sent, executor);
    assertThat(there.isStateful()).isTrue();
    assertThat(there.difference(executor)).isEmpty();
    assertThat(there.difference(executor)).as("again").isEmpty();
  }

  @Test
  void otherCodeOnTheExecutorIsSeen() throws Exception {
    byte[] sent = serialized(proof(program(APP, HELPER)));
    ClassLoader executor = program(APP, HELPER.replace("x + 1", "x + 2"));
    assertThat(arrived(sent, executor).difference(executor).orElseThrow())
        .contains("user.Helper.f");
    ClassLoader lacking =
        snippets.load(
            snippets.compile(Map.of("user/App.java", APP.replace("Helper.f(x)", "x")), List.of()));
    assertThat(arrived(sent, lacking).difference(lacking)).isPresent();
  }

  @Test
  void otherStaticsOnTheExecutorAreSeen() throws Exception {
    ClassLoader driver = program(APP, HELPER);
    var rates = Class.forName("user.App", true, driver).getDeclaredField("RATES");
    rates.setAccessible(true);
    @SuppressWarnings("unchecked")
    Map<String, Integer> map = (Map<String, Integer>) rates.get(null);
    map.put("a", 2);
    byte[] sent = serialized(proof(driver));
    ClassLoader executor = program(APP, HELPER);
    assertThat(arrived(sent, executor).difference(executor).orElseThrow()).contains("RATES");
  }

  @Test
  void whatAFunctionDoesToItsValuesIsSeen() throws Exception {
    ClassLoader driver = program(APP, HELPER);
    Object function = JavaSnippets.make(driver, "user.App");
    FunctionProof proof = FunctionProof.of(function, new CodeHasher(driver).hash(function, ""));
    @SuppressWarnings("unchecked")
    UDF1<Integer, Object> udf = (UDF1<Integer, Object>) function;
    udf.call(0);
    assertThat(proof.difference(driver)).as("a call that changes nothing").isEmpty();
    udf.call(1);
    assertThat(proof.difference(driver).orElseThrow()).contains("seen");
  }

  @Test
  void whatCannotBeSerializedIsSaid() {
    ClassLoader driver = program(APP, HELPER);
    assertThat(FunctionProof.obstacle(List.of(proof(driver)))).isEmpty();
    Object function = JavaSnippets.make(driver, "user.App");
    CodeIdentity identity = new CodeHasher(driver).hash(function, "");
    Object notSerializable = new Object();
    assertThat(FunctionProof.obstacle(List.of(FunctionProof.of(notSerializable, identity))))
        .isPresent();
  }

  // ---- where libraries come from

  private static String hex(ClassLoader loader) {
    return CodeHashEditsTest.hex(
        new CodeHasher(loader).hash(JavaSnippets.make(loader, "user.App"), ""));
  }

  private Path jar(Map<String, String> sources, Path... classPath) {
    return snippets.jar(snippets.compile(sources, List.of(classPath)), 1L);
  }

  @Test
  void theOrderOfJarsThatHoldOneClassCounts() {
    Path one = jar(Map.of("Inner.java", INNER.formatted(1)));
    Path two = jar(Map.of("Inner.java", INNER.formatted(2)));
    Path library = jar(Map.of("Lib.java", LIBRARY), one);
    Path app = jar(Map.of("App.java", LIBRARY_USER), library, one);
    String first = hex(snippets.load(app, library, one, two));
    assertThat(hex(snippets.load(app, library, two, one))).isNotEqualTo(first);
    assertThat(hex(snippets.load(app, one, library, two)))
        .as("places of jars that share nothing")
        .isEqualTo(first);
  }

  @Test
  void aDirectoryInFrontOfALibraryCounts() {
    Path inner = jar(Map.of("Inner.java", INNER.formatted(1)));
    Path library = jar(Map.of("Lib.java", LIBRARY), inner);
    Path app = jar(Map.of("App.java", LIBRARY_USER), library, inner);
    Path patch = snippets.compile(Map.of("Inner.java", INNER.formatted(2)), List.of());
    Path unrelated =
        snippets.compile(Map.of("Other.java", "package user; class Other { }"), List.of());
    String before = hex(snippets.load(app, library, inner));
    assertThat(hex(snippets.load(patch, app, library, inner))).isNotEqualTo(before);
    assertThat(hex(snippets.load(unrelated, app, library, inner)))
        .isEqualTo(hex(snippets.load(unrelated, app, library, inner)));
  }

  @Test
  void resourcesOfOwnJarsAndDirectoriesCountOnceALibraryIsUsed() throws Exception {
    Path inner = jar(Map.of("Inner.java", INNER.formatted(1)));
    Path library = jar(Map.of("Lib.java", LIBRARY), inner);
    Path classes = snippets.compile(Map.of("App.java", LIBRARY_USER), List.of(library, inner));
    Files.writeString(classes.resolve("table.txt"), "1");
    String inDirectory = hex(snippets.load(classes, library, inner));
    String inJar = hex(snippets.load(snippets.jar(classes, 1L), library, inner));
    Files.writeString(classes.resolve("table.txt"), "2");
    assertThat(hex(snippets.load(classes, library, inner))).isNotEqualTo(inDirectory);
    assertThat(hex(snippets.load(snippets.jar(classes, 1L), library, inner))).isNotEqualTo(inJar);
  }

  @Test
  void stateOfAnotherJarOfTheUserIsFollowed() {
    String rates =
        "package libs; public class Rates { private static int r = 1; public static void set(int x) { r = x; } public static int get() { return r; } }";
    String user = LIBRARY_USER.replace("com.google.common.lib.Lib.f(x)", "x + libs.Rates.get()");
    Path libs = jar(Map.of("Rates.java", rates));
    Path app = jar(Map.of("App.java", user), libs);
    ClassLoader loader = snippets.load(app, libs);
    assertThat(
            org.assertj.core.api.Assertions.catchThrowableOfType(
                    RefusedException.class, () -> hex(loader))
                .refusal()
                .sentence())
        .contains("libs.Rates.r")
        .contains("can be assigned");
    String property = rates.replace("return r;", "return Integer.getInteger(\"r\");");
    Path reading = jar(Map.of("Rates.java", property));
    assertThat(
            org.assertj.core.api.Assertions.catchThrowableOfType(
                    RefusedException.class, () -> hex(snippets.load(app, reading)))
                .refusal()
                .sentence())
        .contains("java.lang.Integer.getInteger");
  }

  private Path provider(String service, String type, String body) throws IOException {
    Path classes = snippets.compile(Map.of("P.java", body), List.of());
    Path file = classes.resolve("META-INF/services/" + service);
    Files.createDirectories(file.getParent());
    Files.write(file, type.getBytes(UTF_8));
    return snippets.jar(classes, 1L);
  }

  @Test
  void servicesThatTheUserProvidesCount() throws Exception {
    String service =
        "package user; public class P implements Runnable { public void run() { int x = %d; } }";
    Path inner = jar(Map.of("Inner.java", INNER.formatted(1)));
    Path library = jar(Map.of("Lib.java", LIBRARY), inner);
    Path app = jar(Map.of("App.java", LIBRARY_USER), library, inner);
    assertThat(
            hex(
                snippets.load(
                    app,
                    provider("com.google.common.Svc", "user.P", service.formatted(1)),
                    library,
                    inner)))
        .isNotEqualTo(
            hex(
                snippets.load(
                    app,
                    provider("com.google.common.Svc", "user.P", service.formatted(2)),
                    library,
                    inner)));
  }

  @Test
  void aCharsetOfTheUsersCounts() throws Exception {
    String charsets =
        """
        package user;
        import java.nio.charset.*;
        import java.util.*;
        public class P extends java.nio.charset.spi.CharsetProvider {
          public Iterator<Charset> charsets() { return List.<Charset>of().iterator(); }
          public Charset charsetForName(String name) { return name.equals("x-own") ? Charset.forName("%s") : null; }
        }
        """;
    String user =
        LIBRARY_USER.replace(
            "com.google.common.lib.Lib.f(x)", "java.nio.charset.Charset.forName(\"x-own\").name()");
    Path app = jar(Map.of("App.java", user));
    String spi = "java.nio.charset.spi.CharsetProvider";
    assertThat(hex(snippets.load(app, provider(spi, "user.P", charsets.formatted("UTF-8")))))
        .isNotEqualTo(
            hex(snippets.load(app, provider(spi, "user.P", charsets.formatted("UTF-16")))));
  }

  @Test
  void aPatchInFrontOfTheEnginesJarIsSeen() {
    Path engine = jar(Map.of("Inner.java", INNER.formatted(1), "Lib.java", LIBRARY));
    Path patch = snippets.compile(Map.of("Inner.java", INNER.formatted(2)), List.of());
    Path patchJar = snippets.jar(patch, 1L);
    Set<String> jars = Set.of(engine.toString());
    String name = "com/google/common/lib/Inner.class";
    assertThat(ClassPathIdentity.inFrontOf(jars, snippets.load(engine))).isEmpty();
    assertThat(ClassPathIdentity.inFrontOf(jars, snippets.load(patch, engine))).containsKey(name);
    assertThat(ClassPathIdentity.inFrontOf(jars, snippets.load(engine, patch))).isEmpty();
    assertThat(EngineIdentity.current().parts().keySet())
        .noneMatch(part -> part.startsWith("patch."));
    assertThat(JarIdentity.classes(patchJar.toString())).containsKey(name);
  }

  @Test
  void aPatchOfAnyPartOfTheEngineIsSeen() throws Exception {
    List<String> places = JarIdentity.classPath(getClass().getClassLoader());
    List<Class<?>> witnesses = EngineIdentity.witnesses(getClass().getClassLoader());
    Set<String> engine = new java.util.HashSet<>();
    for (Class<?> witness : witnesses) {
      engine.add(Path.of(SparkClasses.location(witness).toURI()).toString());
    }
    assertThat(engine).hasSizeGreaterThan(30);
    assertThat(EngineIdentity.current().parts().keySet().stream().filter(p -> p.startsWith("jar.")))
        .hasSameSizeAs(engine);
    for (Class<?> witness : witnesses) {
      String name = witness.getName().replace('.', '/') + ".class";
      Path patch = Files.createTempDirectory(dir, "patch");
      Files.createDirectories(patch.resolve(name).getParent());
      Files.write(patch.resolve(name), new byte[] {1});
      List<String> patched = new java.util.ArrayList<>(places);
      patched.add(0, patch.toString());
      assertThat(ClassPathIdentity.inFrontOf(engine, patched)).containsOnlyKeys(name);
      patched.set(0, snippets.jar(patch, 1L).toString());
      assertThat(ClassPathIdentity.inFrontOf(engine, patched)).containsOnlyKeys(name);
    }
    assertThat(ClassPathIdentity.inFrontOf(engine, places)).isEmpty();
  }
}
