// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Costs and savings of memoised functions, by name, version, tag and day. Processes add up in
 * memory and add the difference to {@code memo/ledger.db} now and then; a day is the one of that
 * moment.
 */
final class MemoLedger implements AutoCloseable {
  private static final String ADD =
      "INSERT INTO ledger(day, name, version, tag, calls, hits, errors, unkept, nanos_spent,"
          + " nanos_saved, spent, saved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON"
          + " CONFLICT(day, name, version, tag) DO UPDATE SET calls = calls + excluded.calls, hits ="
          + " hits + excluded.hits, errors = errors + excluded.errors, unkept = unkept +"
          + " excluded.unkept, nanos_spent = nanos_spent + excluded.nanos_spent, nanos_saved ="
          + " nanos_saved + excluded.nanos_saved, spent = spent + excluded.spent, saved = saved +"
          + " excluded.saved";

  private final Path file;
  private final InstantSource clock;
  private final Map<Line, MemoCounts> counts = new ConcurrentHashMap<>();
  private final Map<Line, MemoCounts.Sums> written = new HashMap<>(); // guarded by this
  private @Nullable Session session; // guarded by this

  private record Line(String name, String version, String tag) {}

  MemoLedger(Path file, InstantSource clock) {
    this.file = file;
    this.clock = clock;
  }

  MemoCounts counts(MemoFunction function) {
    return counts.computeIfAbsent(
        new Line(function.name(), function.version(), function.tag()), line -> new MemoCounts());
  }

  private Session session() throws SQLException, IOException {
    Session open = session;
    if (open == null) {
      open = MemoSchema.open(file, MemoSchema.LEDGER);
      session = open;
    }
    return open;
  }

  /** Adds what was counted since the last time. */
  synchronized void write() throws SQLException, IOException {
    Map<Line, MemoCounts.Sums> now = new HashMap<>();
    Map<Line, MemoCounts.Sums> more = new HashMap<>();
    counts.forEach(
        (line, count) -> {
          MemoCounts.Sums sums = count.sums();
          MemoCounts.Sums before = written.getOrDefault(line, MemoCounts.Sums.NONE);
          if (!sums.equals(before)) {
            now.put(line, sums);
            more.put(line, sums.minus(before));
          }
        });
    if (more.isEmpty()) {
      return;
    }
    String day = LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC).toString();
    Session open = session();
    boolean committed = false;
    try {
      open.transaction(() -> add(open, day, more));
      written.putAll(now);
      committed = true;
    } finally {
      if (!committed) {
        close();
      }
    }
  }

  private static int add(Session session, String day, Map<Line, MemoCounts.Sums> more)
      throws SQLException {
    for (Map.Entry<Line, MemoCounts.Sums> entry : more.entrySet()) {
      Line line = entry.getKey();
      MemoCounts.Sums sums = entry.getValue();
      session.update(
          ADD,
          day,
          line.name(),
          line.version(),
          line.tag(),
          sums.calls(),
          sums.hits(),
          sums.errors(),
          sums.unkept(),
          sums.nanosSpent(),
          sums.nanosSaved(),
          sums.paid(),
          sums.notPaid());
    }
    return more.size();
  }

  synchronized List<MemoUse> lines() throws SQLException, IOException {
    return session()
        .all(
            "SELECT day, name, version, tag, calls, hits, errors, unkept, nanos_spent, nanos_saved,"
                + " spent, saved FROM ledger ORDER BY day, name, version, tag",
            row ->
                new MemoUse(
                    row.getString(1),
                    row.getString(2),
                    row.getString(3),
                    row.getString(4),
                    row.getLong(5),
                    row.getLong(6),
                    row.getLong(7),
                    row.getLong(8),
                    Duration.ofNanos(row.getLong(9)),
                    Duration.ofNanos(row.getLong(10)),
                    row.getDouble(11),
                    row.getDouble(12)));
  }

  @Override
  public synchronized void close() throws SQLException {
    Session open = session;
    session = null;
    if (open != null) {
      open.close();
    }
  }
}
