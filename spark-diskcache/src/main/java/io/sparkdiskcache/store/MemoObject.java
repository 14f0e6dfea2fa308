// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * A kept result by itself, with all that a host needs to take it in; in the remote tier an object
 * of its own. Python reads and writes the same bytes; docs/design/format-memo.md has their order.
 *
 * @param arguments of {@link MemoEntry#join}
 */
@Internal
public record MemoObject(MemoKey key, MemoFunction function, String arguments, MemoResult result) {
  private static final byte[] MAGIC = "SDCMEMO1".getBytes(StandardCharsets.US_ASCII);

  /** The bytes of {@link #decode}. */
  public byte[] encode() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.write(MAGIC);
      out.write(key.bytes());
      out.writeLong(result.created());
      out.writeLong(result.expires());
      out.writeLong(result.nanos());
      out.writeDouble(result.price());
      for (String text :
          new String[] {
            function.digest(),
            function.name(),
            function.version(),
            function.tag(),
            function.code(),
            arguments
          }) {
        write(out, text.getBytes(StandardCharsets.UTF_8));
      }
      write(out, result.value());
      out.writeInt((int) checksum(bytes.toByteArray(), bytes.size()));
    } catch (IOException e) {
      throw new UncheckedIOException("memory does not fail", e);
    }
    return bytes.toByteArray();
  }

  /** Empty if they are damaged, or only a part. */
  public static Optional<MemoObject> decode(byte[] bytes) {
    int end = bytes.length - Integer.BYTES;
    if (end < MAGIC.length
        || !Arrays.equals(bytes, 0, MAGIC.length, MAGIC, 0, MAGIC.length)
        || ByteBuffer.wrap(bytes).getInt(end) != (int) checksum(bytes, end)) {
      return Optional.empty();
    }
    try (DataInputStream in =
        new DataInputStream(new ByteArrayInputStream(bytes, MAGIC.length, end - MAGIC.length))) {
      MemoKey key = MemoKey.of(in.readNBytes(MemoKey.BYTES));
      long created = in.readLong();
      long expires = in.readLong();
      long nanos = in.readLong();
      double price = in.readDouble();
      MemoFunction function = new MemoFunction(text(in), text(in), text(in), text(in), text(in));
      String arguments = text(in);
      MemoResult result = new MemoResult(read(in), created, expires, nanos, price);
      return Optional.of(new MemoObject(key, function, arguments, result));
    } catch (IOException e) {
      return Optional.empty(); // whole by its checksum, but written by something else
    }
  }

  /** As people see it. */
  public MemoEntry entry() {
    return new MemoEntry(
        key,
        function,
        MemoEntry.split(arguments),
        result.value().length,
        Instant.ofEpochMilli(result.created()),
        MemoResult.expiry(result.expires()),
        Duration.ofNanos(result.nanos()),
        result.price());
  }

  private static void write(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  private static byte[] read(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length < 0 || length > in.available()) {
      throw new IOException("a field of " + length + " bytes");
    }
    return in.readNBytes(length);
  }

  private static String text(DataInputStream in) throws IOException {
    return new String(read(in), StandardCharsets.UTF_8);
  }

  private static long checksum(byte[] bytes, int length) {
    CRC32 crc = new CRC32();
    crc.update(bytes, 0, length);
    return crc.getValue();
  }
}
