// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.api.java.UDF1;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that functions read: their content is part of the function, or there is none to be had. */
class FileReadersTest {
  private static final String PREAMBLE =
      """
      package user;
      import java.io.*;
      import java.nio.charset.StandardCharsets;
      import java.nio.file.*;
      import java.util.*;
      import org.apache.spark.sql.api.java.*;
      public class %s {
        static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
        %s
      }
      """;

  /** Each reads the file FILE, which is known. */
  private static final List<String> READERS =
      List.of(
          "static Object make() { return udf(x -> Files.readString(Path.of(\"FILE\"))); }",
          "static Object make() { return udf(x -> Files.readString(Paths.get(\"FILE\"), StandardCharsets.UTF_8) + x); }",
          "static Object make() { return udf(x -> Files.readAllLines(Path.of(\"FILE\")).get(0)); }",
          "static Object make() { return udf(x -> new String(Files.readAllBytes(Path.of(\"FILE\")), StandardCharsets.UTF_8)); }",
          "static Object make() { return udf(x -> { try (var lines = Files.lines(Path.of(\"FILE\"))) { return lines.findFirst().get(); } }); }",
          "static Object make() { return udf(x -> { try (InputStream in = Files.newInputStream(Path.of(\"FILE\"))) { return in.read(); } }); }",
          "static Object make() { return udf(x -> { try (BufferedReader in = Files.newBufferedReader(Path.of(\"FILE\"))) { return in.readLine(); } }); }",
          "static Object make() { return udf(x -> { try (InputStream in = new FileInputStream(\"FILE\")) { return in.read(); } }); }",
          "static Object make() { return udf(x -> { try (FileInputStream in = new FileInputStream(new File(\"FILE\"))) { return (int) in.readAllBytes()[0]; } }); }",
          "static Object make() { return udf(x -> { try (BufferedReader in = new BufferedReader(new FileReader(\"FILE\"))) { return in.readLine(); } }); }",
          "static Object make() { return udf(x -> { try (FileReader in = new FileReader(\"FILE\", StandardCharsets.UTF_8)) { return in.read(); } }); }",
          "static Object make() { return udf(x -> { try (Scanner in = new Scanner(new File(\"FILE\"))) { return in.next(); } }); }",
          "static Object make() { return udf(x -> { try (Scanner in = new Scanner(Path.of(\"FILE\"), StandardCharsets.UTF_8)) { return in.next(); } }); }",
          "static Object make() { return udf(x -> { try (RandomAccessFile in = new RandomAccessFile(\"FILE\", \"r\")) { in.seek(0); return in.readLine(); } }); }",
          "static Object make() { return udf(x -> Files.readString(new File(\"FILE\").toPath())); }",
          "static Object make() { return udf(x -> { try (InputStream in = new FileInputStream(Path.of(\"FILE\").toFile())) { return in.read(); } }); }",
          "static Object make() { return udf(x -> scala.io.Source.fromFile(\"FILE\", \"UTF-8\").mkString()); }",
          "static Object make() { String path = new StringBuilder(\"FILE\").toString(); return udf(x -> Files.readString(Path.of(path))); }",
          "static final String PATH = \"FILE\"; static Object make() { return udf(x -> Files.readString(Path.of(PATH))); }",
          "static String read(int x) throws IOException { return Files.readString(Path.of(\"FILE\")) + x; } static Object make() { return udf(x -> read(x)); }");

  /** Each reads what is not known, or when it is not known. */
  private static final List<String> REFUSED =
      List.of(
          "static Object make() { return udf(x -> Files.readString(Path.of(\"FILE\" + x))); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(\"FILE\", \"\" + x))); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(\"FILE\").resolveSibling(\"\" + x))); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(x > 1 ? \"FILE\" : \"b\"))); }",
          "static String read(String p) throws IOException { return Files.readString(Path.of(p)); } static Object make() { return udf(x -> read(\"FILE\")); }",
          "static Object make() { return udf(x -> { String p = \"FILE\"; if (x > 1) p = \"b\"; return Files.readString(Path.of(p)); }); }",
          "static Object make() { String[] more = {\"\"}; return udf(x -> Files.readString(Path.of(\"FILE\", more))); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(\"not/absolute\"))); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(\"/nowhere/at/all\"))); }",
          "static Object make() { return udf(x -> new RandomAccessFile(\"FILE\", \"rw\").readLine()); }",
          "static Object make() { return udf(x -> Files.writeString(Path.of(\"FILE\"), \"a\").toString()); }",
          "static Object make() { return udf(x -> Files.exists(Path.of(\"FILE\"))); }",
          "static Object make() { return udf(x -> new FileWriter(\"FILE\").getEncoding()); }",
          "static Object make() { return udf(x -> org.apache.spark.SparkFiles.get(\"FILE\")); }",
          "static Object make() { return udf(x -> new File(org.apache.spark.SparkFiles.get(\"FILE\")).getPath()); }",
          "static Object make() { return udf(x -> Files.readString(Path.of(org.apache.spark.SparkFiles.get(\"none\")))); }",
          "static final List<String> L = lines(); static List<String> lines() { try { return Files.readAllLines(Path.of(\"FILE\")); } catch (IOException e) { return List.of(); } } static Object make() { return udf(x -> L.get(0)); }",
          "static class H { static final String S = of(); static String of() { try { return Files.readString(Path.of(\"FILE\")); } catch (IOException e) { return \"\"; } } } static Object make() { return udf(x -> H.S.length()); }");

