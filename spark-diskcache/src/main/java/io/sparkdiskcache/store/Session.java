// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteOpenMode;
import org.sqlite.jdbc4.JDBC4Connection;

/**
 * One SQLite connection with its prepared statements. Used by one thread at a time; whoever opened
 * it closes it.
 */
final class Session implements AutoCloseable {
  /**
   * To which SQLite cuts the write-ahead log when it starts over, which a longer one is made to.
   */
  static final int MAX_IDLE_LOG_BYTES = 16 << 20;

  private final Connection connection;
  private final WalIndex memory;
  private final Map<String, PreparedStatement> statements = new HashMap<>();

  private Session(Connection connection, WalIndex memory) {
    this.connection = connection;
    this.memory = memory;
  }

  /** Makes something of the row the result stands on. */
  interface RowReader<T> {
    T read(ResultSet row) throws SQLException;
  }

  /** A step of SQLite, between two looks at the memory that it shares. */
  private interface Step<T> {
    T run() throws SQLException;
  }

  /** Statements that are committed together. */
  interface Steps<T> {
    T run() throws SQLException;
  }

  /** Takes a row; false ends the query. */
  interface RowVisitor {
    boolean visit(ResultSet row) throws SQLException;
  }

  /**
   * Opens an existing file, never creates one, and writes nothing.
   *
   * @param busy how long a statement waits for another process's transaction
   */
  static Session open(Path index, Duration busy) throws SQLException {
    SQLiteConfig config = new SQLiteConfig();
    config.resetOpenMode(SQLiteOpenMode.CREATE);
    config.setBusyTimeout((int) busy.toMillis());
    config.enforceForeignKeys(true);
    config.setSynchronous(SQLiteConfig.SynchronousMode.NORMAL); // see DiskStore
    config.setGetGeneratedKeys(false); // nobody asks, and each insert would be followed by a query
    Properties properties = config.toProperties();
    // As a URI: a '?' in a plain path would start the driver's own parameters. Without the driver,
    // whose class registers itself with java.sql: Spark's JDBC source would open any file by it.
    String file = index.toUri().toASCIIString();
    WalIndex memory = WalIndex.of(index);
    Session session;
    try {
      memory.requireWhole();
      session = new Session(new JDBC4Connection("jdbc:sqlite:" + file, file, properties), memory);
    } catch (SQLException e) {
      memory.close();
      throw e;
    }
    try {
      session.execute("PRAGMA trusted_schema=OFF");
      session.execute("PRAGMA journal_size_limit=" + MAX_IDLE_LOG_BYTES);
      return session;
    } catch (SQLException e) {
      session.close();
      throw e;
    }
  }

  void execute(String sql) throws SQLException {
    guarded(
        () -> {
          try (Statement statement = connection.createStatement()) {
            return statement.execute(sql);
          }
        });
  }

  private <T> T guarded(Step<T> step) throws SQLException {
    memory.requireWhole();
    T result = step.run();
    memory.used();
    return result;
  }

  /**
   * Commits all of the steps. Waits for other writers. After an exception the session is to be
   * closed, which rolls back, also where SQLite has done so itself and ROLLBACK would fail.
   */
  <T> T transaction(Steps<T> steps) throws SQLException {
    execute("BEGIN IMMEDIATE");
    T result = steps.run();
    execute("COMMIT");
    return result;
  }

  int update(String sql, @Nullable Object... arguments) throws SQLException {
    return guarded(() -> bind(sql, arguments).executeUpdate());
  }

  void forEach(String sql, RowVisitor visitor, @Nullable Object... arguments) throws SQLException {
    guarded(
        () -> {
          try (ResultSet rows = bind(sql, arguments).executeQuery()) {
            while (rows.next() && visitor.visit(rows)) {}
            return true;
          }
        });
  }

  <T> List<T> all(String sql, RowReader<T> reader, @Nullable Object... arguments)
      throws SQLException {
    List<T> all = new ArrayList<>();
    forEach(sql, row -> all.add(reader.read(row)), arguments);
    return all;
  }

  <T> Optional<T> first(String sql, RowReader<T> reader, @Nullable Object... arguments)
      throws SQLException {
    return guarded(
        () -> {
          try (ResultSet rows = bind(sql, arguments).executeQuery()) {
            return rows.next() ? Optional.of(reader.read(rows)) : Optional.<T>empty();
          }
        });
  }

  private PreparedStatement bind(String sql, @Nullable Object... arguments) throws SQLException {
    PreparedStatement statement = statements.get(sql);
    if (statement == null) {
      statement = connection.prepareStatement(sql);
      statements.put(sql, statement);
    }
    for (int i = 0; i < arguments.length; i++) {
      Object argument = arguments[i];
      if (argument instanceof byte[] bytes) {
        statement.setBytes(i + 1, bytes);
      } else {
        statement.setObject(i + 1, argument);
      }
    }
    return statement;
  }

  @Override
  public void close() throws SQLException {
    if (!memory.mayClose(connection)) {
      return;
    }
    try (memory;
        connection) {
      for (PreparedStatement statement : statements.values()) {
        statement.close();
      }
    }
  }
}
