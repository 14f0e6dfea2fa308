// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * The operations of operators on a cache as a whole. Unlike lookups they say when they fail. Others
 * may use the cache meanwhile.
 */
@Internal
public final class Maintenance {
  private final DiskStore store;
  private final CacheDirectory directory;
  private final Index index;
  private final SelfCheck selfCheck;

  Maintenance(DiskStore store, CacheDirectory directory, Index index, SelfCheck selfCheck) {
    this.store = store;
    this.directory = directory;
    this.index = index;
    this.selfCheck = selfCheck;
  }

  /**
   * Compares every entry with its file, every file with its entry, and examines the index. Reads
   * the whole cache; others may use it meanwhile.
   *
   * @param fix whether to put right what is wrong
   */
  public CheckReport check(boolean fix, Progress progress) throws StoreException {
    return orThrow("Cannot check the cache", () -> selfCheck.run(fix, progress));
  }

  /**
   * Copies the cache as it is at this moment into an empty directory, which can be opened as a
   * cache.
   *
   * @return bytes of entries copied
   */
  public long backup(Path target, Progress progress) throws StoreException {
    return orThrow(
        "Cannot back up the cache", () -> new Backup(index, directory.root()).to(target, progress));
  }

  /**
   * Writes entries into a new file.
   *
   * @return how many, without those that vanished meanwhile and members of sets
   */
  public Exported exportTo(Path file, List<Entry> entries, Progress progress)
      throws StoreException {
    return orThrow(
        "Cannot export to '" + file + "'", () -> Archive.export(store, entries, file, progress));
  }

  /**
   * Publishes the entries of a file that {@link #exportTo} wrote. They are as trustworthy as the
   * file.
   *
   * @return how many were not in the store before
   */
  public long importFrom(Path file, Progress progress) throws StoreException {
    return orThrow("Cannot import '" + file + "'", () -> Archive.restore(store, file, progress));
  }

  /** Starts or stops recording, in all processes that use the directory; stopping deletes. */
  public void recordTrace(boolean on) throws StoreException {
    orThrow(
        "Cannot switch the trace",
        () -> {
          if (on) {
            Directories.createPrivate(directory.trace());
          } else {
            for (Path file : Directories.list(directory.trace())) {
              Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory.trace());
          }
          return on;
        });
  }

  /** The trace so far, in order of time: {@code millis,key,bytes,computeNanos,hit|put}. */
  public List<String> trace() throws StoreException {
    return orThrow("Cannot read the trace", () -> Trace.read(directory.trace()));
  }

  /** The limits of the directory; empty if nobody has used it yet who brought some. */
  public Optional<DirectoryLimits> limits() throws StoreException {
    return orThrow("Cannot read the limits", () -> DirectoryLimits.read(directory.root()));
  }

  /** Sets the limits of the directory, for all who use it now and later. */
  public void limit(DirectoryLimits limits) throws StoreException {
    orThrow(
        "Cannot write the limits",
        () -> {
          limits.write(directory.root());
          return limits;
        });
  }

  private interface Operation<T> {
    T run() throws SQLException, IOException, StoreException;
  }

  private static <T> T orThrow(String problem, Operation<T> operation) throws StoreException {
    try {
      return operation.run();
    } catch (SQLException | IOException e) {
      throw new StoreException(
          problem, e.toString(), "Check the paths, their permissions and the disk's space", e);
    }
  }
}
