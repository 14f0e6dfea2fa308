// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/** Checksums over what decides which rows are served; why there are any is told in {@link Rows}. */
final class Seals {
  private Seals() {}

  static long ofEntry(Key key, String file, EntryMeta meta) {
    CRC32C crc = new CRC32C();
    crc.update(key.hex().getBytes(StandardCharsets.US_ASCII));
    update(crc, file);
    update(crc, meta.relation());
    update(crc, meta.generation().map(Key::hex).orElse(""));
    ByteBuffer numbers = ByteBuffer.allocate(5 * Long.BYTES);
    numbers.putLong(meta.partition());
    numbers.putLong(meta.rows()).putLong(meta.bytes()).putLong(meta.crc32c());
    numbers.putLong(meta.dataBytes());
    crc.update(numbers.flip());
    if (!meta.reads().isEmpty()) {
      crc.update(FileRead.encode(meta.reads()));
    }
    return crc.getValue();
  }

  static long ofSet(Key setKey, Key generation, int partitions) {
    CRC32C crc = new CRC32C();
    update(crc, setKey.hex());
    update(crc, generation.hex());
    crc.update(ByteBuffer.allocate(Integer.BYTES).putInt(partitions).flip());
    return crc.getValue();
  }

  private static void update(CRC32C crc, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    crc.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).flip());
    crc.update(bytes);
  }
}
