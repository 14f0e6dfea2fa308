// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The descriptions that golden entries have of themselves, plain and encrypted; GoldenEntryTest has
 * written them.
 */
class GoldenDescriptionTest {
  private static final Path GOLDEN = Path.of("../arrow-codec/src/test/resources/golden");

  @ParameterizedTest
  @ValueSource(strings = {"entry.arrow", "entry-encrypted.arrow"})
  void isReadBehindItsSeal(String name) throws Exception {
    EntryDescription found = EntryDescription.readVerified(GOLDEN.resolve(name)).orElseThrow();
    assertThat(found.key()).isEqualTo(new Key("4".repeat(64)));
    assertThat(found.createdAt()).isEqualTo(Instant.parse("2026-11-30T02:00:00Z"));
    EntryMeta meta = found.meta();
    assertThat(meta.relation()).isEqualTo("golden");
    assertThat(meta.rows()).isEqualTo(150);
    assertThat(meta.tag()).isEqualTo("nightly");
    assertThat(meta.application()).isEqualTo("golden/app-1");
    assertThat(meta.computeTime()).isEqualTo(Duration.ofNanos(5));
    assertThat(meta.components()).isEqualTo(Map.of("engine", "test"));
  }

  @Test
  void theLookAtTheEndFindsTheSame() throws Exception {
    Path file = GOLDEN.resolve("entry.arrow");
    EntryDescription whole = EntryDescription.readVerified(file).orElseThrow();
    EntryDescription end = EntryDescription.read(file).orElseThrow();
    assertThat(end.key()).isEqualTo(whole.key());
    assertThat(end.meta().components()).isEqualTo(whole.meta().components());
  }
}
