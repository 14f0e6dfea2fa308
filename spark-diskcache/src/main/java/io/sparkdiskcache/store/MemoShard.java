// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * One of the files that memoised results are spread over, so that their writers seldom meet. One
 * connection reads and one writes, each behind a lock: a lookup never waits for a commit.
 *
 * <p>Lookups share a read transaction, because to begin one costs more than to look up. A result
 * that it finds may be as old as the last {@link #refresh}; a key that it does not find is looked
 * up anew.
 *
 * <p>A lookup through JDBC costs several times as much as a row of a scan. When lookups have found
 * so many results as the file has pages, which is about a sixteenth of its rows, the whole file is
 * read ahead, if it is small enough for memory; a result leaves that memory when it is found there,
 * for that of the caller.
 *
 * <p>SQLite keeps no checksums. A value carries one over its key and itself; where it does not fit,
 * the row is passed over and the function is called.
 */
final class MemoShard implements AutoCloseable {
  private static final String FIND =
      "SELECT value, crc, created, expires, nanos, price FROM results WHERE key = ?";
  private static final String ENTRIES =
      "SELECT key, digest, name, version, tag, code, arguments, length(value), created, expires,"
          + " nanos, price FROM results JOIN functions ON functions.id = results.function";

  private static final String ALL =
      "SELECT value, crc, created, expires, nanos, price, key FROM results";
  private static final int KEY_OF_ALL = 7;
  private static final long SLACK = 8; // a part of a limit
  private static final long PAGE_BYTES = 4096;
  private static final long MAX_AHEAD_BYTES = 4L << 20; // of the file
  private static final int FEW = 64; // results that are no reason to read a file

  private final Path file;
  private final ReentrantLock reading = new ReentrantLock();
  private final ReentrantLock writing = new ReentrantLock();
  private @Nullable Session reader; // guarded by reading
  private @Nullable Session writer; // guarded by writing
  private boolean isLocked; // guarded by writing: whether another process held the file too long
  private long lockedAt; // guarded by writing: and when that was found out
  private final Map<MemoFunction, Long> ids = new HashMap<>(); // guarded by writing
  private final Map<String, Long> unchecked = new HashMap<>(); // guarded by writing, see bound
  private final Map<MemoKey, MemoResult> ahead = new ConcurrentHashMap<>();
  private int found; // guarded by reading: lookups that the file has answered
  private boolean isRead; // guarded by reading: whether it has been read ahead
  private volatile boolean snapshot; // whether the reader is inside a transaction; as the reader

  MemoShard(Path file) {
    this.file = file;
  }

  Path file() {
    return file;
  }

  private Session reader() throws SQLException, IOException {
    Session open = reader;
    if (open == null) {
      open = MemoSchema.open(file, MemoSchema.SHARD);
      reader = open;
    }
    return open;
  }

  private Session writer() throws SQLException, IOException {
    Session open = writer;
    if (open == null) {
      open = MemoSchema.open(file, MemoSchema.SHARD);
      writer = open;
    }
    return open;
  }

  private interface Change<T> {
    T make(Session session) throws SQLException;
  }

  private <T> T change(Change<T> change) throws SQLException, IOException {
    long since = System.nanoTime();
    writing.lock();
    try {
      if (isLocked && lockedAt - since > 0) {
        throw new SQLException("another process has locked " + file + ", as others have found out");
      }
      Session session = writer();
      boolean committed = false;
      try {
        T result = session.transaction(() -> change.make(session));
        committed = true;
        isLocked = false;
        return result;
      } catch (SQLException e) {
        isLocked = Index.isBusy(e);
        lockedAt = System.nanoTime();
        throw e;
      } finally {
        if (!committed) {
          ids.clear(); // what the transaction added is not there
          unchecked.clear();
          writer = null;
          session.close();
        }
      }
    } finally {
      writing.unlock();
    }
  }

  Optional<MemoResult> find(MemoKey key) throws SQLException, IOException {
    MemoResult known = ahead.remove(key);
    if (known != null) {
      return Optional.of(known);
    }
    reading.lock();
    try {
      Optional<MemoResult> result = findInFile(key);
      if (result.isPresent() && ++found % FEW == 0 && !isRead) {
        readAhead();
      }
      return result;
    } finally {
      reading.unlock();
    }
  }

  private Optional<MemoResult> findInFile(MemoKey key) throws SQLException, IOException {
    if (snapshot) {
      Optional<MemoResult> result = find(reader(), key);
      if (result.isPresent()) {
        return result;
      }
      endSnapshot();
    }
    reader().execute("BEGIN");
    snapshot = true;
    return find(reader(), key);
  }

  private void readAhead() throws SQLException, IOException {
    long bytes = Files.size(file);
    if (bytes > MAX_AHEAD_BYTES || found < bytes / PAGE_BYTES) {
      return;
    }
    isRead = true;
    reader()
        .forEach(
            ALL,
            row -> {
              byte[] key = row.getBytes(KEY_OF_ALL);
              MemoResult result = result(key, row);
              if (result != null) {
                ahead.put(MemoKey.of(key), result);
              }
              return true;
            });
  }

  /** Results were removed or replaced: what was read ahead may be these. */
  void forget() throws SQLException {
    reading.lock();
    try {
      ahead.clear();
      found = 0;
      isRead = false;
    } finally {
      reading.unlock();
    }
    refresh();
  }

  /** Lookups from now on see what has been committed until now. */
  void refresh() throws SQLException {
    if (!snapshot) {
      return;
    }
    reading.lock();
    try {
      endSnapshot();
    } finally {
      reading.unlock();
    }
  }

  private void endSnapshot() throws SQLException {
    Session open = reader;
    if (!snapshot || open == null) {
      return;
    }
    snapshot = false;
    boolean ended = false;
    try {
      open.execute("COMMIT");
      ended = true;
    } finally {
      if (!ended) {
        reader = null;
        open.close();
      }
    }
  }

  private static Optional<MemoResult> find(Session session, MemoKey key) throws SQLException {
    byte[] bytes = key.bytes();
    return session
        .first(FIND, row -> Optional.ofNullable(result(bytes, row)), bytes)
        .flatMap(found -> found);
  }

  private static @Nullable MemoResult result(byte[] key, ResultSet row) throws SQLException {
    byte[] value = row.getBytes(1);
    if (value == null || checksum(key, value) != row.getLong(2)) {
      return null;
    }
    return new MemoResult(value, row.getLong(3), row.getLong(4), row.getLong(5), row.getDouble(6));
  }

  private static long checksum(byte[] key, byte[] value) {
    CRC32 crc = new CRC32();
    crc.update(key);
    crc.update(value);
    return crc.getValue();
  }

  /** Whether a live process other than this holds a lease that has not expired. */
  boolean isLeased(MemoKey key, long now) throws SQLException, IOException {
    reading.lock();
    try {
      return isLeased(reader(), key, now);
    } finally {
      reading.unlock();
    }
  }

  private static boolean isLeased(Session session, MemoKey key, long now) throws SQLException {
    return session
        .first(
            "SELECT owner, expires FROM leases WHERE key = ?",
            row ->
                row.getLong(2) > now
                    && !row.getString(1).equals(MemoOwner.SELF)
                    && MemoOwner.isAlive(row.getString(1)),
            key.bytes())
        .orElse(false);
  }

  /**
   * Takes the lease of a key unless somebody holds it.
   *
   * @param usable whether a result found meanwhile would do, and there is nothing to call
   */
  MemoStore.Turn takeTurn(MemoKey key, Duration lease, Predicate<MemoResult> usable, long now)
      throws SQLException, IOException {
    return change(
        session -> {
          if (find(session, key).filter(usable).isPresent()) {
            return MemoStore.Turn.KNOWN;
          }
          if (isLeased(session, key, now)) {
            return MemoStore.Turn.WAIT;
          }
          session.update(
              "INSERT INTO leases(key, owner, expires) VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE"
                  + " SET owner = excluded.owner, expires = excluded.expires",
              key.bytes(),
              MemoOwner.SELF,
              now + lease.toMillis());
          return MemoStore.Turn.CALL;
        });
  }

  /**
   * One transaction: adds results, and ends the leases of this process on all the keys.
   *
   * @param limits bytes by the name of a function; others have none
   */
  void commit(Collection<MemoStore.Pending> results, Map<String, Long> limits)
      throws SQLException, IOException {
    change(
        session -> {
          for (MemoStore.Pending pending : results) {
            MemoResult result = pending.result();
            byte[] key = pending.key().bytes();
            if (result != null) {
              session.update(
                  "INSERT INTO results(key, function, arguments, value, crc, created, expires,"
                      + " nanos, price) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO"
                      + " UPDATE SET function = excluded.function, value = excluded.value, crc ="
                      + " excluded.crc, created = excluded.created, expires = excluded.expires,"
                      + " nanos = excluded.nanos, price = excluded.price",
                  key,
                  id(session, pending.function()),
                  pending.arguments(),
                  result.value(),
                  checksum(key, result.value()),
                  result.created(),
                  result.expires(),
                  result.nanos(),
                  result.price());
            }
            session.update("DELETE FROM leases WHERE key = ? AND owner = ?", key, MemoOwner.SELF);
          }
          for (Map.Entry<String, Long> limit : limits.entrySet()) {
            bound(session, results, limit.getKey(), limit.getValue());
          }
          return results.size();
        });
  }

  /**
   * Removes the oldest results of a function, whatever its version and code, where they exceed its
   * limit; down to seven eighths, and looks again when as much has been added here. Processes that
   * write at the same time may each exceed it by that.
   */
  private void bound(
      Session session, Collection<MemoStore.Pending> results, String name, long limit)
      throws SQLException {
    long added = 0;
    for (MemoStore.Pending pending : results) {
      if (pending.result() != null && pending.function().name().equals(name)) {
        added += pending.bytes() + MemoSchema.ROW_BYTES;
      }
    }
    if (added == 0) {
      return;
    }
    Long before = unchecked.get(name);
    if (before != null && before + added < limit / SLACK) {
      unchecked.put(name, before + added);
      return;
    }
    long kept = session.first(MemoSchema.BYTES_OF, row -> row.getLong(1), name).orElse(0L);
    if (kept > limit) {
      session.update(MemoSchema.REMOVE_OLDEST, name, limit - limit / SLACK);
    }
    unchecked.put(name, 0L);
  }

  /** Rows of functions are never removed, so an id keeps its meaning. */
  private long id(Session session, MemoFunction function) throws SQLException {
    Long known = ids.get(function);
    if (known != null) {
      return known;
    }
    session.update(
        "INSERT INTO functions(digest, name, version, tag, code) VALUES (?, ?, ?, ?, ?) ON"
            + " CONFLICT DO NOTHING",
        function.digest(),
        function.name(),
        function.version(),
        function.tag(),
        function.code());
    long id =
        session
            .first(
                "SELECT id FROM functions WHERE digest = ? AND name = ? AND version = ? AND tag = ?",
                row -> row.getLong(1),
                function.digest(),
                function.name(),
                function.version(),
                function.tag())
            .orElseThrow(() -> new SQLException("a function that was just added is not there"));
    ids.put(function, id);
    return id;
  }

  void forEach(Consumer<MemoEntry> visitor) throws SQLException, IOException {
    reading.lock();
    try {
      reader()
          .forEach(
              ENTRIES,
              row -> {
                visitor.accept(entry(row));
                return true;
              });
    } finally {
      reading.unlock();
    }
  }

  private static MemoEntry entry(ResultSet row) throws SQLException {
    return new MemoEntry(
        MemoKey.of(row.getBytes(1)),
        new MemoFunction(
            row.getString(2),
            row.getString(3),
            row.getString(4),
            row.getString(5),
            row.getString(6)),
        MemoEntry.split(row.getString(7)),
        row.getLong(8),
        Instant.ofEpochMilli(row.getLong(9)),
        MemoResult.expiry(row.getLong(10)),
        Duration.ofNanos(row.getLong(11)),
        row.getDouble(12));
  }

  /** Removes results that have not been replaced since they were listed; how many there were. */
  int remove(List<MemoEntry> entries) throws SQLException, IOException {
    return change(
        session -> {
          int removed = 0;
          for (MemoEntry entry : entries) {
            removed +=
                session.update(
                    "DELETE FROM results WHERE key = ? AND created = ?",
                    entry.key().bytes(),
                    entry.createdAt().toEpochMilli());
          }
          return removed;
        });
  }

  /** Removes what has expired, and leases that ended without their owner's doing. */
  void tidy(long now) throws SQLException, IOException {
    change(
        session ->
            session.update("DELETE FROM results WHERE expires <= ?", now)
                + session.update("DELETE FROM leases WHERE expires <= ?", now));
  }

  @Override
  public void close() throws SQLException {
    writing.lock();
    try {
      if (writer != null) {
        writer.close();
        writer = null;
      }
    } finally {
      writing.unlock();
    }
    reading.lock();
    try {
      ahead.clear();
      snapshot = false;
      if (reader != null) {
        reader.close();
        reader = null;
      }
    } finally {
      reading.unlock();
    }
  }
}
