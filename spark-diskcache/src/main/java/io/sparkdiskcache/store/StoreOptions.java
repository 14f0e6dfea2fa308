// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.Serializable;
import java.nio.file.Path;

/**
 * How a store is opened. Serializable, because executors open what the driver was told.
 *
 * @param directory the cache directory, as {@link HostDirectory} takes it; a store is opened {@link
 *     #at} the one of the process, and creates it if it does not exist
 */
public record StoreOptions(
    String directory, StoreLimits limits, VerifyMode verify, EvictionPolicy eviction)
    implements Serializable {

  /** With a limit of bytes only and the default policy. */
  public StoreOptions(Path directory, long maxBytes, VerifyMode verify) {
    this(directory.toString(), StoreLimits.ofBytes(maxBytes), verify, EvictionPolicy.COST);
  }

  /** The same in another directory. */
  public StoreOptions at(Path other) {
    return new StoreOptions(other.toString(), limits, verify, eviction);
  }

  public Path path() {
    return Path.of(directory);
  }
}
