// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.List;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/** The bytes of the strings of rows, known before any of their columns is copied. */
final class StringLengths {
  private final long[] bytes;

  private StringLengths(long[] bytes) {
    this.bytes = bytes;
  }

  static StringLengths of(ColumnarBatch batch, List<ColumnWriter> columns, int start, int rows) {
    long[] bytes = new long[rows];
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).layout.kind == ColumnLayout.Kind.STRING) {
        ColumnVector strings = batch.column(i);
        for (int row = 0; row < rows; row++) {
          if (!strings.isNullAt(start + row)) {
            bytes[row] += strings.getUTF8String(start + row).numBytes();
          }
        }
      }
    }
    return new StringLengths(bytes);
  }

  /**
   * How many of the rows a batch still takes. The row that fills it still belongs to it, as where
   * rows are written; one that is larger than a batch does not, unless it is the first.
   *
   * @param isEmpty whether the batch has no rows yet; then at least one is taken
   * @param taken bytes of the batch so far
   * @param rowBytes of a row without its strings
   */
  int fitting(boolean isEmpty, long taken, long rowBytes, long limit) {
    long sum = taken;
    for (int row = 0; row < bytes.length; row++) {
      sum += rowBytes + bytes[row];
      if (sum > limit) {
        boolean isFirst = isEmpty && row == 0;
        return isFirst || bytes[row] <= limit ? row + 1 : row;
      }
    }
    return bytes.length;
  }
}
