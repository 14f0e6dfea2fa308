// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.shim.PeerTransport;
import io.sparkdiskcache.store.DiskStore;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.Foreign;
import io.sparkdiskcache.store.Key;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the files of this host's entries to other executors, and reads theirs.
 *
 * <p>A question is an offset (8 bytes), a number of bytes (4) and a key in hexadecimal; the answer
 * is the length of the file (8 bytes) and the bytes from the offset on, or nothing if there is no
 * such entry. Nobody keeps anything between questions, so that either side may vanish at any time.
 * An entry is sent as it is on the disk, encrypted if it is; the reader trusts none of it before it
 * has compared its checksums.
 */
final class PeerEntries implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(PeerEntries.class);
  private static final int CHUNK = 4 << 20;
  private static final int MAX_ANSWER = Long.BYTES + CHUNK;
  private static final int MAX_FOUND = 64;
  private static final String PROBLEM = "Cannot read an entry from another host";
  private static final long POLL_MILLIS = 50;

  /** A peer that sends nothing for so long is given up. */
  private static final Duration STALLED = Duration.ofSeconds(20);

  /** One that failed is not asked for so long. */
  private static final long LEFT_ALONE = TimeUnit.MINUTES.toNanos(1);

  private final Supplier<Optional<DiskStore>> store;
  private final Transport transport;
  private final Consumer<Throwable> failures;
  private final Duration stalled;
  private final Map<Peer, Long> failedAt = new ConcurrentHashMap<>();

  /** Files of what was asked for lately: an entry takes many questions and is used once. */
  private final Map<Key, Path> found =
      new LinkedHashMap<>(MAX_FOUND, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Path> eldest) {
          return size() > MAX_FOUND;
        }
      };

  /** Where an executor answers. */
  record Peer(String host, int port) {}

  /** How questions come to other executors and theirs to this one. */
  interface Transport extends AutoCloseable {
    String host();

    int port();

    /** Asks; an answer that is longer than expected is a failure. */
    CompletableFuture<ByteBuffer> ask(String host, int port, ByteBuffer question, int longest)
        throws IOException, InterruptedException;

    @Override
    void close();
  }

  PeerEntries(Supplier<Optional<DiskStore>> store) {
    this(store, answers -> new OfSpark(PeerTransport.start(answers)), STALLED);
  }

  /**
   * @param transport made of what answers the questions of others
   * @param stalled how long an answer may take
   */
  PeerEntries(
      Supplier<Optional<DiskStore>> store,
      Function<UnaryOperator<ByteBuffer>, Transport> transport,
      Duration stalled) {
    this.store = store;
    this.failures =
        e -> store.get().ifPresent(s -> s.countError(PROBLEM, new IOException("a peer failed", e)));
    this.stalled = stalled;
    this.transport = transport.apply(this::answer);
  }

  private record OfSpark(PeerTransport transport) implements Transport {
    @Override
    public String host() {
      return transport.host();
    }

    @Override
    public int port() {
      return transport.port();
    }

    @Override
    public CompletableFuture<ByteBuffer> ask(
        String host, int port, ByteBuffer question, int longest)
        throws IOException, InterruptedException {
      return transport.ask(host, port, question, longest);
    }

    @Override
    public void close() {
      transport.close();
    }
  }

  Peer self() {
    return new Peer(transport.host(), transport.port());
  }

  @Override
  public void close() {
    transport.close();
  }

  // ---- serving

  private ByteBuffer answer(ByteBuffer question) {
    long offset = question.getLong();
    int length = question.getInt();
    Key key = new Key(StandardCharsets.US_ASCII.decode(question).toString());
    if (offset < 0 || length < 0 || length > CHUNK) {
      throw new IllegalArgumentException("Cannot send %d bytes from %d".formatted(length, offset));
    }
    Optional<Path> file = file(key, offset == 0);
    return file.isEmpty() ? ByteBuffer.allocate(0) : read(file.get(), offset, length);
  }

  private Optional<Path> file(Key key, boolean first) {
    synchronized (found) {
      Path known = first ? null : found.get(key);
      if (known != null) {
        return Optional.of(known);
      }
    }
    Optional<Path> file = store.get().flatMap(s -> s.find(key)).map(Entry::path);
    synchronized (found) {
      file.ifPresent(path -> found.put(key, path));
    }
    return file;
  }

  private static ByteBuffer read(Path file, long offset, int length) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      long rest = Math.max(0, Math.min(length, size - offset));
      ByteBuffer answer = ByteBuffer.allocate(Long.BYTES + (int) rest).putLong(size);
      while (answer.hasRemaining()) {
        if (channel.read(answer, offset + answer.position() - Long.BYTES) < 0) {
          throw new IOException(file + " became shorter while it was read");
        }
      }
      return answer.flip();
    } catch (NoSuchFileException e) {
      return ByteBuffer.allocate(0); // evicted since it was found
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- reading

  /**
   * The file of an entry from the first peer that has it.
   *
   * @param waiting called now and then meanwhile, as by what reads the stream; may throw to give up
   */
  Optional<InputStream> open(Key key, List<Peer> peers, Runnable waiting) {
    List<Peer> inAnyOrder = new ArrayList<>(peers);
    Collections.shuffle(inAnyOrder);
    for (Peer peer : inAnyOrder) {
      Long failed = failedAt.get(peer);
      if (failed != null && System.nanoTime() - failed < LEFT_ALONE) {
        continue;
      }
      try {
        EntryStream stream = new EntryStream(key, peer, waiting);
        if (stream.isThere()) {
          return Optional.of(stream);
        }
      } catch (IOException e) { // told where it was noticed
        log.debug("Entry {} is not read from {}", key, peer, e);
      }
    }
    return Optional.empty();
  }

  /**
   * The bytes of a file that a peer has sent.
   *
   * @param size of the whole file; -1 if there is no such entry
   */
  private record Part(long size, ByteBuffer bytes) {
    /**
     * All that the peer has to send from an offset on, no byte less or more.
     *
     * @throws IOException if it is anything else
     */
    static Part of(ByteBuffer answer, long offset) throws IOException {
      if (!answer.hasRemaining()) {
        return new Part(-1, answer);
      }
      int length = answer.remaining();
      long size = length < Long.BYTES ? -1 : answer.getLong();
      if (size < 0 || answer.remaining() != Math.max(0, Math.min(CHUNK, size - offset))) {
        throw new IOException("an answer of " + length + " bytes, which is none of ours");
      }
      return new Part(size, answer);
    }
  }

  private Part ask(Peer peer, Key key, long offset, Runnable waiting) throws IOException {
    byte[] name = key.hex().getBytes(StandardCharsets.US_ASCII);
    ByteBuffer question =
        ByteBuffer.allocate(Long.BYTES + Integer.BYTES + name.length)
            .putLong(offset)
            .putInt(CHUNK)
            .put(name)
            .flip();
    try {
      ByteBuffer answer = await(send(peer, question), waiting, System.nanoTime());
      Part part = part(peer, answer, offset);
      failedAt.remove(peer);
      return part;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      waiting.run();
      throw new IOException("interrupted", e);
    } catch (TimeoutException e) {
      throw failed(peer, e);
    } catch (ExecutionException e) {
      throw failed(peer, e.getCause());
    }
  }

  private CompletableFuture<ByteBuffer> send(Peer peer, ByteBuffer question)
      throws IOException, InterruptedException {
    try {
      return Foreign.call(
          "the transport", () -> transport.ask(peer.host(), peer.port(), question, MAX_ANSWER));
    } catch (IOException e) {
      if (Thread.interrupted()) {
        throw new InterruptedException(e.getMessage());
      }
      throw failed(peer, e);
    }
  }

  private Part part(Peer peer, ByteBuffer answer, long offset) throws IOException {
    try {
      return Part.of(answer, offset);
    } catch (IOException e) {
      throw failed(peer, e);
    }
  }

  private ByteBuffer await(CompletableFuture<ByteBuffer> answer, Runnable waiting, long since)
      throws InterruptedException, ExecutionException, TimeoutException {
    while (true) {
      try {
        return answer.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
      } catch (CancellationException e) {
        throw new ExecutionException(e);
      } catch (TimeoutException e) {
        waiting.run();
        if (System.nanoTime() - since > stalled.toNanos()) {
          throw e;
        }
      }
    }
  }

  private IOException failed(Peer peer, @Nullable Throwable cause) {
    failedAt.put(peer, System.nanoTime());
    failures.accept(cause == null ? new IOException("no cause") : cause);
    log.warn(
        "Cannot read entries from {}:{}: {}. It is not asked for {} s. Are executors allowed to"
            + " connect to each other?",
        peer.host(),
        peer.port(),
        String.valueOf(cause),
        TimeUnit.NANOSECONDS.toSeconds(LEFT_ALONE));
    return new IOException("Cannot read from " + peer, cause);
  }

  private final class EntryStream extends InputStream {
    private final Key key;
    private final Peer peer;
    private final Runnable waiting;
    private final long size;
    private ByteBuffer chunk;
    private long at;

    EntryStream(Key key, Peer peer, Runnable waiting) throws IOException {
      this.key = key;
      this.peer = peer;
      this.waiting = waiting;
      Part first = ask(peer, key, 0, waiting);
      this.chunk = first.bytes();
      this.size = first.size();
      this.at = chunk.remaining();
    }

    boolean isThere() {
      return size > 0;
    }

    @Override
    public int read() throws IOException {
      return fill() ? chunk.get() & 0xff : -1;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      if (!fill()) {
        return -1;
      }
      int n = Math.min(length, chunk.remaining());
      chunk.get(into, from, n);
      return n;
    }

    private boolean fill() throws IOException {
      if (!chunk.hasRemaining() && at < size) {
        Part next = ask(peer, key, at, waiting);
        if (next.size() != size) {
          throw new IOException("entry " + key + " was removed from " + peer + " meanwhile");
        }
        chunk = next.bytes();
        at += chunk.remaining();
      }
      return chunk.hasRemaining();
    }
  }
}