  private static Map<String, String> sources(List<String> bodies, String prefix, Path file) {
    Map<String, String> sources = new LinkedHashMap<>();
    for (int i = 0; i < bodies.size(); i++) {
      String body = bodies.get(i).replace("FILE", file.toString());
      sources.put("user/" + prefix + i + ".java", PREAMBLE.formatted(prefix + i, body));
    }
    return sources;
  }

  private static Optional<CodeIdentity> identity(ClassLoader loader, String name) {
    try {
      Object function = JavaSnippets.make(loader, "user." + name);
      return Optional.of(new CodeHasher(loader).hash(function, ""));
    } catch (RefusedException e) {
      System.out.println(name + ": " + e.refusal().sentence());
      return Optional.empty();
    }
  }

  @Test
  @SuppressWarnings("unchecked") // what make() gives
  void theContentOfAKnownFileCounts(@TempDir Path dir) throws Exception {
    Path file = Files.writeString(dir.resolve("model.txt"), "a");
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      ClassLoader loader = snippets.load(snippets.compile(sources(READERS, "R", file), List.of()));
      List<String> first = new ArrayList<>();
      List<String> rows = new ArrayList<>();
      for (int i = 0; i < READERS.size(); i++) {
        CodeIdentity identity = identity(loader, "R" + i).orElseThrow();
        assertThat(identity.capturesMutableState()).as(READERS.get(i)).isTrue();
        assertThat(identity.parts()).containsKey("file " + file);
        first.add(CodeHashEditsTest.hex(identity));
        rows.add(row(loader, i));
        assertThat(CodeHashEditsTest.hex(identity(loader, "R" + i).orElseThrow()))
            .as(READERS.get(i))
            .isEqualTo(first.get(i));
      }
      Files.writeString(file, "b");
      for (int i = 0; i < READERS.size(); i++) {
        assertThat(row(loader, i)).as(READERS.get(i)).isNotEqualTo(rows.get(i));
        assertThat(CodeHashEditsTest.hex(identity(loader, "R" + i).orElseThrow()))
            .as(READERS.get(i))
            .isNotEqualTo(first.get(i));
      }
      FunctionProof proof =
          FunctionProof.of(
              JavaSnippets.make(loader, "user.R0"), identity(loader, "R0").orElseThrow());
      assertThat(proof.difference(loader)).isEmpty();
      Files.writeString(file, "c");
      assertThat(proof.difference(loader)).hasValueSatisfying(d -> assertThat(d).contains("file"));
    }
  }

  @SuppressWarnings("unchecked") // what make() gives
  private static String row(ClassLoader loader, int number) throws Exception {
    UDF1<Integer, Object> function =
        (UDF1<Integer, Object>) JavaSnippets.make(loader, "user.R" + number);
    return String.valueOf(function.call(1));
  }

  @Test
  void whatIsNotKnownIsRefused(@TempDir Path dir) throws Exception {
    Path file = Files.writeString(dir.resolve("model.txt"), "a");
    List<String> kept = new ArrayList<>();
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      ClassLoader loader = snippets.load(snippets.compile(sources(REFUSED, "N", file), List.of()));
      for (int i = 0; i < REFUSED.size(); i++) {
        if (identity(loader, "N" + i).isPresent()) {
          kept.add(REFUSED.get(i));
        }
      }
    }
    assertThat(kept).isEmpty();
  }

  @Test
  void twoFunctionsOfOneCodeMayReadTwoFiles(@TempDir Path dir) throws Exception {
    Path a = Files.writeString(dir.resolve("a.txt"), "a");
    Path b = Files.writeString(dir.resolve("b.txt"), "b");
    String body =
        "static UDF1<Integer, Object> of(String path) { return udf(x -> Files.readString(Path.of(path))); } "
            + "static Object make() { UDF1<Integer, Object> f = of(\"%s\"); UDF1<Integer, Object> g = of(\"%s\"); return udf(x -> f.call(x) + \"\" + g.call(x)); }";
    Map<String, String> sources =
        Map.of("user/Two.java", PREAMBLE.formatted("Two", body.formatted(a, b)));
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      ClassLoader loader = snippets.load(snippets.compile(sources, List.of()));
      assertThat(identity(loader, "Two")).isEmpty(); // which of them reads what cannot be told
    }
  }

  @Test
  void resourcesThatCodeReadsCount(@TempDir Path dir) throws Exception {
    String body =
        "static Object make() { return udf(x -> { try (InputStream in = Res.class.getResourceAsStream(\"/table.txt\")) { return in.read(); } }); }";
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      Path classes =
          snippets.compile(Map.of("user/Res.java", PREAMBLE.formatted("Res", body)), List.of());
      Files.writeString(classes.resolve("table.txt"), "a");
      String first = CodeHashEditsTest.hex(identity(snippets.load(classes), "Res").orElseThrow());
      assertThat(CodeHashEditsTest.hex(identity(snippets.load(classes), "Res").orElseThrow()))
          .isEqualTo(first);
      Files.writeString(classes.resolve("table.txt"), "b");
      assertThat(CodeHashEditsTest.hex(identity(snippets.load(classes), "Res").orElseThrow()))
          .isNotEqualTo(first);
    }
  }
}
