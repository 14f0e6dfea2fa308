// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.time.Duration;
import java.util.Map;

/**
 * How much may be kept and for how long.
 *
 * @param maxBytes of all entry files together
 * @param minFreeBytes left free on the disk, whoever fills it
 * @param ttl after which an entry is neither served nor kept; zero for never
 * @param tags of all entries with that tag
 */
@Internal
public record StoreLimits(
    ByteLimit maxBytes, long minFreeBytes, Duration ttl, Map<String, ByteLimit> tags)
    implements Serializable {
  public StoreLimits {
    if (minFreeBytes < 0 || ttl.isNegative()) {
      throw new IllegalArgumentException(
          "Cannot use minFreeBytes %d and ttl %s: expected nothing negative"
              .formatted(minFreeBytes, ttl));
    }
    tags = Map.copyOf(tags);
  }

  public static StoreLimits ofBytes(long maxBytes) {
    return new StoreLimits(ByteLimit.ofBytes(maxBytes), 0, Duration.ZERO, Map.of());
  }
}
