// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/**
 * The description that an entry's file has of itself, so that a lost index can be made anew from
 * the files.
 *
 * <p>The writer puts the {@link #text} at the end of the file, in the footer that an Arrow file has
 * there, behind a seal: {@code sealed-entry:BODY:CRC:SEAL:LENGTH:}, in hexadecimal. BODY is the
 * number of bytes before the footer and CRC their CRC32C; SEAL is the CRC32C of all the rest, with
 * zeros in its own place. Thus every byte of the file is covered, although no checksum of a whole
 * file can be part of it. Nothing else of the format of the file matters here.
 *
 * @param meta with the length of the file and the checksum of all of it
 * @param schema of the rows, as the writer gave it
 */
@Internal
public record EntryDescription(Key key, EntryMeta meta, Instant createdAt, String schema) {
  static final String MARK = "sealed-entry:";
  private static final Pattern SEAL =
      Pattern.compile(MARK + "([0-9a-f]{16}):([0-9a-f]{8}):([0-9a-f]{8}):([0-9a-f]{8}):");
  private static final int SEAL_LENGTH = MARK.length() + 16 + 3 * 8 + 4;
  static final int SEAL_AT = MARK.length() + 16 + 1 + 8 + 1;
  private static final int SEAL_DIGITS = 8;

  /** An Arrow file ends with the length of its footer and a magic. */
  static final int TAIL = Integer.BYTES + "ARROW1".length();

  /** All of it is read into memory at once; a table of 10,000 columns needs a hundredth. */
  private static final int MAX_FOOTER = 256 << 20;

  /** Inputs are left out of longer descriptions: every file of a relation would repeat them. */
  private static final int MAX_COMPONENT_CHARS = 1 << 16;

  private static final String COMPONENT = "component.";
  private static final String INPUT = "input.";
  private static final String READS = "reads";

  /**
   * For the writer.
   *
   * @param meta without length and checksum
   */
  public static String text(Key key, EntryMeta meta, Instant createdAt, String schema) {
    Properties properties = new Properties();
    properties.setProperty("key", key.hex());
    properties.setProperty("relation", meta.relation());
    meta.generation().ifPresent(g -> properties.setProperty("generation", g.hex()));
    properties.setProperty("partition", Integer.toString(meta.partition()));
    properties.setProperty("rows", Long.toString(meta.rows()));
    properties.setProperty("computeNanos", Long.toString(meta.computeTime().toNanos()));
    properties.setProperty("writeNanos", Long.toString(meta.writeTime().toNanos()));
    properties.setProperty("tag", meta.tag());
    properties.setProperty("application", meta.application());
    properties.setProperty("description", meta.description());
    properties.setProperty("created", createdAt.toString());
    properties.setProperty("schema", schema);
    properties.setProperty("dataBytes", Long.toString(meta.dataBytes()));
    if (!meta.reads().isEmpty()) {
      properties.setProperty(
          READS, Base64.getEncoder().encodeToString(FileRead.encode(meta.reads())));
    }
    long chars =
        meta.components().entrySet().stream()
            .mapToLong(c -> c.getKey().length() + c.getValue().length())
            .sum();
    meta.components()
        .forEach(
            (name, value) -> {
              if (chars <= MAX_COMPONENT_CHARS || !name.startsWith(INPUT)) {
                properties.setProperty(COMPONENT + name, value);
              }
            });
    StringWriter text = new StringWriter();
    try {
      properties.store(text, null);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  /**
   * Reads all of the file; empty if it does not describe itself, or is not what was written.
   *
   * @throws IOException if it cannot be read
   */
  public static Optional<EntryDescription> readVerified(Path file) throws IOException {
    return read(file, true);
  }

  /** Reads the end of the file only, for looking at it. */
  public static Optional<EntryDescription> read(Path file) throws IOException {
    return read(file, false);
  }

  /** Reads so many bytes of an object from a position on. */
  public interface Source {
    byte[] read(long from, int length) throws IOException;
  }

  /** Reads the end of an object that may lie anywhere, for looking at it. */
  public static Optional<EntryDescription> read(Source source, long size) throws IOException {
    if (size < TAIL) {
      return Optional.empty();
    }
    byte[] tail = source.read(size - TAIL, TAIL);
    int footer = ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN).getInt();
    long body = size - TAIL - footer;
    if (footer <= 0 || footer > MAX_FOOTER || body < 0) {
      return Optional.empty();
    }
    byte[] end = source.read(body, footer + TAIL);
    Matcher seal = SEAL.matcher(new String(end, StandardCharsets.ISO_8859_1));
    if (!seal.find() || Long.parseUnsignedLong(seal.group(1), 16) != body) {
      return Optional.empty();
    }
    int textAt = seal.start() + SEAL_LENGTH;
    int length = Integer.parseUnsignedInt(seal.group(4), 16);
    return length < 0 || length > end.length - textAt
        ? Optional.empty()
        : parse(new String(end, textAt, length, StandardCharsets.UTF_8), size, 0);
  }

  private static Optional<EntryDescription> read(Path file, boolean verify) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < TAIL) {
        return Optional.empty();
      }
      int footer = read(channel, size - TAIL, TAIL).order(ByteOrder.LITTLE_ENDIAN).getInt();
      long body = size - TAIL - footer;
      if (footer <= 0 || footer > MAX_FOOTER || body < 0) {
        return Optional.empty();
      }
      byte[] end = read(channel, body, footer + TAIL).array();
      String chars = new String(end, StandardCharsets.ISO_8859_1); // a character for each byte
      Matcher seal = SEAL.matcher(chars);
      if (!seal.find() || Long.parseUnsignedLong(seal.group(1), 16) != body) {
        return Optional.empty();
      }
      int textAt = seal.start() + SEAL_LENGTH;
      int length = Integer.parseUnsignedInt(seal.group(4), 16);
      if (length < 0 || length > end.length - textAt || seal.find(textAt + length)) {
        return Optional.empty();
      }
      seal.find(0);
      long crc = 0;
      if (verify) {
        CRC32C whole = crc(channel, body);
        if (whole.getValue() != Long.parseLong(seal.group(2), 16)) {
          return Optional.empty();
        }
        whole.update(end);
        crc = whole.getValue();
        if (sealOf(end, seal.start() + SEAL_AT) != Long.parseLong(seal.group(3), 16)) {
          return Optional.empty();
        }
      }
      return parse(new String(end, textAt, length, StandardCharsets.UTF_8), size, crc);
    }
  }

  static long sealOf(byte[] end, int at) {
    byte[] zeroed = end.clone();
    Arrays.fill(zeroed, at, at + SEAL_DIGITS, (byte) '0');
    CRC32C crc = new CRC32C();
    crc.update(zeroed);
    return crc.getValue();
  }

  private static CRC32C crc(FileChannel channel, long length) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocate(1 << 18);
    for (long at = 0; at < length; ) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), length - at));
      int read = channel.read(buffer, at);
      if (read < 0) {
        throw new IOException("the file became shorter while it was read");
      }
      at += read;
      crc.update(buffer.flip());
    }
    return crc;
  }

  private static ByteBuffer read(FileChannel channel, long at, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, at + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  /** Reads what {@link #text} made, with the length and the checksum of the file. */
  static Optional<EntryDescription> parse(String text, long bytes, long crc) {
    Properties properties = new Properties();
    try {
      properties.load(new StringReader(text));
      Map<String, String> components = new TreeMap<>();
      for (String name : properties.stringPropertyNames()) {
        if (name.startsWith(COMPONENT)) {
          components.put(name.substring(COMPONENT.length()), properties.getProperty(name));
        }
      }
      String generation = properties.getProperty("generation");
      EntryMeta meta =
          new EntryMeta(
              required(properties, "relation"),
              Optional.ofNullable(generation).map(Key::new),
              Integer.parseInt(required(properties, "partition")),
              Long.parseLong(required(properties, "rows")),
              bytes,
              crc,
              Duration.ofNanos(Long.parseLong(required(properties, "computeNanos"))),
              Duration.ofNanos(Long.parseLong(required(properties, "writeNanos"))),
              required(properties, "tag"),
              required(properties, "application"),
              required(properties, "description"),
              components,
              FileRead.decode(Base64.getDecoder().decode(properties.getProperty(READS, ""))),
              Long.parseLong(properties.getProperty("dataBytes", "0")));
      return Optional.of(
          new EntryDescription(
              new Key(required(properties, "key")),
              meta,
              Instant.parse(required(properties, "created")),
              required(properties, "schema")));
    } catch (IllegalArgumentException | DateTimeException | IOException e) {
      return Optional.empty(); // a description of another version, or none: computed again
    }
  }

  private static String required(Properties properties, String name) {
    String value = properties.getProperty(name);
    if (value == null) {
      throw new IllegalArgumentException("no " + name);
    }
    return value;
  }
}
