// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The SQLite index of a directory, shared with other processes.
 *
 * <h2>Connections</h2>
 *
 * One writer, behind a lock, so that a process competes for SQLite's single write lock once and not
 * with each of its threads; readers from a pool, because in WAL mode readers neither wait for
 * writers nor for each other. The pool grows to the number of threads that read at the same time
 * and keeps {@value #IDLE_READERS} of them; a connection per thread would leak with every thread of
 * the executor's pool that ends. Write transactions begin IMMEDIATE: a transaction that starts as a
 * reader and becomes a writer later can fail with "database is locked" at once, whatever the
 * time-out.
 *
 * <h2>Files</h2>
 *
 * {@link IndexFile} makes and sets aside {@code index.db}. A process that still has the old file
 * open notices before its next write that the name means another file, and opens that.
 *
 * <p>Never open {@code index.db} or its companions by other means than SQLite: closing them would
 * drop the POSIX locks that SQLite holds on them in this process.
 */
final class Index implements AutoCloseable {
  /** Longer than any transaction here takes on a crowded host. */
  static final int BUSY_MILLIS = 30_000;

  private static final int IDLE_READERS = 8;

  private final CacheDirectory directory;
  private final ReentrantLock writing = new ReentrantLock();
  private final Deque<Session> readers = new ConcurrentLinkedDeque<>();
  private @Nullable Session writer; // guarded by writing
  private Object identity; // guarded by writing
  private final AtomicInteger epoch = new AtomicInteger(); // counts the files index.db has been
  private volatile boolean closed;

  private Index(CacheDirectory directory, Object identity) {
    this.directory = directory;
    this.identity = identity;
  }

  /** Work on a connection; statements it leaves open are reset by the next use. */
  interface Work<T> {
    T run(Session session) throws SQLException;
  }

  /**
   * @param examine check every page first: a process ended without closing its store
   */
  static Index open(CacheDirectory directory, boolean examine) throws StoreException {
    try {
      Session first = IndexFile.open(directory, examine);
      try {
        Index index = new Index(directory, identity(directory.index()));
        index.readers.push(first);
        return index;
      } catch (IOException e) {
        first.close();
        throw e;
      }
    } catch (SQLException | IOException | LinkageError e) {
      throw new StoreException(
          "Cannot open the index of cache directory '" + directory.root() + "'",
          e.toString(),
          "Check the disk and that SQLite's library can be unpacked to java.io.tmpdir, or name"
              + " another directory",
          e);
    }
  }

  /** Runs a query, or several that need not agree. */
  <T> T read(Work<T> work) throws SQLException {
    int before = epoch.get();
    Session session = readers.poll();
    if (session == null) {
      session = Session.open(directory.index(), BUSY_MILLIS);
    }
    boolean reusable = false;
    try {
      T result = work.run(session);
      reusable = true;
      return result;
    } catch (SQLException e) {
      suspect(e);
      throw e;
    } finally {
      if (reusable && !closed && before == epoch.get() && readers.size() < IDLE_READERS) {
        readers.push(session);
        if (closed) {
          closeReaders(); // close() may have drained the pool just before the push
        }
      } else {
        session.close();
      }
    }
  }

  /** Runs several queries against one state of the index. */
  <T> T readSnapshot(Work<T> work) throws SQLException {
    return read(
        session -> {
          session.execute("BEGIN");
          T result = work.run(session);
          session.execute("COMMIT");
          return result;
        });
  }

  /** Runs a transaction: all of the work is committed, or none and the exception is thrown. */
  <T> T write(Work<T> work) throws SQLException {
    writing.lock();
    try {
      Session session = writer();
      session.execute("BEGIN IMMEDIATE");
      boolean committed = false;
      try {
        T result = work.run(session);
        session.execute("COMMIT");
        committed = true;
        return result;
      } finally {
        if (!committed) {
          // Closing rolls back, also where SQLite has rolled back by itself and ROLLBACK would
          // fail.
          writer = null;
          session.close();
        }
      }
    } catch (SQLException e) {
      suspect(e);
      throw e;
    } finally {
      writing.unlock();
    }
  }

  private Session writer() throws SQLException {
    if (closed) {
      throw new SQLException("the store is closed");
    }
    Object current;
    try {
      current = identity(directory.index());
    } catch (IOException e) {
      throw new SQLException("the index file is gone: " + directory.index(), e);
    }
    Session session = writer;
    if (session != null && current.equals(identity)) {
      return session;
    }
    if (session != null) {
      writer = null;
      session.close();
    }
    if (!current.equals(identity)) {
      identity = current;
      epoch.incrementAndGet();
      closeReaders();
    }
    session = Session.open(directory.index(), BUSY_MILLIS);
    writer = session;
    return session;
  }

  private static Object identity(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return Objects.requireNonNullElseGet(attributes.fileKey(), attributes::creationTime);
  }

  /**
   * Damage met while running is left to the next open, which sets the index aside if it is real.
   */
  void suspect(SQLException e) {
    if (isCorruption(e) && !Files.exists(directory.indexSuspect())) {
      try {
        Directories.createPrivateFile(directory.indexSuspect());
      } catch (IOException io) {
        e.addSuppressed(io);
      }
    }
  }

  static boolean isCorruption(SQLException e) {
    if (!(e instanceof SQLiteException sqlite)) {
      return false;
    }
    int primary = sqlite.getResultCode().code & 0xFF;
    return primary == SQLiteErrorCode.SQLITE_CORRUPT.code
        || primary == SQLiteErrorCode.SQLITE_NOTADB.code;
  }

  private void closeReaders() throws SQLException {
    for (Session session = readers.poll(); session != null; session = readers.poll()) {
      session.close();
    }
  }

  @Override
  public void close() throws SQLException {
    writing.lock();
    try {
      closed = true;
      closeReaders();
      Session session = writer;
      if (session != null) {
        writer = null;
        session.close();
      }
    } finally {
      writing.unlock();
    }
  }
}
