// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.Optional;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import scala.collection.Iterator;

/** Computes a unit, from the start at each call. */
interface UnitSource {
  Iterator<InternalRow> rows();

  /** The same rows as columns, if they can be had without making rows. */
  Optional<Iterator<ColumnarBatch>> batches();

  /**
   * Reports to the evidence of the task what of the functions is not what the driver saw. To be
   * called before the first row and after the last, since functions may change what they hold.
   */
  void prove();
}
