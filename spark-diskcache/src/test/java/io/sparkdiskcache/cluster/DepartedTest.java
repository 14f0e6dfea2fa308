// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class DepartedTest {
  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5); // as nanoTime, it may overflow
  private final Departed departed = new Departed(Duration.ofNanos(10), now::get);

  private static HostInventory holding(long key) {
    HostInventory inventory = new HostInventory();
    inventory.replace(new long[] {key});
    return inventory;
  }

  @Test
  void mayReturnForSoLongAndNotLonger() {
    departed.left("a:/x", holding(7));
    now.addAndGet(9);
    assertThat(departed.mayReturn("a:/x")).isTrue();
    assertThat(departed.mayReturn("b:/x")).isFalse();
    assertThat(departed.mayReturn(7, "b:/x")).isTrue();
    assertThat(departed.mayReturn(8, "b:/x")).isFalse();
    assertThat(departed.mayReturn(7, "a:/x")).isFalse();
    now.addAndGet(1);
    assertThat(departed.mayReturn("a:/x")).isFalse();
    assertThat(departed.mayReturn(7, "b:/x")).isFalse();
  }

  @Test
  void hasReturned() {
    departed.left("a:/x", holding(7));
    departed.returned("a:/x");
    assertThat(departed.mayReturn("a:/x")).isFalse();
    assertThat(departed.mayReturn(7, "b:/x")).isFalse();
  }
}
