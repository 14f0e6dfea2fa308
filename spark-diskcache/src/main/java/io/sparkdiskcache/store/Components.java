// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The components of keys, in the table {@code component_sets}: once for all entries of a relation,
 * which have the same and sometimes thousands of them, and counted, so that the last entry takes
 * them along.
 */
@Internal
public final class Components {
  /** Stands alone for components that were encrypted by the writer. */
  public static final String ENCRYPTED = "encrypted";

  private Components() {}

  /** Length-prefixed names and values, sorted. */
  public static byte[] encode(Map<String, String> components) {
    List<byte[]> parts = new ArrayList<>();
    int length = 0;
    for (Map.Entry<String, String> component : new TreeMap<>(components).entrySet()) {
      for (String text : List.of(component.getKey(), component.getValue())) {
        byte[] part = text.getBytes(StandardCharsets.UTF_8);
        parts.add(part);
        length += Integer.BYTES + part.length;
      }
    }
    ByteBuffer buffer = ByteBuffer.allocate(length);
    parts.forEach(part -> buffer.putInt(part.length).put(part));
    return buffer.array();
  }

  /**
   * The components that were encoded.
   *
   * @throws IllegalArgumentException if that is not what {@link #encode} makes
   */
  public static Map<String, String> decode(byte[] bytes) {
    Map<String, String> components = new HashMap<>();
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      components.put(text(buffer), text(buffer));
    }
    return components;
  }

  private static String text(ByteBuffer buffer) {
    int length = buffer.remaining() < Integer.BYTES ? -1 : buffer.getInt();
    if (length < 0 || length > buffer.remaining()) {
      throw new IllegalArgumentException("the components end in the middle");
    }
    byte[] text = new byte[length];
    buffer.get(text);
    return new String(text, StandardCharsets.UTF_8);
  }

  /** The row that holds these components, added if there is none; inside a transaction. */
  static long intern(Session session, Map<String, String> components) throws SQLException {
    byte[] content = encode(components);
    byte[] digest = digest(content);
    session.update(
        "INSERT INTO component_sets(digest, content) VALUES (?, ?) ON CONFLICT(digest) DO NOTHING",
        digest,
        content);
    return session
        .first("SELECT id FROM component_sets WHERE digest = ?", row -> row.getLong(1), digest)
        .orElseThrow(() -> Rows.corrupt("components that were just added are not there"));
  }

  static Map<String, String> read(Session session, long id) throws SQLException {
    byte[] content =
        session
            .first("SELECT content FROM component_sets WHERE id = ?", row -> row.getBytes(1), id)
            .orElse(new byte[0]);
    try {
      return decode(content);
    } catch (IllegalArgumentException e) {
      throw Rows.corrupt(String.valueOf(e.getMessage()));
    }
  }

  private static byte[] digest(byte[] content) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(content);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
