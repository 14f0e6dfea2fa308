// SPDX-License-Identifier: Apache-2.0
/**
 * Rows and batches of Spark to one Arrow IPC file per entry, and back without copying. {@link
 * io.sparkdiskcache.arrow.EntryWriter} writes, {@link io.sparkdiskcache.arrow.MappedEntry} reads,
 * {@link io.sparkdiskcache.arrow.ArrowCachedBatchSerializer} hands what was read to Spark.
 */
@NullMarked
package io.sparkdiskcache.arrow;

import org.jspecify.annotations.NullMarked;
