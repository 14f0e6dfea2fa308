// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Hits and access times on their way to the index: gathered in memory and written in batches, so
 * that a lookup writes nothing. A time that cannot be written is dropped; it only orders evictions.
 */
final class AccessLog {
  private static final int BATCH = 1000;

  private record Access(long hits, Instant last) {
    Access plus(Access other) {
      return new Access(hits + other.hits, last.isAfter(other.last) ? last : other.last);
    }
  }

  private final Map<Key, Access> pending = new ConcurrentHashMap<>();

  void record(Key key, Instant now) {
    pending.merge(key, new Access(1, now), Access::plus);
  }

  void flush(Index index) throws SQLException {
    List<Key> keys = new ArrayList<>(pending.keySet());
    for (int from = 0; from < keys.size(); from += BATCH) {
      List<Key> batch = keys.subList(from, Math.min(keys.size(), from + BATCH));
      index.write(
          session -> {
            for (Key key : batch) {
              Access access = pending.remove(key);
              if (access != null) {
                Rows.recordAccess(session, key, access.hits, access.last);
              }
            }
            return batch.size();
          });
    }
  }
}
