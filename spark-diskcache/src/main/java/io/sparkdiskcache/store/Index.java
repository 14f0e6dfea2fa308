// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.TimeUnit;
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
 * <h2>A process that holds the write lock and does nothing</h2>
 *
 * It may be frozen, or stuck in its disk. Whoever writes waits {@link #WAIT} at most. The first who
 * has waited in vain for another process stops all writing of this one: from then on who wants to
 * write fails at once and goes on without, until {@link #resume}, which the store's thread calls
 * now and then, gets the lock. So one such process costs the tasks of another that time once, and
 * not each of them, one after the other. Reading goes on.
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
  private static final Log LOG = Log.of(DiskStore.class);

  /** Longer than any transaction here takes on a crowded host: two seconds have been seen. */
  static final Duration WAIT = Duration.ofSeconds(5);

  /**
   * For threads of this process, which go on, or stop at the one that waits for another process.
   */
  private static final Duration OWN_WAIT = Duration.ofSeconds(30);

  private static final Duration LOG_WAIT = Duration.ofMillis(100);

  private static final int IDLE_READERS = 8;

  private final CacheDirectory directory;
  private final ReentrantLock writing = new ReentrantLock();
  private final Deque<Session> readers = new ConcurrentLinkedDeque<>();
  private @Nullable Session writer; // guarded by writing
  private Object identity; // guarded by writing
  private final AtomicInteger epoch = new AtomicInteger(); // counts the files index.db has been
  private volatile boolean stopped; // no writing, see above
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
      session = Session.open(directory.index(), WAIT);
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
    requireWritable();
    lock();
    try {
      requireWritable(); // who had the lock may have waited in vain
      Session session = writer();
      begin(session);
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

  private void requireWritable() throws SQLException {
    if (stopped) {
      throw new SQLException(
          "another process holds the write lock of %s and does not go on; nothing is written until it does"
              .formatted(directory.index()));
    }
  }

  /** Waits for other threads of this process, of which one may be waiting for another process. */
  private void lock() throws SQLException {
    boolean locked = false;
    try {
      locked = writing.tryLock(OWN_WAIT.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      locked = writing.tryLock();
    }
    if (!locked) {
      throw new SQLException("the index is being written to by other threads for too long");
    }
  }

  private void begin(Session session) throws SQLException {
    boolean begun = false;
    try {
      session.execute("BEGIN IMMEDIATE");
      begun = true;
    } catch (SQLException e) {
      if (isBusy(e) && !stopped) {
        stopped = true;
        LOG.warn(
            "Another process has held the write lock of {} for {} s. Nothing is published or evicted"
                + " here until it lets go; what is stored is read all the same. Is a process frozen?",
            directory.index(),
            WAIT.toSeconds());
      }
      throw e;
    } finally {
      if (!begun) {
        writer = null;
        session.close();
      }
    }
  }

  /** Has writing go on if the lock can be had now. Waits for nobody. */
  void resume() throws SQLException {
    if (!stopped || closed || !writing.tryLock()) {
      return;
    }
    try (Session session = Session.open(directory.index(), Duration.ZERO)) {
      session.execute("BEGIN IMMEDIATE");
      session.execute("ROLLBACK");
      stopped = false;
      LOG.warn("The write lock of {} is free again", directory.index());
    } catch (SQLException e) {
      if (!isBusy(e)) {
        throw e;
      }
    } finally {
      writing.unlock();
    }
  }

  /**
   * Has the write-ahead log begin anew if it is long. SQLite does that by itself only when no
   * reader needs the log, which beside readers that never pause is never. Here writers wait while
   * what is in the log goes to the index, for readers {@link #LOG_WAIT} at most; who begins to read
   * then needs no log.
   */
  void restartLog(long longest) throws SQLException, IOException {
    Path log = directory.indexLog();
    if (stopped
        || closed
        || !Files.exists(log)
        || Files.size(log) <= longest
        || !writing.tryLock()) {
      return;
    }
    try (Session session = Session.open(directory.index(), LOG_WAIT)) {
      session.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (SQLException e) {
      if (!isBusy(e)) {
        throw e;
      }
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
    session = Session.open(directory.index(), WAIT);
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

  static boolean isBusy(SQLException e) {
    return e instanceof SQLiteException sqlite
        && (sqlite.getResultCode().code & 0xFF) == SQLiteErrorCode.SQLITE_BUSY.code;
  }

  private void closeReaders() throws SQLException {
    for (Session session = readers.poll(); session != null; session = readers.poll()) {
      session.close();
    }
  }

  boolean isClosed() {
    return closed;
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
