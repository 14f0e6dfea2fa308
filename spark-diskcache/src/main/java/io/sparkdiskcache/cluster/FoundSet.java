// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.Key;
import java.time.Instant;
import java.util.List;

/**
 * A generation of which every partition is somewhere.
 *
 * @param holders the directory of each partition
 * @param createdAt when its first part was published, by the clock of that host
 */
@Internal
public record FoundSet(Key generation, List<String> holders, Instant createdAt) {}
