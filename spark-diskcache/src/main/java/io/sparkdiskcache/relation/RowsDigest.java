// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import org.apache.commons.codec.digest.MurmurHash3;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A digest of rows as a multiset: their number, and the sum of their 128-bit hashes.
 *
 * <p>Floating-point columns whose last digits depend on the order of summation are not hashed. Of
 * each, the sum of its values is kept, every value weighted by the hash of the rest of its row, so
 * that values that changed places do not go unnoticed. Two such sums are the same up to {@value
 * #DOUBLE_TOLERANCE} of the sum of the magnitudes: of a million rows, one value that is wrong by
 * less than a thousandth of the mean is not seen.
 */
final class RowsDigest {
  private static final double DOUBLE_TOLERANCE = 1e-9;
  private static final double FLOAT_TOLERANCE = 1e-5;
  private static final byte NULL = 0;
  private static final byte FINITE = 1;
  private static final byte NAN = 2;
  private static final byte POSITIVE_INFINITY = 3;
  private static final byte NEGATIVE_INFINITY = 4;

  private final int[] inexact;
  private final boolean[] isFloat;
  private final UnsafeProjection exact;
  private final double[] sums;
  private final double[] magnitudes;
  private byte[] buffer = new byte[0];
  private long rows;
  private long low;
  private long high;

  /**
   * @param schema of the rows
   * @param inexactColumns indexes of floating-point columns that are compared with tolerance
   */
  RowsDigest(StructType schema, BitSet inexactColumns) {
    StructField[] fields = schema.fields();
    this.inexact = inexactColumns.stream().toArray();
    this.isFloat = new boolean[inexact.length];
    for (int i = 0; i < inexact.length; i++) {
      isFloat[i] = fields[inexact[i]].dataType() instanceof FloatType;
    }
    List<Expression> hashed = new ArrayList<>();
    for (int i = 0; i < fields.length; i++) {
      if (!inexactColumns.get(i)) {
        hashed.add(new BoundReference(i, fields[i].dataType(), true));
      }
    }
    this.exact = UnsafeProjection.create(CollectionConverters.asScala(hashed).toSeq());
    this.sums = new double[inexact.length];
    this.magnitudes = new double[inexact.length];
  }

  /**
   * Adds all rows.
   *
   * @param nowAndThen called between rows; may throw to give up
   */
  RowsDigest addAll(Iterator<InternalRow> all, Runnable nowAndThen) {
    while (all.hasNext()) {
      if ((rows & 1023) == 0) {
        nowAndThen.run();
      }
      add(all.next());
    }
    return this;
  }

  private void add(InternalRow row) {
    UnsafeRow values = exact.apply(row);
    int size = values.getSizeInBytes();
    int length = size + inexact.length;
    if (buffer.length < length) {
      buffer = new byte[Math.max(length, 2 * buffer.length)];
    }
    values.writeToMemory(buffer, Platform.BYTE_ARRAY_OFFSET);
    for (int i = 0; i < inexact.length; i++) {
      buffer[size + i] = kind(row, i);
    }
    long[] hash = MurmurHash3.hash128x64(buffer, 0, length, 0);
    rows++;
    low += hash[0];
    high += hash[1];
    double weight = 1 + (hash[0] >>> 11) * 0x1p-53;
    for (int i = 0; i < inexact.length; i++) {
      if (buffer[size + i] == FINITE) {
        double weighted = weight * value(row, i);
        sums[i] += weighted;
        magnitudes[i] += Math.abs(weighted);
      }
    }
  }

  private double value(InternalRow row, int i) {
    return isFloat[i] ? row.getFloat(inexact[i]) : row.getDouble(inexact[i]);
  }

  private byte kind(InternalRow row, int i) {
    if (row.isNullAt(inexact[i])) {
      return NULL;
    }
    double value = value(row, i);
    if (Double.isNaN(value)) {
      return NAN;
    }
    return Double.isInfinite(value) ? value > 0 ? POSITIVE_INFINITY : NEGATIVE_INFINITY : FINITE;
  }

  /** Whether both stand for the same rows. */
  boolean matches(RowsDigest other) {
    if (rows != other.rows || low != other.low || high != other.high) {
      return false;
    }
    for (int i = 0; i < inexact.length; i++) {
      double tolerance = isFloat[i] ? FLOAT_TOLERANCE : DOUBLE_TOLERANCE;
      double apart = Math.abs(sums[i] - other.sums[i]);
      if (!(apart <= tolerance * Math.max(magnitudes[i], other.magnitudes[i]))) {
        return false;
      }
    }
    return true;
  }

  @Override
  public String toString() {
    String exactPart = "%d rows, digest %016x%016x".formatted(rows, high, low);
    return inexact.length == 0 ? exactPart : exactPart + ", weighted sums " + Arrays.toString(sums);
  }
}
