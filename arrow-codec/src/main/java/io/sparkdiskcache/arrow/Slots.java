// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.sql.types.DataType;

/**
 * The common parts of every vector.
 *
 * @param owner kept reachable, and with it the memory, as long as the vector is
 * @param validity address of the bitmap; of no meaning if there are no nulls
 */
record Slots(Object owner, DataType type, int count, int nulls, long validity) {}
