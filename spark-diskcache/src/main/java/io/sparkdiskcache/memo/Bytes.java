// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/** A growing buffer of big-endian values. Reused by one thread. */
final class Bytes {
  private static final int FIRST = 256;

  private ByteBuffer buffer = ByteBuffer.allocate(FIRST);

  private ByteBuffer room(int bytes) {
    if (buffer.remaining() < bytes) {
      int needed = Math.addExact(buffer.position(), bytes);
      int size = (int) Math.max(needed, Math.min(2L * buffer.capacity(), Integer.MAX_VALUE - 8));
      buffer = ByteBuffer.allocate(size).put(buffer.flip());
    }
    return buffer;
  }

  Bytes clear() {
    buffer.clear();
    return this;
  }

  Bytes tag(char tag) {
    room(1).put((byte) tag);
    return this;
  }

  Bytes put(byte value) {
    room(Byte.BYTES).put(value);
    return this;
  }

  Bytes putShort(short value) {
    room(Short.BYTES).putShort(value);
    return this;
  }

  Bytes putInt(int value) {
    room(Integer.BYTES).putInt(value);
    return this;
  }

  Bytes putLong(long value) {
    room(Long.BYTES).putLong(value);
    return this;
  }

  /** Length first. */
  Bytes putBytes(byte[] bytes) {
    putInt(bytes.length);
    room(bytes.length).put(bytes);
    return this;
  }

  /** UTF-8, length first; the text must be well-formed. */
  Bytes putText(String text) {
    return putBytes(text.getBytes(StandardCharsets.UTF_8));
  }

  void digestInto(MessageDigest digest) {
    digest.update(buffer.array(), 0, buffer.position());
  }

  byte[] toArray() {
    return Arrays.copyOf(buffer.array(), buffer.position());
  }
}
