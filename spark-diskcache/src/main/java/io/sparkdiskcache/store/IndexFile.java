// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * How {@code index.db} comes into being and how a damaged one is replaced.
 *
 * <p>A new index is built under a temporary name and renamed: there is never half an index. Opening
 * a healthy one takes no lock and writes nothing. Creating and setting aside happen under the lock
 * file {@code index.lock}; whoever waited for it looks again, because the other process has
 * probably done the work.
 */
final class IndexFile {
  private static final Log LOG = Log.of(IndexFile.class);
  private static final DateTimeFormatter STAMP =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss-SSS").withZone(ZoneOffset.UTC);
  private static final List<String> COMPANIONS = List.of("", "-wal", "-shm");
  private static final String NO_CHECK = "";
  private static final String QUICK = "quick_check(1)";

  /** Compares indexes with tables as well. */
  private static final String THOROUGH = "integrity_check(1)";

  /** For a process that creates or examines the index; who waits in vain tries again later. */
  private static final long LOCK_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** Threads must not meet at the lock file: one closing it would drop the lock of the other. */
  private static final ReentrantLock REPAIRING = new ReentrantLock();

  private IndexFile() {}

  /** The caller closes the session. */
  static Session open(CacheDirectory directory, boolean examine)
      throws SQLException, IOException, StoreException {
    if (Files.exists(directory.index()) && !Files.exists(directory.indexSuspect())) {
      try {
        return openHealthy(directory, examine ? QUICK : NO_CHECK);
      } catch (SQLException e) {
        if (!Index.isCorruption(e)) {
          throw e;
        }
      }
    }
    REPAIRING.lock();
    try (FileChannel channel = Directories.openPrivate(directory.indexLock());
        FileLock lock = lock(channel)) {
      LOG.debug("Holding {} for {}", lock, directory.indexLock());
      return repair(directory);
    } finally {
      REPAIRING.unlock();
    }
  }

  /** Alone: examines again what was found wanting, and replaces it if it is. */
  private static Session repair(CacheDirectory directory)
      throws SQLException, IOException, StoreException {
    if (!Files.notExists(directory.index())) { // for want of memory it may not be seen either
      try {
        Session session = openHealthy(directory, THOROUGH);
        Files.deleteIfExists(directory.indexSuspect());
        return session;
      } catch (SQLException e) {
        if (!Index.isCorruption(e)) {
          throw e;
        }
        Path aside = setAside(directory);
        LOG.warn(
            "The index of cache directory {} is damaged ({}); it is kept as {} and a new one is"
                + " started",
            directory.root(),
            e.getMessage(),
            aside);
      }
    } else {
      // Without its database a write-ahead log is worthless, and would be replayed into the new
      // one.
      setAside(directory);
    }
    create(directory);
    Files.deleteIfExists(directory.indexSuspect());
    return openHealthy(directory, NO_CHECK);
  }

  private static Session openHealthy(CacheDirectory directory, String examination)
      throws SQLException, StoreException {
    Session session = Session.open(directory.index(), Index.WAIT);
    boolean healthy = false;
    try {
      int version = IndexSchema.version(session);
      if (version > CacheDirectory.FORMAT) {
        throw CacheDirectory.otherFormat(directory.root(), version);
      }
      if (version < CacheDirectory.FORMAT) {
        throw Rows.corrupt("it has format " + version + ", older than " + CacheDirectory.FORMAT);
      }
      if (!examination.equals(NO_CHECK)) {
        String result =
            session.first("PRAGMA " + examination, row -> row.getString(1)).orElse("no answer");
        if (!result.equals("ok")) {
          throw Rows.corrupt(result);
        }
      }
      if (!IndexSchema.isIntact(session)) {
        throw Rows.corrupt("its tables are not those of format " + CacheDirectory.FORMAT);
      }
      Sums.totals(session); // meets a truncated file
      healthy = true;
      return session;
    } finally {
      if (!healthy) {
        session.close();
      }
    }
  }

  private static void create(CacheDirectory directory) throws SQLException, IOException {
    Path building = directory.root().resolve("index.db.new");
    for (String companion : List.of("", "-wal", "-shm", "-journal")) {
      Files.deleteIfExists(sibling(building, companion));
    }
    Map<String, Long> files = new HashMap<>();
    Recovery.forEachDataFile(
        directory, (file, name) -> files.put(CacheDirectory.name(file), Files.size(file)));
    Directories.createPrivateFile(building); // SQLite gives its mode to the companions
    try (Session session = Session.open(building, Index.WAIT)) {
      session.execute("PRAGMA journal_mode=WAL");
      session.execute("BEGIN IMMEDIATE");
      IndexSchema.create(session);
      Sums.addUnindexed(session, files);
      session.execute("COMMIT");
    }
    Files.move(building, directory.index(), StandardCopyOption.ATOMIC_MOVE);
    Directories.fsyncDirectory(directory.root());
    if (!files.isEmpty()) {
      LOG.warn(
          "{} entry files ({} bytes) in {} are in no index and wait to be indexed again; they"
              + " count towards the limit and are the first to be evicted",
          files.size(),
          files.values().stream().mapToLong(Long::longValue).sum(),
          directory.root());
    }
  }

  /** The database first: a log left behind by a crash in between is dealt with by the next open. */
  private static Path setAside(CacheDirectory directory) throws IOException {
    Path aside = directory.quarantine().resolve("index.db." + STAMP.format(Instant.now()));
    for (String companion : COMPANIONS) {
      Path file = sibling(directory.index(), companion);
      if (Files.exists(file)) {
        Files.move(file, sibling(aside, companion), StandardCopyOption.ATOMIC_MOVE);
      }
    }
    Directories.fsyncDirectory(directory.root());
    return aside;
  }

  private static Path sibling(Path file, String suffix) {
    return file.resolveSibling(CacheDirectory.name(file) + suffix);
  }

  private static FileLock lock(FileChannel channel) throws IOException {
    long deadline = System.nanoTime() + LOCK_NANOS;
    while (System.nanoTime() < deadline) {
      try {
        FileLock lock = channel.tryLock();
        if (lock != null) {
          return lock;
        }
      } catch (OverlappingFileLockException e) {
        // Another store of this process, perhaps of another class loader: wait as for a process.
      }
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
    }
    throw new IOException("another process examines the index, or is frozen in doing so");
  }
}
