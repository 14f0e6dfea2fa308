// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The tables under {@code memo/}, which Python opens as well; see docs/design/format-memo.md. */
final class MemoSchema {
  static final int FORMAT = 1;

  /** How long a statement waits for the transaction of another process. */
  static final Duration BUSY = Duration.ofSeconds(2);

  private static final int ATTEMPTS = 50;
  private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  static final List<String> SHARD =
      List.of(
          "CREATE TABLE IF NOT EXISTS functions(id INTEGER PRIMARY KEY, digest TEXT NOT NULL,"
              + " name TEXT NOT NULL, version TEXT NOT NULL, tag TEXT NOT NULL, code TEXT NOT NULL,"
              + " UNIQUE(digest, name, version, tag))",
          "CREATE TABLE IF NOT EXISTS results(key BLOB PRIMARY KEY, function INTEGER NOT NULL"
              + " REFERENCES functions, arguments TEXT NOT NULL, value BLOB NOT NULL, crc INTEGER"
              + " NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, nanos INTEGER NOT"
              + " NULL, price REAL NOT NULL) WITHOUT ROWID",
          "CREATE TABLE IF NOT EXISTS leases(key BLOB PRIMARY KEY, owner TEXT NOT NULL, expires"
              + " INTEGER NOT NULL) WITHOUT ROWID");

  static final List<String> LEDGER =
      List.of(
          "CREATE TABLE IF NOT EXISTS ledger(day TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT"
              + " NULL, tag TEXT NOT NULL, calls INTEGER NOT NULL, hits INTEGER NOT NULL, errors"
              + " INTEGER NOT NULL, unkept INTEGER NOT NULL, nanos_spent INTEGER NOT NULL,"
              + " nanos_saved INTEGER NOT NULL, spent REAL NOT NULL, saved REAL NOT NULL, PRIMARY"
              + " KEY(day, name, version, tag)) WITHOUT ROWID");

  /** Of a result beside its value and its arguments. */
  static final int ROW_BYTES = 100;

  private static final String BYTES = "length(value) + length(arguments) + " + ROW_BYTES;
  private static final String OF_NAME =
      " FROM results WHERE function IN (SELECT id FROM functions WHERE name = ?)";

  /** The bytes of the results of a function, by its name. */
  static final String BYTES_OF = "SELECT coalesce(sum(" + BYTES + "), 0)" + OF_NAME;

  /** All of a name's but the newest that take so many bytes. */
  static final String REMOVE_OLDEST =
      "DELETE FROM results WHERE key IN (SELECT key FROM (SELECT key, sum("
          + BYTES
          + ") OVER (ORDER BY created DESC, key ROWS UNBOUNDED PRECEDING) AS newer"
          + OF_NAME
          + ") WHERE newer > ?)";

  private MemoSchema() {}

  /** Opens a file, which is created with these tables if need be; the caller closes the session. */
  static Session open(Path file, List<String> tables) throws SQLException, IOException {
    if (!Files.exists(file)) {
      try {
        Directories.createPrivateFile(file); // an empty file is an empty database
      } catch (FileAlreadyExistsException e) {
        Log.of(MemoSchema.class).debug("{} was created by another process", file);
      }
    }
    Session session = Session.open(file, BUSY);
    boolean opened = false;
    try {
      if (version(session) == 0) {
        create(session, tables);
      }
      int version = version(session);
      if (version != FORMAT) {
        throw new SQLException(
            "%s has format %d and this version reads %d; move it away or use the version that wrote it"
                .formatted(file, version, FORMAT));
      }
      opened = true;
      return session;
    } finally {
      if (!opened) {
        session.close();
      }
    }
  }

  private static int version(Session session) throws SQLException {
    return session.first("PRAGMA user_version", row -> row.getInt(1)).orElse(0);
  }

  /** May be done by several processes at a time: every step does nothing the second time. */
  private static void create(Session session, List<String> tables) throws SQLException {
    boolean ahead = false;
    for (int attempt = 1; !ahead; attempt++) {
      try {
        session.execute("PRAGMA journal_mode=WAL");
        ahead = true;
      } catch (SQLException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        // Changing the mode does not wait for others that are doing the same.
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }
    session.transaction(
        () -> {
          for (String table : tables) {
            session.execute(table);
          }
          session.execute("PRAGMA user_version=" + FORMAT);
          return tables.size();
        });
  }
}
