// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.io.Serializable;

/**
 * What a task found or made of one partition.
 *
 * @param rows number of rows
 * @param bytes size of its entries
 * @param unitsRead units that were there already
 * @param unitsComputed units computed by the task
 */
record PartitionResult(long rows, long bytes, int unitsRead, int unitsComputed)
    implements Serializable {}
