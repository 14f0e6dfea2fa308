// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;

/**
 * How a store is opened.
 *
 * @param directory the cache directory; created if it does not exist
 * @param maxBytes most bytes of entry files kept, not counting files private to a process
 */
public record StoreOptions(Path directory, long maxBytes, VerifyMode verify) {
  public StoreOptions {
    if (maxBytes <= 0) {
      throw new IllegalArgumentException(
          "Cannot use maxBytes " + maxBytes + ": expected a positive number of bytes");
    }
  }
}
