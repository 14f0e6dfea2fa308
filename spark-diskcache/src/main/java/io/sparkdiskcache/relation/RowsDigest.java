// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.arrow.PrecisionPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import org.apache.commons.codec.digest.MurmurHash3;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.BoundReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A digest of rows as a multiset: their number, and the sum of their 128-bit hashes.
 *
 * <p>Floating-point columns whose last digits depend on the order of summation are not hashed, nor
 * are those that need not be exact, which may be arrays. Of each, the sum of its values is kept,
 * every value weighted by the hash of the rest of its row, so that values that changed places do
 * not go unnoticed. Two such sums are the same up to a share of the sum of the magnitudes, for
 * doubles {@value #DOUBLE_TOLERANCE}: of a million rows, one value that is wrong by less than a
 * thousandth of the mean is not seen.
 */
final class RowsDigest {
  private static final double DOUBLE_TOLERANCE = 1e-9;
  private static final double FLOAT_TOLERANCE = 1e-5;
  private static final byte NULL = 0;
  private static final byte FINITE = 1;
  private static final byte NAN = 2;
  private static final byte POSITIVE_INFINITY = 3;
  private static final byte NEGATIVE_INFINITY = 4;
  private static final byte ARRAY = 5;

  /** Above every weight. */
  private static final double MAX_WEIGHT = 3;

  /** Multiples of it, without their whole part, are far from each other: weights of elements. */
  private static final double GOLDEN_RATIO = 0.6180339887498949;

  private final Inexact[] inexact;
  private final UnsafeProjection exact;
  private byte[] buffer = new byte[0];
  private int length;
  private long rows;
  private long low;
  private long high;

  /** A column compared by the weighted sum of its values. */
  private static final class Inexact {
    final int column;
    final DataType type;

    /** How far apart two may be: as a share of the magnitude, and every value besides. */
    final double share;

    final double smallest;
    double sum;
    double magnitude;
    long count;
    int place;

    Inexact(int column, DataType type, double share, double smallest) {
      this.column = column;
      this.type = type;
      this.share = share;
      this.smallest = smallest;
    }

    /** Of one row; nothing but finite numbers counts. */
    void add(SpecializedGetters in, int ordinal, DataType of, double weight) {
      if (in.isNullAt(ordinal)) {
        place++;
      } else if (of instanceof ArrayType array) {
        ArrayData elements = in.getArray(ordinal);
        for (int i = 0; i < elements.numElements(); i++) {
          add(elements, i, array.elementType(), weight);
        }
      } else {
        double weighted = value(in, ordinal, of) * (weight + place++ * GOLDEN_RATIO % 1);
        if (Double.isFinite(weighted)) {
          sum += weighted;
          magnitude += Math.abs(weighted);
          count++;
        }
      }
    }

    boolean matches(Inexact other) {
      double magnitudes = Math.max(magnitude, other.magnitude);
      double values = Math.max(count, other.count);
      return Double.isInfinite(magnitudes)
          || Math.abs(sum - other.sum) <= share * magnitudes + smallest * MAX_WEIGHT * values;
    }
  }

  /**
   * @param schema of the rows
   * @param inexactColumns indexes of floating-point columns that are compared with tolerance
   * @param precision of columns that are compared with the tolerance that this means
   */
  RowsDigest(StructType schema, BitSet inexactColumns, PrecisionPolicy precision) {
    List<Precision> precisions = precision.of(schema);
    List<Inexact> compared = new ArrayList<>();
    List<Expression> hashed = new ArrayList<>();
    for (int i = 0; i < precisions.size(); i++) {
      DataType type = schema.fields()[i].dataType();
      if (inexactColumns.get(i) || precisions.get(i) != Precision.EXACT) {
        double own = type instanceof FloatType ? FLOAT_TOLERANCE : DOUBLE_TOLERANCE;
        Precision kept = precisions.get(i);
        compared.add(new Inexact(i, type, Math.max(own, share(kept)), smallest(kept)));
      } else {
        hashed.add(new BoundReference(i, type, true));
      }
    }
    this.inexact = compared.toArray(Inexact[]::new);
    this.exact = UnsafeProjection.create(CollectionConverters.asScala(hashed).toSeq());
  }

  /** How far two values rounded to a precision may be apart if they were the same, as a share. */
  private static double share(Precision precision) {
    return switch (precision) {
      case EXACT -> 0;
      case FLOAT32 -> 0x1p-23;
      case FLOAT16 -> 0x1p-10;
      case BFLOAT16 -> 0x1p-7;
    };
  }

  /** The smallest number above zero. */
  private static double smallest(Precision precision) {
    return switch (precision) {
      case EXACT -> 0;
      case FLOAT32 -> Float.MIN_VALUE;
      case FLOAT16 -> 0x1p-24;
      case BFLOAT16 -> 0x1p-133;
    };
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
    length = 0;
    ensure(values.getSizeInBytes());
    values.writeToMemory(buffer, Platform.BYTE_ARRAY_OFFSET);
    length = values.getSizeInBytes();
    for (Inexact column : inexact) {
      appendKinds(row, column.column, column.type);
    }
    long[] hash = MurmurHash3.hash128x64(buffer, 0, length, 0);
    rows++;
    low += hash[0];
    high += hash[1];
    double weight = 1 + (hash[0] >>> 11) * 0x1p-53;
    for (Inexact column : inexact) {
      column.place = 0;
      column.add(row, column.column, column.type, weight);
    }
  }

  /** The exact parts of a value: its class, and the lengths of arrays. */
  private void appendKinds(SpecializedGetters in, int ordinal, DataType type) {
    if (in.isNullAt(ordinal)) {
      append(NULL);
    } else if (type instanceof ArrayType array) {
      ArrayData elements = in.getArray(ordinal);
      append(ARRAY);
      for (int shift = 0; shift < Integer.SIZE; shift += Byte.SIZE) {
        append((byte) (elements.numElements() >>> shift));
      }
      for (int i = 0; i < elements.numElements(); i++) {
        appendKinds(elements, i, array.elementType());
      }
    } else {
      append(kind(value(in, ordinal, type)));
    }
  }

  private void append(byte kind) {
    ensure(1);
    buffer[length++] = kind;
  }

  private void ensure(int more) {
    if (buffer.length < length + more) {
      buffer = Arrays.copyOf(buffer, Math.max(length + more, 2 * buffer.length));
    }
  }

  private static double value(SpecializedGetters in, int ordinal, DataType type) {
    return type instanceof FloatType ? in.getFloat(ordinal) : in.getDouble(ordinal);
  }

  private static byte kind(double value) {
    if (Double.isNaN(value)) {
      return NAN;
    }
    return Double.isInfinite(value) ? value > 0 ? POSITIVE_INFINITY : NEGATIVE_INFINITY : FINITE;
  }

  /** Whether both stand for the same rows. */
  boolean matches(RowsDigest other) {
    boolean same = rows == other.rows && low == other.low && high == other.high;
    for (int i = 0; same && i < inexact.length; i++) {
      same = inexact[i].matches(other.inexact[i]);
    }
    return same;
  }

  @Override
  public String toString() {
    String exactPart = "%d rows, digest %016x%016x".formatted(rows, high, low);
    return inexact.length == 0
        ? exactPart
        : exactPart
            + ", weighted sums "
            + Arrays.toString(Arrays.stream(inexact).mapToDouble(column -> column.sum).toArray());
  }
}
