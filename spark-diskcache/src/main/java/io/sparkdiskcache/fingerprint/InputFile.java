// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;

/**
 * The content of one input file, as far as a file system lets it be known without reading it.
 *
 * @param path fully qualified: scheme, authority, absolute path
 * @param length in bytes
 * @param modificationTime milliseconds since the epoch
 * @param version the eTag; for a local file its change time and inode; never empty in a key
 */
@Internal
public record InputFile(String path, long length, long modificationTime, String version)
    implements Serializable {

  byte[] digest() {
    return new CanonicalHasher()
        .putString(path)
        .putLong(length)
        .putLong(modificationTime)
        .putString(version)
        .digest();
  }
}
