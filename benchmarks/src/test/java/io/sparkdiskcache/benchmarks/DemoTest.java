// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DemoTest {
  @TempDir private static Path dir;

  private static String error(int exitCode, String... args) {
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    PrintStream stderr = System.err;
    System.setErr(new PrintStream(captured, true, StandardCharsets.UTF_8));
    try {
      assertThat(Demo.execute(args)).as("exit code").isEqualTo(exitCode);
    } finally {
      System.setErr(stderr);
    }
    String text = captured.toString(StandardCharsets.UTF_8);
    assertThat(text.lines()).as(text).hasSize(1);
    return text;
  }

  @ParameterizedTest
  @CsvSource({
    "--scale=abc, abc",
    "--scale=0, --scale must be between 0.001 and 1000",
    "--scale=-1, --scale must be between 0.001 and 1000",
    "--scale=NaN, --scale must be between 0.001 and 1000",
    "--scale, Missing required parameter for option '--scale'",
    "--dir, Missing required parameter for option '--dir'",
    "--sclae=1, Unknown option: '--sclae=1'",
    "again, Unmatched argument",
  })
  void badArguments(String argument, String message) {
    assertThat(error(2, argument)).startsWith("bin/demo: ").contains(message);
  }

  @Test
  void aDirectoryOfOtherFilesIsLeftAlone() throws IOException {
    Path other = Files.createDirectories(dir.resolve("other/cache"));
    Path precious = Files.writeString(other.resolve("precious"), "data");

    assertThat(error(2, "--dir", dir.resolve("other").toString()))
        .contains("holds other files: " + dir.resolve("other"));
    assertThat(precious).hasContent("data");
    assertThat(dir.resolve("other/demo.lock")).doesNotExist();
  }

  @Test
  void aFileIsNotADirectory() throws IOException {
    Path file = Files.writeString(dir.resolve("file"), "data");

    assertThat(error(2, "--dir", file.toString())).contains("must be a directory: " + file);
    assertThat(error(2, "--dir", file.resolve("below").toString()))
        .contains("--dir cannot be created")
        .contains(file.toString());
  }

  @Test
  void aFailedJvmIsNamedWithTheEndOfItsLog() {
    SparkJvm jvm = new SparkJvm(classPath(), Map.of("said", "xyz"), 64, dir.resolve("run"));

    assertThatThrownBy(() -> jvm.run(Failing.class, List.of("7")))
        .isInstanceOf(DemoException.class)
        .hasMessageContaining("Failing ended with exit code 7")
        .hasMessageContaining(dir.resolve("run/log.txt").toString())
        .hasMessageContaining("  xyz");
  }

  private static List<Path> classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .map(Path::of)
        .toList();
  }

  /** Says what it was told and ends with the exit code it was given. */
  static final class Failing {
    private Failing() {}

    public static void main(String[] args) {
      System.err.println(System.getProperty("said"));
      System.exit(Integer.parseInt(args[0]));
    }
  }

  /** The demo's job starts in one JVM: no line at WARN is from the cache or about it. */
  @Test
  void theJobStartsWithoutAWarning() throws Exception {
    List<Path> jars = classPath();
    assumeTrue(
        jars.stream().anyMatch(DemoTest::isPackagedCache), "the cache's jar is there: mvn verify");
    Path cache = dir.resolve("cache");
    Path home = dir.resolve("job");
    SparkJvm jvm = new SparkJvm(jars, Demo.conf(dir, cache), 1024, home);
    jvm.run(DataAndJob.class, List.of(dir.resolve("data").toString(), home.toString()));

    RunFigures figures = RunFigures.read(home.resolve("figures.properties"));
    assertThat(figures.partitionsComputed()).isPositive();
    List<String> log = Files.readAllLines(home.resolve("log.txt"));
    assertThat(log).as("Hadoop's native library is not there").anyMatch(l -> l.contains(" WARN "));
    assertThat(log)
        .filteredOn(line -> line.toLowerCase(Locale.ROOT).contains("diskcache"))
        .noneMatch(line -> line.contains(" WARN ") || line.contains(" ERROR "));
  }

  private static boolean isPackagedCache(Path path) {
    return path.getFileName().toString().matches("spark-diskcache-.*\\.jar");
  }

  /** Generates little input and runs the job over it. */
  static final class DataAndJob {
    private DataAndJob() {}

    public static void main(String[] args) throws Exception {
      TpchData.main(new String[] {"0.001", args[0]});
      JobRun.main(new String[] {args[0], args[1] + "/out", args[1] + "/figures.properties"});
    }
  }

  @Test
  void reportShowsRatiosAndDifferentSummaries() {
    DemoReport report = new DemoReport();
    report.add(DemoRun.PLAIN, figures(40_000, null, null, "1 rows"), 42_000);
    report.add(DemoRun.DISK_ONLY, figures(50_000, null, null, "1 rows"), 51_000);
    report.add(DemoRun.FILL, figures(44_000, 0L, 12L, "1 rows"), 45_000);
    report.add(DemoRun.RERUN, figures(8_000, 12L, 0L, "2 rows"), 9_000);
    report.add(DemoRun.PLAIN_ARRIVED, figures(44_000, null, null, "3 rows"), 45_000);
    report.add(DemoRun.ARRIVED, figures(22_000, 8L, 4L, "3 rows"), 23_000);

    assertThat(report.ratios().lines())
        .containsExactly(
            "(c)/(a)   = 0.20   rerun in a new JVM against plain Spark, df.cache(): 5.0 times"
                + " faster",
            "(b)/(a)   = 1.10   first run with the cache against plain Spark, df.cache()",
            "(b)/(a2)  = 0.88   first run with the cache against plain Spark,"
                + " persist(DISK_ONLY): 1.1 times faster",
            "(d)/(d0)  = 0.50   rerun, one more lineitem file against plain Spark over the input"
                + " of d: 2.0 times faster");
    assertThat(report.differentSummaries())
        .containsExactly("(c) out: the job counted 2 rows; plain Spark 1 rows");
    assertThat(report.table().lines())
        .hasSize(7)
        .anySatisfy(line -> assertThat(line).startsWith("c ").contains("12 / 0", "8.0 s"))
        .anySatisfy(line -> assertThat(line).startsWith("a ").contains(" - ", "1.5 KiB"));
  }

  private static RunFigures figures(long millis, Long hit, Long computed, String summary) {
    return new RunFigures(
        millis, 5, 6, 7, 1536, 0, 1L << 30, hit, computed, Map.of("out", summary));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "1023, 1023 B",
    "1024, 1.0 KiB",
    "1048576, 1.0 MiB",
    "1610612736, 1.5 GiB",
    "9223372036854775807, 8.0 EiB",
  })
  void bytes(long bytes, String text) {
    assertThat(DemoReport.bytes(bytes)).isEqualTo(text);
  }
}
