// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Predicate;

/**
 * The part of a set that one directory has.
 *
 * @param key of the set, or of its part
 * @param partitions of the whole set
 * @param members the partitions that are here
 */
@Internal
public record SetPart(Key key, Key generation, int partitions, Instant createdAt, BitSet members) {

  static List<SetPart> all(Session session, Predicate<Key> wanted) throws SQLException {
    List<SetPart> parts = new ArrayList<>();
    session.forEach(
        "SELECT set_key, generation, partitions, created_millis FROM sets",
        row -> {
          Key generation = Key.of(row.getBytes(2));
          if (wanted.test(generation)) {
            parts.add(
                new SetPart(
                    Key.of(row.getBytes(1)),
                    generation,
                    row.getInt(3),
                    Instant.ofEpochMilli(row.getLong(4)),
                    new BitSet()));
          }
          return true;
        });
    for (SetPart part : parts) {
      session.forEach(
          "SELECT partition FROM entries WHERE generation = ? AND partition >= 0",
          row -> {
            part.members.set(row.getInt(1));
            return true;
          },
          (Object) HexFormat.of().parseHex(part.generation.hex()));
    }
    return parts;
  }
}
