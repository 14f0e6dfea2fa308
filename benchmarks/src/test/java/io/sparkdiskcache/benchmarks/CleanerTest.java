// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.time.LocalDate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

class CleanerTest {
  @ParameterizedTest
  @CsvSource({
    "'Égular  COURTS!, above-the', égular courts above the",
    "call +49 (30) 1234-5678 now, call now",
    "write to a.b@c.example please, write to please",
    "'  ', ''",
  })
  void text(String raw, String clean) {
    assertThat(Cleaner.text(raw)).isEqualTo(clean);
  }

  @ParameterizedTest
  @CsvSource({
    "express deposits wake, deposits",
    "carefully final acounts, accounts",
    "slyly ironic reques, requests",
    "quick brown foxes, other",
    "'', other",
  })
  void topic(String comment, String topic) {
    assertThat(Cleaner.topic(comment)).isEqualTo(topic);
  }

  @Test
  void instruction() {
    assertThat(Cleaner.instruction("DELIVER IN PERSON")).isEqualTo("deliver-in-person");
    assertThat(Cleaner.instruction("NONE")).isNull();
  }

  @Test
  void amount() {
    assertThat(Cleaner.amount(" 21168.23 ")).isEqualTo(new BigDecimal("21168.23"));
    assertThat(Cleaner.amount("17")).isEqualTo(new BigDecimal("17.00"));
    assertThat(Cleaner.amount("-0.045")).isEqualTo(new BigDecimal("-0.05"));
  }

  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"", "12,50", "1e3", "abc"})
  void notAnAmount(String raw) {
    assertThat(Cleaner.amount(raw)).isNull();
  }

  @Test
  void day() {
    assertThat(Cleaner.day("1996-02-29")).isEqualTo(LocalDate.of(1996, 2, 29));
  }

  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"", "1997-02-29", "1996-13-01", "1996-00-10", "1996-01-00", "13.03.1996"})
  void notADay(String raw) {
    assertThat(Cleaner.day(raw)).isNull();
  }
}
