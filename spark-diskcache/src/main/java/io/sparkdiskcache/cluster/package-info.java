// SPDX-License-Identifier: Apache-2.0
/**
 * Which executor holds what.
 *
 * <h2>Inventories</h2>
 *
 * Each executor ({@link io.sparkdiskcache.cluster.ExecutorInventory}) opens the store of its host
 * when it starts and tells the driver ({@link io.sparkdiskcache.cluster.ClusterDirectory}) what is
 * in it, then what it adds and removes. An entry is told by the first eight bytes of its key. That
 * is a hint at a place and never a promise: whoever reads asks the store for the whole key, so a
 * hint that is stale or belongs to another key costs a computation and nothing else. Executors with
 * one directory on one host share an inventory, and any of them counts as local.
 *
 * <h2>Sets of several hosts</h2>
 *
 * A run-bound relation is published whole or not at all, though its partitions lie on several
 * hosts. A task asks the driver before it publishes its partition, and a second attempt at the same
 * partition spoils the generation. When the last partition is stored the driver looks at the inputs
 * once more and has every host write a row for its part; the task that stored the last partition
 * waits for that, so that an application that ends right after its query has published. A
 * generation counts for a later application only if the parts that it finds are all partitions.
 *
 * <h2>Entries of other hosts</h2>
 *
 * An executor also serves the files of its host's entries to the others ({@link
 * io.sparkdiskcache.cluster.PeerEntries}). A task that was sent to a host without its entry asks
 * the driver who has it and reads it there; if nobody can send it things go on as if it were
 * nowhere.
 *
 * <h2>Messages</h2>
 *
 * Otherwise from executor to driver only, with replies: Spark has no other way. Each is a record
 * ({@link io.sparkdiskcache.cluster.Message}) with the type of its answer; {@link
 * io.sparkdiskcache.cluster.Wire} makes arrays of it, because the RPC layer does not see classes
 * that came by {@code spark.jars}.
 */
@NullMarked
package io.sparkdiskcache.cluster;

import org.jspecify.annotations.NullMarked;
