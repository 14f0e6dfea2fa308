// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.store.EvictionPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PolicySimulatorTest {
  @TempDir Path temp;

  private static List<Request> requests(String keys, long nanos) {
    List<Request> trace = new ArrayList<>();
    for (int i = 0; i < keys.length(); i++) {
      trace.add(new Request(i * 60_000L, keys.substring(i, i + 1), 100, nanos));
    }
    return trace;
  }

  @ParameterizedTest
  @EnumSource(EvictionPolicy.class)
  void whatFitsIsServedFromTheSecondRequestOn(EvictionPolicy policy) {
    PolicySimulator.Rates rates = PolicySimulator.replay(requests("abcabcabca", 1), policy, 300);
    assertThat(rates.requests()).isEqualTo(0.7);
    assertThat(rates.bytes()).isEqualTo(0.7);
    assertThat(rates.seconds()).isEqualTo(0.7);
    assertThat(PolicySimulator.footprint(requests("abcabc", 1))).isEqualTo(300);
  }

  @Test
  void policiesDifferAsTheirNamesSay() {
    // A cache for two, below the low watermark: at c, lru and oldest drop a although lfu and cost
    // would drop b.
    List<Request> trace = requests("aaaabca", 1);
    assertThat(PolicySimulator.replay(trace, EvictionPolicy.OLDEST, 230).requests())
        .isEqualTo(3 / 7.0);
    assertThat(PolicySimulator.replay(trace, EvictionPolicy.LRU, 230).requests())
        .isEqualTo(3 / 7.0);
    assertThat(PolicySimulator.replay(trace, EvictionPolicy.LFU, 230).requests())
        .isEqualTo(4 / 7.0);
    assertThat(PolicySimulator.replay(trace, EvictionPolicy.COST, 230).requests())
        .isEqualTo(4 / 7.0);
    assertThat(PolicySimulator.replay(trace, EvictionPolicy.NONE, 230).requests())
        .isEqualTo(4 / 7.0);
  }

  @Test
  void recordedTracesAreReadAndOthersRefused() throws IOException {
    Path file = temp.resolve("trace.csv");
    Files.writeString(file, "5,ab,100,7,put\n6,ab,100,7,hit\n");
    assertThat(Request.read(file))
        .containsExactly(new Request(5, "ab", 100, 7), new Request(6, "ab", 100, 7));
    Files.writeString(file, "5,ab\n");
    assertThatThrownBy(() -> Request.read(file))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("'5,ab'");
  }

  @Test
  void syntheticTracesAreTheSameForTheSameSeed() {
    assertThat(SyntheticTraces.all(7)).isEqualTo(SyntheticTraces.all(7));
    assertThat(SyntheticTraces.all(7)).isNotEqualTo(SyntheticTraces.all(8)).hasSize(4);
  }
}
