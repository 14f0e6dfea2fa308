// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command line in processes whose locale lacks the characters of the directory. */
class LocaleTest {
  private static final String DIRECTORY = "gef\u00fc\u00df \u65e5\u672c";

  @TempDir private Path dir;

  private record Ended(int exit, String output) {}

  private Ended run(Map<String, String> environment, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of("-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path")));
    command.add("io.sparkdiskcache.cli.Main");
    command.addAll(List.of(arguments));
    Path output = dir.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("LC_") || name.equals("LANG"));
    builder.environment().putAll(environment);
    int exit = builder.start().waitFor();
    return new Ended(exit, new String(Files.readAllBytes(output), StandardCharsets.ISO_8859_1));
  }

  private static void namesTheLocale(Ended ended) {
    assertThat(ended.exit()).as(ended.output()).isNotZero();
    assertThat(ended.output())
        .contains("this process writes names of files in ANSI_X3.4-1968")
        .contains("start it with LC_ALL=C.UTF-8")
        .doesNotContain("Exception")
        .doesNotContain("\tat ");
  }

  @Test
  void aDirectoryThatTheLocaleCannotSpellIsRefusedWithTheTrueCause() throws Exception {
    Path directory = Files.createDirectories(dir.resolve(DIRECTORY));
    namesTheLocale(run(Map.of("LC_ALL", "C"), "stats", "--dir", directory.toString()));
    Map<String, String> ofCaches = Map.of("LC_ALL", "C", "XDG_CACHE_HOME", directory.toString());
    namesTheLocale(run(ofCaches, "stats"));
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void withTheLocaleThatTheMessageNamesItIsADirectory() throws Exception {
    Path directory = Files.createDirectories(dir.resolve(DIRECTORY));
    Ended ended = run(Map.of("LC_ALL", "C.UTF-8"), "stats", "--dir", directory.toString());
    assertThat(ended.output()).doesNotContain("LC_ALL").doesNotContain("Exception");
  }
}
