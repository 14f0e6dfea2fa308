// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.files;
import static io.sparkdiskcache.store.StoreFixture.key;
import static io.sparkdiskcache.store.StoreFixture.open;
import static io.sparkdiskcache.store.StoreFixture.put;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeaseTest {
  private static void nothing() {}

  @TempDir Path temp;

  @Test
  void secondWaitsForTheFirstAndFindsItsEntry() throws Exception {
    try (DiskStore one = open(temp);
        DiskStore two = open(temp)) {
      Lease lease = one.lease(key(1), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      assertThat(two.lease(key(2), Duration.ZERO, LeaseTest::nothing))
          .as("another key")
          .isPresent();
      AtomicInteger waits = new AtomicInteger();
      Optional<Lease> second =
          two.lease(
              key(1),
              Duration.ofMinutes(1),
              () -> {
                if (waits.incrementAndGet() == 3) {
                  try {
                    put(one, key(1), 10);
                  } catch (Exception e) {
                    throw new IllegalStateException(e);
                  }
                  lease.close();
                }
              });
      assertThat(second).isPresent();
      assertThat(waits).hasValue(3);
      assertThat(two.find(key(1))).isPresent();
      second.get().close();
      second.get().close();
    }
    assertThat(files(temp.resolve("tmp")))
        .filteredOn(name -> name.contains(key(1).hex()))
        .isEmpty();
  }

  @Test
  void waitIsBoundedAndMayBeGivenUp() throws Exception {
    try (DiskStore one = open(temp);
        DiskStore two = open(temp)) {
      try (Lease lease = one.lease(key(1), Duration.ZERO, LeaseTest::nothing).orElseThrow()) {
        assertThat(lease).isNotNull();
        assertThatThrownBy(() -> two.lease(key(1), Duration.ofMinutes(1), LeaseTest::killed))
            .hasMessage("killed");
        assertThat(two.lease(key(1), Duration.ofMillis(50), LeaseTest::nothing)).isEmpty();
      }
    }
  }

  @Test
  void whoWasWaitedForInVainIsNotWaitedForAgain() throws Exception {
    try (DiskStore one = open(temp);
        DiskStore two = open(temp)) {
      Lease first = one.lease(key(1), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      Lease second = one.lease(key(2), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      assertThat(two.lease(key(1), Duration.ofMillis(50), LeaseTest::nothing)).isEmpty();
      for (int number : new int[] {1, 2}) {
        assertThat(two.lease(key(number), Duration.ofMinutes(10), LeaseTest::killed))
            .as("lease %s, which was held then", number)
            .isEmpty();
      }
      second.close();
      try (Lease free =
          two.lease(key(2), Duration.ofMinutes(10), LeaseTest::killed).orElseThrow()) {
        assertThat(free).isNotNull();
      }
      second = one.lease(key(2), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      Files.setLastModifiedTime(
          temp.resolve("tmp").resolve(key(2).hex() + Leases.SUFFIX),
          java.nio.file.attribute.FileTime.from(java.time.Instant.now().plusSeconds(1)));
      assertThatThrownBy(() -> two.lease(key(2), Duration.ofMinutes(10), LeaseTest::killed))
          .as("one that it has taken since")
          .hasMessage("killed");
      first.close();
      second.close();
    }
  }

  private static void killed() {
    throw new IllegalStateException("killed");
  }

  @Test
  void leaseOfADeadProcessBlocksNobody() throws Exception {
    try (StoreProcess holder = StoreProcess.start(temp, "lease", "1")) {
      assertThat(holder.readLine()).isEqualTo("leased");
      try (DiskStore store = open(temp)) {
        assertThat(store.lease(key("1"), Duration.ZERO, LeaseTest::nothing))
            .as("it lives")
            .isEmpty();
        holder.killAndDrain();
        try (Lease lease = store.lease(key("1"), Duration.ZERO, LeaseTest::nothing).orElseThrow()) {
          assertThat(lease).isNotNull();
        }
      }
    }
    try (DiskStore store = open(temp)) {
      store.settle();
      assertThat(files(temp.resolve("tmp"))).isEmpty();
    }
  }

  @Test
  void leaseExpires() throws Exception {
    StoreFixture.FakeClock clock = new StoreFixture.FakeClock();
    try (DiskStore one = open(temp, 1 << 20, clock);
        DiskStore two = open(temp, 1 << 20, clock)) {
      Lease first = one.lease(key(1), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      Path file = temp.resolve("tmp").resolve(key(1).hex() + Leases.SUFFIX);
      Files.setLastModifiedTime(
          file, java.nio.file.attribute.FileTime.from(clock.instant().minus(Leases.EXPIRY)));
      assertThat(two.lease(key(1), Duration.ZERO, LeaseTest::nothing)).isEmpty();
      clock.advance(Duration.ofSeconds(1));
      Lease second = two.lease(key(1), Duration.ZERO, LeaseTest::nothing).orElseThrow();
      first.close();
      assertThat(file).as("the late owner does not end another's").exists();
      second.close();
      assertThat(file).doesNotExist();
    }
  }
}
