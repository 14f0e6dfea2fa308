// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

class CodecBenchmarksTest {
  @TempDir private Path dir;

  static List<String> types() {
    return CodecState.TYPES;
  }

  @ParameterizedTest
  @MethodSource("types")
  void everyColumnIsStoredAsItsNameSays(String type) throws IOException {
    CodecState state = new CodecState(type, 64_000);
    Path file = dir.resolve("entry.arrow");
    EntrySummary summary = state.write(file);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.rows()).isEqualTo(summary.rows()).isPositive();
    assertThat(state.read(entry)).isEqualTo(state.read(entry));
    double share = (double) summary.bytes() / state.plainBytes();
    switch (type) {
      case "narrow", "decimal12", "words", "float16", "zstd", "lz4" ->
          assertThat(share).isLessThan(0.8);
      case "constant", "null" -> assertThat(share).isLessThan(0.02);
      default -> assertThat(share).isBetween(0.99, 1.6);
    }
  }

  @Test
  void theTableHasARateForEachColumn() throws RunnerException {
    List<String> types = List.of("long", "words");
    List<String> lines =
        CodecBenchmarks.table(
            new OptionsBuilder()
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(1)
                .measurementTime(TimeValue.milliseconds(20)),
            "10000",
            types);
    String rate = "[0-9]+\\.[0-9]{2}";
    for (String type : types) {
      assertThat(lines)
          .anyMatch(line -> line.matches("\\| " + type + " \\| " + rate + " \\| " + rate + " \\|"));
    }
    for (String what : List.of("memcpy", "floatToHalf", "halfToFloat")) {
      assertThat(lines).anyMatch(line -> line.matches("\\| " + what + " \\| " + rate + " \\| \\|"));
    }
  }
}
