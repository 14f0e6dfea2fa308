// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Base64;
import java.util.Optional;

/**
 * Where each process finds the secret key of entries, which itself never travels.
 *
 * @param file path of a file that holds it, or empty
 * @param env name of an environment variable that holds it, or empty
 */
@Internal
public record KeySource(String file, String env) implements Serializable {
  private static final int KEY_BYTES = 32;

  /** Whether entries are to be encrypted. */
  public boolean isSet() {
    return !file.isEmpty() || !env.isEmpty();
  }

  /**
   * The key, read now.
   *
   * @throws IllegalArgumentException if it cannot be had, saying why; the key is not in the message
   */
  public byte[] read() {
    return file.isEmpty() ? decode(DiskCacheConf.KEY_ENV, env, fromEnv()) : fromFile();
  }

  private String fromEnv() {
    return Optional.ofNullable(System.getenv(env))
        .orElseThrow(
            () -> wrong(DiskCacheConf.KEY_ENV, env, "there is no such environment variable"));
  }

  private byte[] fromFile() {
    Path path = Path.of(file);
    try {
      if (path.getFileSystem().supportedFileAttributeViews().contains("posix")
          && Files.getPosixFilePermissions(path).contains(PosixFilePermission.OTHERS_READ)) {
        throw wrong(DiskCacheConf.KEY_FILE, file, "everybody may read it; take that right away");
      }
      return decode(DiskCacheConf.KEY_FILE, file, Files.readString(path));
    } catch (IOException e) {
      throw wrong(DiskCacheConf.KEY_FILE, file, "it cannot be read: " + e);
    }
  }

  private static byte[] decode(ConfEntry<?> entry, String place, String text) {
    byte[] key;
    try {
      key = Base64.getDecoder().decode(text.strip());
    } catch (IllegalArgumentException e) {
      throw wrong(entry, place, "what it holds is not Base64");
    }
    if (key.length != KEY_BYTES) {
      throw wrong(entry, place, "it holds %d bytes and not %d".formatted(key.length, KEY_BYTES));
    }
    return key;
  }

  private static IllegalArgumentException wrong(ConfEntry<?> entry, String place, String why) {
    return new IllegalArgumentException(
        "Cannot use '%s' for %s: %s. Make a key by: openssl rand -base64 32"
            .formatted(place, entry.key(), why));
  }
}
