// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.api.java.UDF1;

/**
 * The members of class {@code user.App} with a hole {@code @}, and what the hole is filled with
 * before and after: two programs that differ in one place and give other rows.
 */
record ProgramChange(String name, String body, String before, String after) {
  /** Rows for the arguments 0 to 3; the identity in hex, or why there is none. */
  private record Seen(List<String> rows, String identity) {}

  private static final String PREAMBLE =
      """
      package user;
      import java.util.*;
      import java.util.function.*;
      import com.fasterxml.jackson.annotation.*;
      import com.fasterxml.jackson.core.*;
      import com.fasterxml.jackson.databind.*;
      import com.fasterxml.jackson.databind.annotation.*;
      import com.fasterxml.jackson.databind.deser.std.StdDeserializer;
      import org.apache.spark.sql.api.java.*;
      public class App {
        static final ObjectMapper MAPPER = new ObjectMapper();
        static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
      """;

  /**
   * Fails if two programs have one identity, and if they give the same rows, so that no pair tests
   * nothing.
   *
   * @return how many have none
   */
  static int requireOtherIdentities(List<ProgramChange> changes, Path dir) throws Exception {
    List<String> wrong = new ArrayList<>();
    List<String> same = new ArrayList<>();
    List<String> refused = new ArrayList<>();
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      List<Seen> before = see(changes, snippets, true);
      List<Seen> after = see(changes, snippets, false);
      for (int i = 0; i < changes.size(); i++) {
        String name = changes.get(i).name;
        Seen a = before.get(i);
        Seen b = after.get(i);
        if (a.rows.equals(b.rows)) {
          same.add(name + ": " + a.rows);
        }
        if (a.identity.startsWith("refused") || b.identity.startsWith("refused")) {
          refused.add(name + ": " + a.identity + "\n    " + b.identity);
        } else if (a.identity.equals(b.identity)) {
          wrong.add(name);
        }
      }
    }
    System.out.printf(
        "%d changes, %d of them of refused functions:%n  %s%n",
        changes.size(), refused.size(), String.join("\n  ", refused));
    assertThat(wrong).as("other rows under the same identity").isEmpty();
    assertThat(same).as("changes that no row shows").isEmpty();
    return refused.size();
  }

  /** All programs of one side, each in a package of its own name but compiled at once. */
  @SuppressWarnings("unchecked") // what make() gives
  private static List<Seen> see(List<ProgramChange> changes, JavaSnippets snippets, boolean before)
      throws Exception {
    List<Seen> seen = new ArrayList<>();
    Map<String, String> sources = new LinkedHashMap<>();
    for (int i = 0; i < changes.size(); i++) {
      ProgramChange change = changes.get(i);
      String body =
          change
              .body
              .replace("@Json", "#Json")
              .replace("@", before ? change.before : change.after)
              .replace("#Json", "@Json");
      sources.put(
          "p" + i + "/user/App.java",
          (PREAMBLE + body + "\n}\n")
              .replace("user.App", "p" + i + ".user.App")
              .replace("package user;", "package p" + i + ".user;"));
    }
    Path classes = snippets.compile(sources, List.of(), "-g");
    ClassLoader loader = snippets.load(classes);
    ClassLoader outer = Thread.currentThread().getContextClassLoader();
    Thread.currentThread().setContextClassLoader(loader); // where Jackson looks for named types
    CodeHasher hasher = new CodeHasher(loader);
    try {
      for (int i = 0; i < changes.size(); i++) {
        UDF1<Integer, Object> function =
            (UDF1<Integer, Object>) JavaSnippets.make(loader, "p" + i + ".user.App");
        String identity;
        try {
          identity = CodeHashEditsTest.hex(hasher.hash(function, ""));
        } catch (RefusedException e) {
          identity = "refused: " + e.refusal().sentence();
        }
        List<String> rows = new ArrayList<>();
        for (int x = 0; x < 4; x++) {
          rows.add(String.valueOf(function.call(x)));
        }
        seen.add(new Seen(rows, identity));
      }
    } finally {
      Thread.currentThread().setContextClassLoader(outer);
    }
    assertThat(Files.exists(classes)).isTrue();
    return seen;
  }
}
