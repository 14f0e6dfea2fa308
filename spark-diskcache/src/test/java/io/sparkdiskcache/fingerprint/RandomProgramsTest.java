// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.spark.sql.api.java.UDF1;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Generated functions, each with one change of its code, of a value it holds, or of a jar it uses:
 * rows decide whether the identity must be another. {@code -Ddiskcache.programs=300} tries more,
 * {@code -Ddiskcache.programs.seed} others.
 */
class RandomProgramsTest {
  private record Seen(List<Object> rows, String identity) {}

  @Test
  void otherRowsHaveAnotherIdentity(@TempDir Path dir) throws Exception {
    int count = Integer.getInteger("diskcache.programs", 30);
    long seed = Long.getLong("diskcache.programs.seed", 19);
    Random random = new Random(seed);
    List<RandomProgram> programs = new ArrayList<>();
    Map<String, String> before = new LinkedHashMap<>();
    Map<String, String> after = new LinkedHashMap<>();
    List<Integer> changed = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      RandomProgram program = new RandomProgram(i, random.nextLong());
      int site = program.sites() == 0 ? -1 : random.nextInt(program.sites());
      programs.add(program);
      changed.add(site);
      before.putAll(program.sources(-1));
      after.putAll(program.sources(site));
    }
    List<String> wrong = new ArrayList<>();
    int refused = 0;
    int shown = 0;
    int needless = 0;
    try (JavaSnippets snippets = new JavaSnippets(dir)) {
      Path first = snippets.compile(before, List.of());
      Path second = snippets.compile(after, List.of());
      for (int i = 0; i < count; i++) {
        Seen a = see(snippets, first, i, programs.get(i).type());
        Seen b = see(snippets, second, i, programs.get(i).type());
        if (i < 5) {
          assertThat(see(snippets, first, i, programs.get(i).type()))
              .as("program %d of seed %d in another loader", i, seed)
              .isEqualTo(a);
        }
        boolean otherRows = !a.rows.equals(b.rows);
        boolean kept = !a.identity.startsWith("refused") && !b.identity.startsWith("refused");
        refused += kept ? 0 : 1;
        shown += otherRows ? 1 : 0;
        if (kept && otherRows && a.identity.equals(b.identity)) {
          wrong.add(
              "program %d of seed %d, site %d:%n%s"
                  .formatted(i, seed, changed.get(i), programs.get(i).sources(-1)));
        }
        needless += kept && !otherRows && !a.identity.equals(b.identity) ? 1 : 0;
      }
    }
    System.out.printf(
        "%d programs of seed %d: %d changes show in rows, %d wrong, %d refused, %d changes that no"
            + " row shows miss%n",
        count, seed, shown, wrong.size(), refused, needless);
    assertThat(wrong).isEmpty();
    assertThat(shown).isGreaterThan(count / 3);
    assertThat(refused).isLessThan(count / 10 + 1);
  }

  /** The program by itself: its classes in a directory, its jar, and its library. */
  @SuppressWarnings("unchecked") // what make() gives
  private static Seen see(JavaSnippets snippets, Path all, int number, String type)
      throws Exception {
    Path home = Files.createTempDirectory(all.getParent(), "p");
    Path app = part(all, home.resolve("app"), "p" + number + "/user");
    Path lib = part(all, home.resolve("lib"), "p" + number + "/lib");
    Path library = part(all, home.resolve("library"), "com/google/common/p" + number);
    ClassLoader loader = snippets.load(app, snippets.jar(lib, 1), snippets.jar(library, 1));
    UDF1<Integer, Object> function = (UDF1<Integer, Object>) JavaSnippets.make(loader, type);
    String identity;
    try {
      identity = CodeHashEditsTest.hex(new CodeHasher(loader).hash(function, ""));
    } catch (RefusedException e) {
      identity = "refused: " + e.refusal().sentence();
    }
    List<Object> rows = new ArrayList<>();
    for (int x = 0; x < 20; x++) {
      rows.add(function.call(x));
    }
    return new Seen(rows, identity);
  }

  private static Path part(Path from, Path to, String directory) throws IOException {
    Path target = to.resolve(directory);
    Files.createDirectories(target);
    try (Stream<Path> files = Files.list(from.resolve(directory))) {
      for (Path file : (Iterable<Path>) files::iterator) {
        Files.copy(file, target.resolve(file.getFileName().toString()));
      }
    }
    return to;
  }
}
