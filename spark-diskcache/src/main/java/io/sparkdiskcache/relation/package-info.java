// SPDX-License-Identifier: Apache-2.0
/**
 * Spark's cached relation, kept on the SSD: {@link io.sparkdiskcache.relation.UseDiskCache} swaps
 * the builder of an {@code InMemoryRelation}, {@link
 * io.sparkdiskcache.relation.DiskCachedRelationBuilder} decides what is read and what is computed,
 * {@link io.sparkdiskcache.relation.DiskCachedRDD} does it.
 */
@NullMarked
package io.sparkdiskcache.relation;

import org.jspecify.annotations.NullMarked;
