// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.harness.FaultyFileSystem;
import io.sparkdiskcache.harness.FaultyFileSystem.Place;
import io.sparkdiskcache.harness.Throwables;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteStats;
import io.sparkdiskcache.remote.RemoteTier;
import io.sparkdiskcache.store.Foreign.Bounds;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever the file system of the remote tier throws or sends, it costs a hit and is counted. */
final class RemoteFaultsTest {
  private static final int BODY = 300_000;
  private static final Key KEY = StoreFixture.key("remote");

  @TempDir private Path dir;

  @AfterEach
  void heal() {
    FaultyFileSystem.heal();
    RemoteTier.closeAll();
  }

  private RemoteOptions options() {
    return new RemoteOptions("faulty://" + dir.resolve("remote"), Duration.ofSeconds(30));
  }

  /** A tier that has failed at nothing yet. */
  private RemoteTier tier() {
    RemoteTier.closeAll();
    Configuration conf = new Configuration(false);
    conf.set(FaultyFileSystem.SETTING, FaultyFileSystem.class.getName());
    return RemoteTier.of(options(), conf).orElseThrow();
  }

  private void upload(DiskStore from) throws Exception {
    Entry entry = StoreFixture.putSealed(from, KEY, BODY);
    tier().upload(entry);
    RemoteTier.closeAll();
  }

  private Optional<Entry> fetch(DiskStore into) {
    RemoteTier.Wanted wanted = new RemoteTier.Wanted(KEY, StoreFixture.RELATION, Instant.EPOCH);
    return tier().fetch(into, wanted, () -> {});
  }

  private void withStores(Use use) throws Exception {
    try (DiskStore from = StoreFixture.open(dir.resolve("from"));
        DiskStore into = StoreFixture.open(dir.resolve("into"))) {
      use.of(from, into);
    }
  }

  private interface Use {
    void of(DiskStore from, DiskStore into) throws Exception;
  }

  @ParameterizedTest
  @EnumSource(names = {"INITIALIZE", "STATUS", "OPEN", "READ"})
  void whatReadingThrowsIsAMiss(Place place) throws Exception {
    withStores(
        (from, into) -> {
          upload(from);
          for (Supplier<? extends Throwable> thrown : Throwables.ALL) {
            FaultyFileSystem.set(place, thrown);
            assertThat(fetch(into)).as("%s at %s", thrown.get(), place).isEmpty();
            assertThat(FaultyFileSystem.wasMet()).isTrue();
            RemoteStats stats = RemoteTier.stats(options());
            assertThat(stats.failures()).as("%s at %s", thrown.get(), place).isEqualTo(1);
            assertThat(StoreFixture.files(dir.resolve("into/tmp")))
                .allMatch(name -> name.endsWith(".lock"));
          }
          FaultyFileSystem.heal();
          assertThat(StoreFixture.holdsSealedContent(fetch(into).orElseThrow(), BODY)).isTrue();
        });
  }

  @Test
  void whatClosingThrowsLosesNothing() throws Exception {
    withStores(
        (from, into) -> {
          upload(from);
          for (Supplier<? extends Throwable> thrown : Throwables.ALL) {
            FaultyFileSystem.set(Place.CLOSE, thrown);
            Entry fetched = fetch(into).orElseThrow();
            assertThat(StoreFixture.holdsSealedContent(fetched, BODY)).isTrue();
            assertThat(RemoteTier.stats(options()).failures()).isEqualTo(1);
            into.clear();
            FaultyFileSystem.set(Place.CLOSE_SYSTEM, thrown);
            RemoteTier.closeAll(); // as the end of an application does
            assertThat(FaultyFileSystem.wasMet()).isTrue();
          }
        });
  }

  @ParameterizedTest
  @EnumSource(names = {"TRUNCATED", "ENDLESS"})
  void anAnswerOfAnotherLengthIsAMiss(Place place) throws Exception {
    withStores(
        (from, into) -> {
          upload(from);
          FaultyFileSystem.set(place, IOException::new);
          assertThat(fetch(into)).isEmpty();
          assertThat(FaultyFileSystem.wasMet()).isTrue();
          RemoteStats stats = RemoteTier.stats(options());
          assertThat(stats.failures() + stats.damaged()).isEqualTo(1);
        });
  }

  @ParameterizedTest
  @EnumSource(
      names = {"INITIALIZE", "STATUS", "MKDIRS", "CREATE", "WRITE", "CLOSE_WRITTEN", "RENAME"})
  void whatWritingThrowsIsDroppedAndThoseAfterItAreWritten(Place place) throws Exception {
    withStores(
        (from, into) -> {
          for (Supplier<? extends Throwable> thrown : Throwables.ALL) {
            FaultyFileSystem.set(place, thrown);
            Entry entry =
                from.find(KEY).isPresent()
                    ? from.find(KEY).orElseThrow()
                    : StoreFixture.putSealed(from, KEY, BODY);
            RemoteTier tier = tier();
            tier.upload(entry);
            awaitFailure();
            FaultyFileSystem.heal();
            tier.upload(entry);
            RemoteTier.closeAll();
            Entry fetched = fetch(into).orElseThrow();
            assertThat(StoreFixture.holdsSealedContent(fetched, BODY)).isTrue();
            into.clear();
            StoreFixture.deleteTree(dir.resolve("remote"));
          }
        });
  }

  private void awaitFailure() {
    long deadline = System.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (RemoteTier.stats(options()).failures() == 0) {
      assertThat(System.nanoTime()).as("nothing failed").isLessThan(deadline);
      Thread.onSpinWait();
    }
  }

  @Test
  void aStreamThatIsTooSlowEnds() {
    InputStream slow = new ByteArrayInputStream(new byte[10_000]);
    InputStream bounded =
        Foreign.stream(
            "a slow one", slow, new Bounds(10_000, Duration.ZERO, Long.MAX_VALUE), e -> {});
    assertThatThrownBy(bounded::read).isInstanceOf(IOException.class).hasMessageContaining("slow");
  }

  @Test
  void aStreamKeepsWithinItsBoundsWhateverItAnswers() throws Exception {
    List<IOException> notClosed = new ArrayList<>();
    InputStream endless =
        new InputStream() {
          @Override
          public int read() {
            return 1;
          }

          @Override
          public void close() {
            throw new IllegalStateException("of the test");
          }
        };
    try (InputStream bounded =
        Foreign.stream("an endless one", endless, Bounds.of(1000), notClosed::add)) {
      assertThatThrownBy(bounded::readAllBytes)
          .isInstanceOf(IOException.class)
          .hasMessageContaining("more than the 1000 bytes");
    }
    assertThat(notClosed).hasSize(1);
    InputStream wrong =
        new InputStream() {
          @Override
          public int read() {
            return 1;
          }

          @Override
          public int read(byte[] into, int from, int length) {
            return length + 1;
          }
        };
    assertThatThrownBy(() -> Foreign.stream("x", wrong, Bounds.of(1000), e -> {}).read())
        .isInstanceOf(IOException.class);
  }

  @Test
  void whatEndsTheProcessIsNotHidden() {
    OutOfMemoryError full = new OutOfMemoryError("of the test");
    assertThatThrownBy(
            () ->
                Foreign.call(
                    "x",
                    () -> {
                      throw full;
                    }))
        .isSameAs(full);
    assertThatThrownBy(
            () ->
                Foreign.call(
                    "x",
                    () -> {
                      throw new InterruptedException();
                    }))
        .isInstanceOf(IOException.class);
    assertThat(Thread.interrupted()).isTrue();
  }
}
