// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.arrow.vector.FieldVector;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.vectorized.ArrowColumnVector;

/**
 * A column over memory that is not Arrow's own. Closing does nothing: consumers keep columns of
 * earlier batches, and the memory has an owner that outlives them.
 */
final class ArrowColumn extends ArrowColumnVector {
  /**
   * @param declared Arrow does not know it exactly: a collation is no part of its type
   */
  ArrowColumn(FieldVector vector, DataType declared) {
    super(vector);
    this.type = declared;
  }

  @Override
  public void close() {}
}
