// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The file {@code -shm} beside a database, which SQLite maps into every process that has it open.
 * If somebody cuts it off, whoever touches what is missing gets a SIGBUS, which ends the JVM: it
 * happens in SQLite's own code. SQLite itself cuts it only while nobody has it mapped, and grows it
 * by writing, so that a full disk is an error and no signal.
 *
 * <p>So its length is looked at before and after each statement. Once it is shorter than it was,
 * this process touches none of its connections to the database any more, not even to close them,
 * because that reads the mapping too: they stay open until the process ends, and their users go on
 * without. Processes that start later find a file that SQLite grows and fills again. A file that is
 * cut in the middle of a statement still ends the process; only a database without shared memory
 * would not, see docs/design/decisions.md.
 *
 * <p>One instance per database and process; safe for many threads.
 */
final class WalIndex implements AutoCloseable {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final Map<Path, WalIndex> OPEN = new HashMap<>();

  /** Never closed, see above. */
  private static final List<AutoCloseable> GIVEN_UP = new ArrayList<>();

  private final Path database;
  private final File file;
  private int users; // guarded by OPEN
  private volatile long bytes;
  private volatile @Nullable Object identity;
  private volatile boolean cut;

  private WalIndex(Path database) {
    this.database = database;
    this.file = new File(database + "-shm");
  }

  /** For a connection that is about to be opened; to be given back by {@link #close}. */
  static WalIndex of(Path database) {
    synchronized (OPEN) {
      WalIndex known = OPEN.computeIfAbsent(database.toAbsolutePath().normalize(), WalIndex::new);
      known.users++;
      return known;
    }
  }

  /**
   * To be called before SQLite may touch it.
   *
   * @throws SQLException if it must not
   */
  void requireWhole() throws SQLException {
    if (!cut && isShorter()) {
      cut = true;
      LOG.warn(
          "Another program has cut {} while it was in use. This process goes on without {} until it"
              + " is started again; leave the files of the cache to it",
          file,
          database);
    }
    if (cut) {
      throw new SQLException(
          "%s was cut by another program; %s is not used until this process is started again"
              .formatted(file, database));
    }
  }

  /** To be called after a statement, which may have mapped more of it. */
  void used() {
    long now = file.length();
    if (now > bytes) {
      if (bytes == 0) {
        identity = identity();
      }
      bytes = now;
    }
  }

  private boolean isShorter() {
    long before = bytes;
    if (file.length() >= before) {
      return false;
    }
    Object now = identity();
    if (now != null && now.equals(identity)) {
      return file.length() < before;
    }
    // The last connection has deleted it, or the database was replaced: what is mapped is whole.
    bytes = 0;
    return false;
  }

  /** Of the file of that name; null if there is none. */
  private @Nullable Object identity() {
    try {
      return Files.readAttributes(file.toPath(), BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      LOG.debug("{} is not there: {}", file, e.toString());
      return null;
    }
  }

  /** Whether a connection may be closed; one that may not is kept for ever. */
  boolean mayClose(AutoCloseable connection) {
    try {
      requireWhole();
      return true;
    } catch (SQLException e) {
      LOG.debug("{} is not closed: {}", connection, e.toString());
      synchronized (OPEN) {
        GIVEN_UP.add(connection);
      }
      return false;
    }
  }

  /** A connection has been closed. */
  @Override
  public void close() {
    synchronized (OPEN) {
      users--;
      if (users == 0 && !cut) {
        OPEN.values().remove(this);
      }
    }
  }
}
