// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Who computes an entry, among the processes that share the directory: a file {@code tmp/KEY.lease}
 * that names its owner. Only advice, so that work is not done twice: publishing does not ask for
 * it, and two processes that both believe to hold one compute the same rows, of which the first are
 * kept.
 *
 * <p>A holder may be frozen, and hold many. Once somebody has waited for it in vain, nobody of this
 * process waits for what it held then.
 *
 * <p>A lease ends when it is closed, when its owner is dead, which the kernel knows by the owner's
 * lock file, or when it is older than {@link #EXPIRY}: nobody waits for ever.
 */
final class Leases {
  /** Longer than a partition takes to compute; then another process tries as well. */
  static final Duration EXPIRY = Duration.ofMinutes(10);

  static final String SUFFIX = ".lease";
  private static final int MAX_IDLE = 1000;

  private final CacheDirectory directory;
  private final Owner owner;
  private final InstantSource clock;

  /** Holders that were waited for in vain, and until when. */
  private final Map<String, Instant> idle = new ConcurrentHashMap<>();

  Leases(CacheDirectory directory, Owner owner, InstantSource clock) {
    this.directory = directory;
    this.owner = owner;
    this.clock = clock;
  }

  /** The lease; empty if somebody holds it. */
  Optional<Lease> tryAcquire(Key key) throws IOException {
    Path file = directory.tmp().resolve(key.hex() + SUFFIX);
    String token = owner.token();
    for (int attempt = 0; attempt < 2; attempt++) {
      try {
        Directories.writeNewPrivate(file, token.getBytes(StandardCharsets.US_ASCII), false);
        return Optional.of(() -> release(file));
      } catch (FileAlreadyExistsException e) {
        if (isHeld(file)) {
          return Optional.empty();
        }
        Files.deleteIfExists(file);
      }
    }
    return Optional.empty(); // others are quicker
  }

  /** Whether the holder of the lease of a key may be about to end it. */
  boolean isWorthWaiting(Key key) throws IOException {
    Path file = directory.tmp().resolve(key.hex() + SUFFIX);
    try {
      Instant waited = idle.get(Files.readString(file, StandardCharsets.US_ASCII));
      return waited == null || Files.getLastModifiedTime(file).toInstant().isAfter(waited);
    } catch (NoSuchFileException e) {
      return true; // to be had
    }
  }

  /** Somebody has waited for the holder of the lease of a key for as long as he could. */
  void waitedInVain(Key key) throws IOException {
    Path file = directory.tmp().resolve(key.hex() + SUFFIX);
    try {
      if (idle.size() > MAX_IDLE) {
        idle.clear();
      }
      idle.put(Files.readString(file, StandardCharsets.US_ASCII), clock.instant());
    } catch (NoSuchFileException e) {
      Log.of(DiskStore.class).debug("Lease {} has ended just now", file, e);
    }
  }

  private boolean isHeld(Path file) throws IOException {
    try {
      Instant since = Files.getLastModifiedTime(file).toInstant();
      if (since.plus(EXPIRY).isBefore(clock.instant())) {
        return false;
      }
      String holder = Files.readString(file, StandardCharsets.US_ASCII);
      // Empty for the moment between creating and writing, or for a crash in it: then it expires.
      return !CacheDirectory.isToken(holder) || Owner.isAlive(directory, holder);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private void release(Path file) {
    try {
      if (isOwn(file)) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      Log.of(DiskStore.class).debug("Lease {} was gone when it was given back", file, e);
    }
  }

  /** One that cannot be read is taken for it, because others would wait for a lease that stays. */
  private boolean isOwn(Path file) throws IOException {
    try {
      return Files.readString(file, StandardCharsets.US_ASCII).equals(owner.token());
    } catch (NoSuchFileException e) {
      throw e;
    } catch (IOException e) {
      Log.of(DiskStore.class).debug("Lease {} cannot be read when it is given back", file, e);
      return true;
    }
  }
}
