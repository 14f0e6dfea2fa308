// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class FrontTest {
  private final Front front = new Front();
  private final Entry first = entry("first");
  private final Entry second = entry("second");

  private static Entry entry(String file) {
    return new Entry(
        key(1),
        Path.of(file),
        StoreFixture.meta(new byte[0]).withoutComponents(),
        Instant.EPOCH,
        Instant.EPOCH,
        0);
  }

  @Test
  void nothingIsTakenInWhileAnythingIsRemoved() {
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).contains(first);
    long before = front.ticket();
    front.removing(List.of(first));
    assertThat(front.get(key(1))).as("forgotten before its row goes").isEmpty();
    long meanwhile = front.ticket();
    front.put(first, meanwhile); // whose row may still be seen
    front.replace(first, meanwhile);
    assertThat(front.get(key(1))).isEmpty();
    front.removed();
    front.put(first, before);
    front.put(first, meanwhile);
    front.replace(first, meanwhile);
    assertThat(front.get(key(1))).as("what was seen before that is over").isEmpty();
    front.put(second, front.ticket());
    assertThat(front.get(key(1))).contains(second);
  }

  @Test
  void removalsMayOverlap() {
    front.removing(List.of(first));
    front.removing(List.of(second));
    front.removed();
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).isEmpty();
    front.removed();
    front.put(first, front.ticket());
    assertThat(front.get(key(1))).contains(first);
  }

  @Test
  void removalOfAnOldFileLeavesTheNewOne() {
    front.put(second, front.ticket());
    front.removing(List.of(first));
    front.removed();
    assertThat(front.get(key(1))).contains(second);
    front.clear();
    assertThat(front.get(key(1))).isEmpty();
  }
}
