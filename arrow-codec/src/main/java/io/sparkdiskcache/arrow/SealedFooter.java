// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.ipc.message.ArrowFooter;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The end of an entry's file: footer, its length, the magic. The footer holds, besides Arrow's own,
 * a description behind {@code sealed-entry:BODY:CRC:SEAL:LENGTH:}, all hexadecimal: the number of
 * bytes before the footer and their CRC32C, the CRC32C of all the rest with zeros in this place,
 * and the length of the description. Whoever has only the file can so tell whether it is whole, and
 * what it is, without knowing flatbuffers.
 */
final class SealedFooter {
  private static final String KEY = "arrow-codec.entry";
  private static final String MARK = "sealed-entry:";
  private static final String NO_SEAL = "00000000";

  private SealedFooter() {}

  /**
   * @param precision of columns that need not be exact, or empty
   * @param encodings of columns that are stored in less than their types need, or empty
   * @param body bytes before the footer, and their {@code crc32c}
   */
  static byte[] of(
      Schema schema,
      List<ArrowBlock> dictionaries,
      List<ArrowBlock> blocks,
      String stats,
      String precision,
      String encodings,
      String description,
      long body,
      long crc32c) {
    String mark = mark(body, crc32c);
    Map<String, String> metadata = new TreeMap<>();
    metadata.put(ArrowSchemas.STATS_KEY, stats);
    metadata.put(KEY, mark + unsealed(description));
    if (!precision.isEmpty()) {
      metadata.put(ArrowSchemas.PRECISION_KEY, precision);
    }
    if (!encodings.isEmpty()) {
      metadata.put(ArrowSchemas.ENCODINGS_KEY, encodings);
    }
    FlatBufferBuilder builder = new FlatBufferBuilder();
    builder.finish(new ArrowFooter(schema, dictionaries, blocks, metadata).writeTo(builder));
    return sealed(builder.sizedByteArray(), mark, EntryMessages.MAGIC);
  }

  /** The end of an encrypted Arrow file: the same without the footer of Arrow. */
  static byte[] ofEncrypted(String description, long body, long crc32c) {
    String mark = mark(body, crc32c);
    byte[] content = (mark + unsealed(description)).getBytes(StandardCharsets.UTF_8);
    return sealed(content, mark, EncryptedFile.MAGIC);
  }

  private static String mark(long body, long crc32c) {
    return MARK + "%016x:%08x:".formatted(body, crc32c);
  }

  private static String unsealed(String description) {
    int length = description.getBytes(StandardCharsets.UTF_8).length;
    return NO_SEAL + ":%08x:".formatted(length) + description;
  }

  private static byte[] sealed(byte[] content, String mark, byte[] magic) {
    byte[] end =
        ByteBuffer.allocate(content.length + Integer.BYTES + magic.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(content)
            .putInt(content.length)
            .put(magic)
            .array();
    CRC32C crc = new CRC32C();
    crc.update(end);
    byte[] seal = "%08x".formatted(crc.getValue()).getBytes(StandardCharsets.US_ASCII);
    // The first: a name or a statistic that holds the mark of this very body would be a riddle.
    int at = new String(end, StandardCharsets.ISO_8859_1).indexOf(mark) + mark.length();
    System.arraycopy(seal, 0, end, at, seal.length);
    return end;
  }
}
