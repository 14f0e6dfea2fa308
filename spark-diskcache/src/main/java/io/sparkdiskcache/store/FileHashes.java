// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Hashes of the content of files, remembered while the files do not change. */
final class FileHashes {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final FileHashes PROCESS = new FileHashes();
  private static final int MAX_KNOWN = 4096;
  private static final int BUFFER = 1 << 16;

  private record Known(String path, FileState state) {}

  private final Map<Known, String> known =
      new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Known, String> eldest) {
          return size() > MAX_KNOWN;
        }
      };

  static FileHashes process() {
    return PROCESS;
  }

  /**
   * The hash of the content that goes with a state; empty if it is too long, cannot be read, or
   * changes meanwhile.
   */
  Optional<String> sha256(String path, FileState state) {
    if (state.length() > FileRead.MAX_BYTES) {
      return Optional.empty();
    }
    Known key = new Known(path, state);
    synchronized (known) {
      String hash = known.get(key);
      if (hash != null) {
        return Optional.of(hash);
      }
    }
    Instant before = Instant.now();
    Optional<String> hash = read(path, state.length());
    if (hash.isEmpty() || !FileState.of(path).equals(Optional.of(state))) {
      return Optional.empty();
    }
    if (state.isSettled(before)) {
      synchronized (known) {
        known.put(key, hash.get());
      }
    }
    return hash;
  }

  private static Optional<String> read(String path, long length) {
    try (InputStream in = Files.newInputStream(Path.of(path))) {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      byte[] buffer = new byte[BUFFER];
      long total = 0;
      for (int n = in.read(buffer); n >= 0 && total <= length; n = in.read(buffer)) {
        sha.update(buffer, 0, n);
        total += n;
      }
      return total == length
          ? Optional.of(HexFormat.of().formatHex(sha.digest()))
          : Optional.empty();
    } catch (IOException e) {
      LOG.debug("Cannot hash {}", path, e);
      return Optional.empty();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
