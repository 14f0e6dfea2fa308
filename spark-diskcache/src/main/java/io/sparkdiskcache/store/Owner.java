// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * An open store's claim on the files it is writing: a token in their names and a locked file {@code
 * tmp/TOKEN.lock}. The kernel drops the lock when the process dies, however it dies, so "can be
 * locked" means "owner is dead"; process ids alone would not do, they repeat, above all in
 * containers.
 *
 * <p>POSIX drops all of a process's locks on a file when the process closes <em>any</em> descriptor
 * of it. Hence a lock file of this process must never be opened a second time: tokens begin with
 * the process's id and start time, and those that match this process are alive without a look.
 */
final class Owner implements AutoCloseable {
  /** Regular expression of a token: pid, start time and random bits. */
  static final String TOKEN = "\\d+-[0-9a-f]+-[0-9a-f]{8}";

  static final String LOCK_SUFFIX = ".lock";
  private static final int ATTEMPTS = 100;
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final String PROCESS = processPrefix();

  private final CacheDirectory directory;
  private final AtomicLong files = new AtomicLong();
  private @Nullable Claim claim; // guarded by this

  private record Claim(String token, Path lockFile, FileChannel channel) {}

  Owner(CacheDirectory directory) {
    this.directory = directory;
  }

  private static String processPrefix() {
    ProcessHandle self = ProcessHandle.current();
    long start = self.info().startInstant().map(Instant::toEpochMilli).orElse(0L);
    return self.pid() + "-" + Long.toHexString(start) + "-";
  }

  private Claim claim() throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      String token = PROCESS + "%08x".formatted(RANDOM.nextInt());
      Path lockFile = directory.tmp().resolve(token + LOCK_SUFFIX);
      // Created and opened at once: a lock file that nobody locks would tell of a crash.
      FileChannel channel = Directories.openNewPrivate(lockFile);
      boolean claimed = false;
      try {
        // A recovery elsewhere may lock and delete the file before it is locked here.
        claimed = channel.tryLock() != null && Files.exists(lockFile);
        if (claimed) {
          return new Claim(token, lockFile, channel);
        }
      } finally {
        if (!claimed) {
          channel.close();
          Files.deleteIfExists(lockFile);
        }
      }
    }
    throw new IOException("no owner lock could be taken in '" + directory.tmp() + "'");
  }

  /** Claimed at the first call, so that a store that only reads writes nothing. */
  synchronized String token() throws IOException {
    Claim mine = claim;
    if (mine == null) {
      mine = claim();
      claim = mine;
    }
    return mine.token;
  }

  /** Empty if nothing was ever written. */
  synchronized Optional<String> tokenIfClaimed() {
    return Optional.ofNullable(claim).map(Claim::token);
  }

  /** A file name part nobody used or will use: {@code TOKEN-N}. */
  String nextFile() throws IOException {
    return token() + "-" + files.incrementAndGet();
  }

  /** Whether files of that token are still being written. */
  static boolean isAlive(CacheDirectory directory, String token) throws IOException {
    if (token.startsWith(PROCESS)) {
      return Files.exists(directory.tmp().resolve(token + LOCK_SUFFIX));
    }
    Path lockFile = directory.tmp().resolve(token + LOCK_SUFFIX);
    try (FileChannel channel = FileChannel.open(lockFile, StandardOpenOption.WRITE);
        @Nullable FileLock lock = channel.tryLock()) {
      return lock == null;
    } catch (NoSuchFileException e) {
      return false;
    } catch (OverlappingFileLockException e) {
      return true; // another store of this process is asking the same; it will act
    }
  }

  /** Gives the claim up; the caller has removed the files. */
  @Override
  public synchronized void close() throws IOException {
    Claim mine = claim;
    if (mine != null) {
      try {
        Files.deleteIfExists(mine.lockFile);
      } finally {
        mine.channel.close();
      }
    }
  }
}
