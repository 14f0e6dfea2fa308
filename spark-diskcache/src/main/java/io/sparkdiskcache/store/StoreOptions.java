// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Set;

/**
 * How a store is opened. Serializable, because executors open what the driver was told.
 *
 * @param directory the cache directory, as {@link HostDirectory} takes it; a store is opened {@link
 *     #at} the one of the process, and creates it if it does not exist
 * @param limits of the application; those of the directory hold as well, see {@link
 *     DirectoryLimits}
 * @param fileSystems types of file systems that are local by the user's word
 * @param changes which of the limits become those of the directory, whatever it had
 */
@Internal
public record StoreOptions(
    String directory,
    StoreLimits limits,
    VerifyMode verify,
    EvictionPolicy eviction,
    Set<String> fileSystems,
    Set<DirectoryLimits.Name> changes)
    implements Serializable {
  public StoreOptions {
    fileSystems = Set.copyOf(fileSystems);
    changes = Set.copyOf(changes);
  }

  /** On a file system that is known to be local. */
  public StoreOptions(
      String directory, StoreLimits limits, VerifyMode verify, EvictionPolicy eviction) {
    this(directory, limits, verify, eviction, Set.of(), Set.of());
  }

  /** With a limit of bytes only and the default policy. */
  public StoreOptions(Path directory, long maxBytes, VerifyMode verify) {
    this(directory.toString(), StoreLimits.ofBytes(maxBytes), verify, EvictionPolicy.COST);
  }

  /** The same in another directory. */
  public StoreOptions at(Path other) {
    return new StoreOptions(other.toString(), limits, verify, eviction, fileSystems, changes);
  }

  public Path path() {
    return Path.of(directory);
  }
}
