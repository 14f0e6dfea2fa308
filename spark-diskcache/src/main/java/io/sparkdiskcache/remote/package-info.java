// SPDX-License-Identifier: Apache-2.0
/**
 * Copies of entries on a Hadoop file system, for hosts that have lost theirs or never had them;
 * knows nothing of Spark. {@link io.sparkdiskcache.remote.RemoteTier} is the entrance.
 */
@NullMarked
package io.sparkdiskcache.remote;

import org.jspecify.annotations.NullMarked;
