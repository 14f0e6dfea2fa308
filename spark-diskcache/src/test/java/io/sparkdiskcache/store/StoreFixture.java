// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.sqlite.SQLiteConfig;

/** Keys, files and looks behind the store's back, for tests. */
final class StoreFixture {
  static final long MIB = 1 << 20;
  static final String RELATION = "ab".repeat(32);

  private StoreFixture() {}

  /** Printed, so that a failure can be repeated: {@code -Ddiskcache.seed}. */
  static long seed(String test) {
    long seed = Long.getLong("diskcache.seed", System.nanoTime());
    System.out.println(test + " seed " + seed);
    return seed;
  }

  static Key key(Object name) {
    try {
      return Key.of(
          MessageDigest.getInstance("SHA-256")
              .digest(name.toString().getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** Bytes that belong to that key only. */
  static byte[] content(Key key, int length) {
    byte[] bytes = new byte[length];
    new Random(key.hashCode()).nextBytes(bytes);
    return bytes;
  }

  static StoreOptions options(Path directory) {
    return new StoreOptions(directory, 1 << 30, VerifyMode.OPEN);
  }

  static DiskStore open(Path directory) throws StoreException {
    return DiskStore.open(options(directory));
  }

  static DiskStore open(Path directory, long maxBytes, InstantSource clock) throws StoreException {
    return open(directory, StoreLimits.ofBytes(maxBytes), EvictionPolicy.OLDEST, clock);
  }

  static DiskStore open(
      Path directory, StoreLimits limits, EvictionPolicy policy, InstantSource clock)
      throws StoreException {
    return DiskStore.open(
        new StoreOptions(
            directory.toString(),
            limits,
            VerifyMode.OPEN,
            policy,
            Set.of(),
            Set.of(DirectoryLimits.Name.values())),
        DirectoryProbe.system(),
        clock);
  }

  static EntryMeta meta(byte[] bytes) {
    return meta(bytes, Optional.empty(), 0);
  }

  static EntryMeta meta(byte[] bytes, Optional<Key> generation, int partition) {
    return meta(bytes, generation, partition, "tag", Duration.ofNanos(1_234_567_891L));
  }

  static EntryMeta meta(
      byte[] bytes, Optional<Key> generation, int partition, String tag, Duration computeTime) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return new EntryMeta(
        RELATION,
        generation,
        partition,
        7,
        bytes.length,
        crc.getValue(),
        computeTime,
        Duration.ofNanos(42),
        tag,
        "app-1",
        "a description",
        Map.of("plan", "Scan", "code", "1f", "empty", ""));
  }

  static void write(Path path, byte[] bytes) throws IOException {
    Files.write(path, bytes, StandardOpenOption.CREATE_NEW);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }

  static Entry put(DiskStore store, Key key, int length) throws IOException, StoreException {
    byte[] bytes = content(key, length);
    return put(store, key, bytes, meta(bytes));
  }

  static Entry put(DiskStore store, Key key, byte[] bytes, EntryMeta meta)
      throws IOException, StoreException {
    try (PendingEntry pending = store.begin(key)) {
      write(pending.path(), bytes);
      return pending.publish(meta);
    }
  }

  /** A file of these contents that describes itself, as the codec writes it. */
  static byte[] sealed(byte[] body, String text) {
    byte[] description = text.getBytes(StandardCharsets.UTF_8);
    CRC32C crc = new CRC32C();
    crc.update(body);
    byte[] mark =
        (EntryDescription.MARK
                + "%016x:%08x:00000000:%08x:"
                    .formatted(body.length, crc.getValue(), description.length))
            .getBytes(StandardCharsets.US_ASCII);
    ByteBuffer end =
        ByteBuffer.allocate(mark.length + description.length + EntryDescription.TAIL)
            .order(ByteOrder.LITTLE_ENDIAN);
    end.put(mark).put(description).putInt(mark.length + description.length);
    end.put("ARROW1".getBytes(StandardCharsets.US_ASCII));
    byte[] seal =
        HexFormat.of()
            .toHexDigits((int) EntryDescription.sealOf(end.array(), EntryDescription.SEAL_AT))
            .getBytes(StandardCharsets.US_ASCII);
    end.position(EntryDescription.SEAL_AT).put(seal);
    return ByteBuffer.allocate(body.length + end.capacity()).put(body).put(end.array()).array();
  }

  /** An entry whose file describes itself. */
  static Entry putSealed(DiskStore store, Key key, int bodyLength)
      throws IOException, StoreException {
    EntryMeta said = meta(new byte[0]);
    byte[] bytes =
        sealed(
            content(key, bodyLength),
            EntryDescription.text(key, said, Instant.parse("2026-01-01T00:00:00Z"), "{}"));
    return put(store, key, bytes, meta(bytes));
  }

  static boolean holdsSealedContent(Entry entry, int bodyLength) throws IOException {
    byte[] file = Files.readAllBytes(entry.path());
    return Arrays.equals(Arrays.copyOf(file, bodyLength), content(entry.key(), bodyLength));
  }

  static Entry putPartition(DiskStore store, Key generation, int partition, int length)
      throws IOException, StoreException {
    Key key = key(generation + "/" + partition);
    byte[] bytes = content(key, length);
    return put(store, key, bytes, meta(bytes, Optional.of(generation), partition));
  }

  static boolean holdsContent(Entry entry) throws IOException {
    return Arrays.equals(
        Files.readAllBytes(entry.path()), content(entry.key(), (int) entry.bytes()));
  }

  /** Regular files below, relative, sorted; nothing if there is no such directory. */
  static List<String> files(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return List.of();
    }
    try (Stream<Path> walk = Files.walk(directory)) {
      return walk.filter(Files::isRegularFile)
          .map(file -> directory.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  /** A connection that is not the store's. */
  static Connection connect(Path directory) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.setBusyTimeout(0);
    return config.createConnection("jdbc:sqlite:" + directory.resolve("index.db"));
  }

  static void flipBit(Path file, long bit) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) (bit / 8)] ^= (byte) (1 << (bit % 8));
    Files.write(file, bytes);
  }

  /** The files that this process has open below the directory; Linux only. */
  static List<String> openFiles(Path directory) throws IOException {
    List<String> open = new ArrayList<>();
    for (Path descriptor : Directories.list(Path.of("/proc/self/fd"))) {
      if (Files.isSymbolicLink(descriptor)) {
        try {
          String target = Files.readSymbolicLink(descriptor).toString();
          if (target.startsWith(directory.toString())) {
            open.add(target);
          }
        } catch (NoSuchFileException e) {
          // closed since it was listed
        }
      }
    }
    return open;
  }

  /** Moves only when told to. */
  static final class FakeClock implements InstantSource {
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");

    @Override
    public synchronized Instant instant() {
      return now;
    }

    synchronized void advance(Duration step) {
      now = now.plus(step);
    }
  }

  static void deleteTree(Path directory) {
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
