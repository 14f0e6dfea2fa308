// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkdiskcache.harness.Throwables;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.PendingEntry;
import io.sparkdiskcache.store.StoreException;
import io.sparkdiskcache.store.StoreOptions;
import io.sparkdiskcache.store.VerifyMode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever another host answers, it costs a hit and is counted. */
final class PeerFaultsTest {
  private static final int CHUNK = 4 << 20;
  private static final long LIMIT = 48 << 20;
  private static final Key KEY = new Key("ab".repeat(32));
  private static final PeerEntries.Peer PEER = new PeerEntries.Peer("host", 1);

  @TempDir private Path dir;
  private DiskStore store;

  @BeforeEach
  void open() throws StoreException {
    store = DiskStore.open(new StoreOptions(dir, LIMIT, VerifyMode.OPEN));
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** The answers of a peer to a question, by the offset that is asked for. */
  private record Faulty(Function<Long, CompletableFuture<ByteBuffer>> answers)
      implements PeerEntries.Transport {
    @Override
    public String host() {
      return "here";
    }

    @Override
    public int port() {
      return 0;
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(
        String host, int port, ByteBuffer question, int longest) {
      return answers.apply(question.getLong());
    }

    @Override
    public void close() {}
  }

  private Optional<InputStream> ask(Function<Long, CompletableFuture<ByteBuffer>> answers) {
    PeerEntries peers =
        new PeerEntries(
            () -> Optional.of(store), answering -> new Faulty(answers), Duration.ofMillis(1));
    return peers.open(KEY, List.of(PEER), () -> {});
  }

  private static CompletableFuture<ByteBuffer> answer(long size, int bytes) {
    return CompletableFuture.completedFuture(
        ByteBuffer.allocate(Long.BYTES + bytes).putLong(size).position(0));
  }

  private void assertIsAMiss(String what, Function<Long, CompletableFuture<ByteBuffer>> answers) {
    long before = store.stats().errors();
    assertThat(ask(answers)).as(what).isEmpty();
    assertThat(store.stats().errors()).as(what).isEqualTo(before + 1);
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // whatever it is
  private static <E extends Throwable> CompletableFuture<ByteBuffer> thrown(Throwable e) throws E {
    throw (E) e;
  }

  @Test
  void whatIsThrownIsAMiss() {
    for (Supplier<? extends Throwable> of : Throwables.ALL) {
      assertIsAMiss(
          of.get() + " when asked", offset -> PeerFaultsTest.<RuntimeException>thrown(of.get()));
      assertIsAMiss(of.get() + " as an answer", offset -> CompletableFuture.failedFuture(of.get()));
    }
  }

  @Test
  void anAnswerThatIsNoneIsAMiss() {
    for (int length = 1; length < Long.BYTES; length++) {
      int bytes = length;
      assertIsAMiss(
          length + " bytes",
          offset -> CompletableFuture.completedFuture(ByteBuffer.allocate(bytes)));
    }
    assertIsAMiss("a negative size", offset -> answer(-1, 0));
    assertIsAMiss("the smallest size", offset -> answer(Long.MIN_VALUE, 0));
    assertIsAMiss("nothing of a file", offset -> answer(100, 0));
    assertIsAMiss("truncated", offset -> answer(100, 99));
    assertIsAMiss("oversized", offset -> answer(100, 101));
    assertIsAMiss("a part of a chunk", offset -> answer(Long.MAX_VALUE, CHUNK - 1));
    assertIsAMiss("more than a chunk", offset -> answer(Long.MAX_VALUE, CHUNK + 1));
    assertIsAMiss("never", offset -> new CompletableFuture<>());
  }

  @Test
  void aLaterAnswerThatIsNoneFailsTheReaderWhoCanTell() throws IOException {
    long size = CHUNK + 100L;
    for (int length : new int[] {0, 1, 7, 8, 107, 109}) {
      InputStream stream =
          ask(offset ->
                  offset == 0
                      ? answer(size, CHUNK)
                      : CompletableFuture.completedFuture(ByteBuffer.allocate(length).duplicate()))
              .orElseThrow();
      assertThat(stream.readNBytes(CHUNK)).hasSize(CHUNK);
      assertThatThrownBy(stream::read).as("%s bytes", length).isInstanceOf(IOException.class);
    }
    for (Supplier<? extends Throwable> of : Throwables.ALL) {
      InputStream stream =
          ask(offset ->
                  offset == 0 ? answer(size, CHUNK) : CompletableFuture.failedFuture(of.get()))
              .orElseThrow();
      assertThatThrownBy(stream::readAllBytes).as("%s", of.get()).isInstanceOf(IOException.class);
    }
  }

  @Test
  void anAnswerThatNeverEndsIsGivenUpWhereNoEntryCanBeSoLong() throws Exception {
    InputStream stream = ask(offset -> answer(Long.MAX_VALUE, CHUNK)).orElseThrow();
    try (PendingEntry pending = store.begin(KEY)) {
      assertThatThrownBy(() -> pending.receive(stream, () -> {}))
          .isInstanceOf(StoreException.class);
    }
    assertThat(store.stats().entries()).isZero();
  }
}
