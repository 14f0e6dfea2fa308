// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class AdmissionLedgerTest {
  private static final Duration NONE = Duration.ZERO;
  private static final Duration SECOND = Duration.ofSeconds(1);

  private final AdmissionLedger ledger = new AdmissionLedger();

  @Test
  void whatTakesLongerToComputeIsKept() {
    for (int i = 0; i < 10; i++) {
      assertThat(ledger.computed("r", SECOND.multipliedBy(2), SECOND, 1000)).isTrue();
    }
    assertThat(ledger.reason("r")).isEmpty();
  }

  @Test
  void whatTakesLongerToWriteIsNot() {
    assertThat(ledger.computed("r", Duration.ofMillis(100), SECOND, 10)).as("evidence").isTrue();
    assertThat(ledger.computed("r", Duration.ofMillis(100), SECOND, 10)).isFalse();
    assertThat(ledger.reason("r"))
        .hasValueSatisfying(
            reason ->
                assertThat(reason)
                    .contains("200ms", "writing 2.00s", "spark.diskcache.admission=always"));
    assertThat(ledger.reason("other")).isEmpty();
  }

  @Test
  void readingBackIsMeasuredAndCounts() {
    assertThat(ledger.computed("r", SECOND, NONE, 5000))
        .as("free to read, as far as known")
        .isTrue();
    ledger.read(1000, SECOND.toNanos());
    assertThat(ledger.reason("r")).hasValueSatisfying(r -> assertThat(r).contains("about 5.00s"));
  }

  @Test
  void aRelationIsWeighedAsAWhole() {
    assertThat(ledger.computed("r", SECOND.multipliedBy(100), SECOND, 1)).isTrue();
    assertThat(ledger.computed("r", NONE, SECOND.multipliedBy(10), 1)).isTrue();
  }
}
