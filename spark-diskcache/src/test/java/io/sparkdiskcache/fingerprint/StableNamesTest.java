// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StableNamesTest {

  /** The same cell, entered as another line, paragraph or cell of the notebook. */
  @ParameterizedTest
  @CsvSource({
    "$line12/$read$$iw$Helper, $line345/$read$$iw$Helper", // spark-shell
    "$line12.$read$$iw, $line7.$read$$iw", // Zeppelin, on Scala's own interpreter
    "ammonite/$sess/cmd3$Helper, ammonite/$sess/cmd12$Helper", // Almond
    "ammonite/$sess/cmd3, ammonite/$sess/cmd4",
    "ammonite/$sess/cmd3$Helper$$anon$1, ammonite/$sess/cmd5$Helper$$anon$2",
    "$session3/Cell, $session12/Cell"
  })
  void theNumberOfACellIsNoPartOfTheName(String one, String other) {
    assertThat(StableNames.ofClass(one)).isEqualTo(StableNames.ofClass(other));
    assertThat(StableNames.isStable(one)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "ammonite/$sess/cmd3$Helper, ammonite/$sess/cmd3$Other",
    "$line12/$read$$iw$Helper, $line12/$read$$iw$Other",
    "app/Tool1, app/Tool2", // numbers of names that people chose
    "app/Xcmd1, app/Xcmd2",
    "app/line1, app/line2"
  })
  void otherNamesStayApart(String one, String other) {
    assertThat(StableNames.ofClass(one)).isNotEqualTo(StableNames.ofClass(other));
  }

  @Test
  void lambdasHaveNoNumber() {
    assertThat(StableNames.ofMethod("$anonfun$f$3"))
        .isEqualTo(StableNames.ofMethod("lambda$main$2d295a09$1"));
    assertThat(StableNames.ofMethod("apply")).isEqualTo("apply");
  }
}
