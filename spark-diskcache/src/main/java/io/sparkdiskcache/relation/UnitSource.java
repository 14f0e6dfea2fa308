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
}
