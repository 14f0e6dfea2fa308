// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.store.Components;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.SetMeta;
import java.nio.ByteBuffer;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The content of a set's object: which run's entries the set consists of. Their names follow from
 * it.
 *
 * <p>A CRC32C of four bytes stands before the fields.
 */
record RemoteSet(Key setKey, Key generation, int partitions, SetMeta meta, Instant createdAt) {
  private static final String COMPONENT = "component.";

  byte[] encode() {
    Map<String, String> fields = new HashMap<>();
    meta.components().forEach((name, value) -> fields.put(COMPONENT + name, value));
    fields.put("set", setKey.hex());
    fields.put("generation", generation.hex());
    fields.put("partitions", Integer.toString(partitions));
    fields.put("description", meta.description());
    fields.put("belowNanos", Long.toString(meta.below().toNanos()));
    fields.put("fillNanos", Long.toString(meta.fill().toNanos()));
    fields.put("created", createdAt.toString());
    byte[] content = Components.encode(fields);
    return ByteBuffer.allocate(Integer.BYTES + content.length)
        .putInt(crc(content))
        .put(content)
        .array();
  }

  /** Empty if it is not what was written. */
  static Optional<RemoteSet> decode(byte[] bytes) {
    if (bytes.length < Integer.BYTES) {
      return Optional.empty();
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    int crc = buffer.getInt();
    byte[] content = new byte[buffer.remaining()];
    buffer.get(content);
    if (crc != crc(content)) {
      return Optional.empty();
    }
    try {
      Map<String, String> fields = Components.decode(content);
      Map<String, String> components = new HashMap<>();
      fields.forEach(
          (name, value) -> {
            if (name.startsWith(COMPONENT)) {
              components.put(name.substring(COMPONENT.length()), value);
            }
          });
      int partitions = Integer.parseInt(fields.getOrDefault("partitions", ""));
      if (partitions < 0) {
        return Optional.empty();
      }
      return Optional.of(
          new RemoteSet(
              new Key(fields.getOrDefault("set", "")),
              new Key(fields.getOrDefault("generation", "")),
              partitions,
              new SetMeta(
                  fields.getOrDefault("description", ""),
                  components,
                  nanos(fields, "belowNanos"),
                  nanos(fields, "fillNanos")),
              Instant.parse(fields.getOrDefault("created", ""))));
    } catch (IllegalArgumentException | DateTimeException e) {
      return Optional.empty(); // of another version
    }
  }

  private static Duration nanos(Map<String, String> fields, String name) {
    return Duration.ofNanos(Long.parseLong(fields.getOrDefault(name, "0")));
  }

  private static int crc(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    return (int) crc.getValue();
  }
}
