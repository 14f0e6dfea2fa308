// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.io.Serializable;
import java.util.List;

/**
 * The outcome of a task for one partition.
 *
 * @param rows number of rows
 * @param bytes what its values take by the count of Spark's own cache; the size of its entries
 *     where they have not been opened
 * @param unitsRead units that were there already
 * @param savedMillis what computing these had taken, where the driver has not counted it: on a
 *     cluster it knows only that they are there
 * @param unitsFetched those of them that came from the remote tier
 * @param unitsFromPeers those of them that came from other hosts
 * @param unitsComputed units computed by the task
 * @param batchesCopied column by column, from plans that hand out columns
 * @param unitsAudited units computed only to be compared with what is stored
 * @param unitsUnequal those of the audited that were stored with other rows
 * @param notKept why units that were computed are not stored, one for each of these
 * @param findings about the functions that computed the rows, now or when they were stored
 */
record PartitionResult(
    long rows,
    long bytes,
    int unitsRead,
    long savedMillis,
    int unitsFetched,
    int unitsFromPeers,
    int unitsComputed,
    long batchesCopied,
    int unitsAudited,
    int unitsUnequal,
    List<Objection> notKept,
    Findings findings)
    implements Serializable {

  /** Of a partition that is stored. */
  static PartitionResult found(long rows, long bytes, int units, Findings findings) {
    return new PartitionResult(rows, bytes, units, 0, 0, 0, 0, 0, 0, 0, List.of(), findings);
  }
}
