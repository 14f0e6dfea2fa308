// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SparkLineTest {
  @Test
  void theSparkOfTheBuildIsSupported() {
    assertThat(SparkLine.isSupported()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"4.2.0", "4.2.1", "4.2", "4.2.10", "4.2.1-amzn-0", "4.2.2.dev0", "4.2-SNAPSHOT"})
  void anyVersionOfTheLineIsSupported(String version) {
    assertThat(SparkLine.isSupported(version)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"3.5.7", "4.0.4", "4.1.3", "4.3.0", "4.20.0", "4.2a", "14.2.0", "5.0.0", "4", ""})
  void everythingElseIsNot(String version) {
    assertThat(SparkLine.isSupported(version)).isFalse();
    assertThat(SparkLine.sentence(version))
        .isEqualTo(
            "built for Spark 4.2, found " + version + "; nothing is cached by spark-diskcache");
  }
}
