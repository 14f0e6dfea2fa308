// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SeenFilesTest {
  private static final int MILLION = 1_000_000;

  private static SeenFiles.State state(int number) {
    return SeenFiles.State.of("/cache/data/ab/cd/" + number + ".arrow", "1000/2026/" + number);
  }

  @Test
  void aMillionFilesAreKnownInThirtyTwoMebibytes() {
    SeenFiles seen = new SeenFiles();
    for (int i = 0; i < MILLION; i++) {
      seen.add(state(i));
      seen.add(state(i));
    }
    int known = 0;
    int others = 0;
    for (int i = 0; i < MILLION; i++) {
      known += seen.contains(state(i)) ? 1 : 0;
      others += seen.contains(state(i + MILLION)) ? 1 : 0;
    }
    System.out.printf("%d verified files take %d bytes%n", MILLION, seen.bytes());
    assertThat(known).isEqualTo(MILLION);
    assertThat(others).isZero();
    assertThat(seen.bytes()).isEqualTo(32 << 20);
  }

  @Test
  void anotherStateOfAFileIsNotKnownAndMoreThanItKeepsBeginsAnew() {
    SeenFiles seen = new SeenFiles();
    seen.add(SeenFiles.State.of("/a", "1/2/3"));
    assertThat(seen.contains(SeenFiles.State.of("/a", "1/2/4"))).isFalse();
    assertThat(seen.contains(SeenFiles.State.of("/a1", "/2/3"))).isFalse();
    for (int i = 0; i <= 1 << 20; i++) {
      seen.add(state(i));
    }
    assertThat(seen.contains(state(1 << 20))).isTrue();
    assertThat(seen.contains(state(0))).isFalse();
    assertThat(seen.bytes()).isLessThan(1 << 20);
  }
}
