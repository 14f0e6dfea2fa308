// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.Utils;

/**
 * The outcome for one column that need not be exact.
 *
 * @param column its number, from 0
 * @param name its name
 * @param asked the precision that was asked for
 * @param stored the precision it has: a wider one if some batch would have missed the bounds
 * @param maxRelativeError the worst of all values, as a share of their magnitudes
 * @param maxAbsoluteError the worst of all values
 * @param savedBytes how much less its values take than in its declared type
 */
public record ColumnPrecision(
    int column,
    String name,
    Precision asked,
    Precision stored,
    double maxRelativeError,
    double maxAbsoluteError,
    long savedBytes) {
  private static final String BETWEEN_COLUMNS = ";";
  private static final String BETWEEN_VALUES = ":";
  private static final int VALUES = 6;

  /** Of two entries with the same column, taken together. */
  public ColumnPrecision and(ColumnPrecision other) {
    return new ColumnPrecision(
        column,
        name,
        asked,
        stored.compareTo(other.stored) < 0 ? stored : other.stored,
        Math.max(maxRelativeError, other.maxRelativeError),
        Math.max(maxAbsoluteError, other.maxAbsoluteError),
        savedBytes + other.savedBytes);
  }

  /** As kept in a file's footer, without names. */
  static String encode(List<ColumnPrecision> columns) {
    List<String> encoded = new ArrayList<>();
    for (ColumnPrecision c : columns) {
      encoded.add(
          String.join(
              BETWEEN_VALUES,
              Integer.toString(c.column),
              c.asked.toString(),
              c.stored.toString(),
              Double.toString(c.maxRelativeError),
              Double.toString(c.maxAbsoluteError),
              Long.toString(c.savedBytes)));
    }
    return String.join(BETWEEN_COLUMNS, encoded);
  }

  /**
   * Reads the text that {@link #encode} made of columns of the schema.
   *
   * @throws IllegalArgumentException if it is no such text
   */
  static List<ColumnPrecision> decode(String text, StructType schema) {
    List<ColumnPrecision> columns = new ArrayList<>();
    int next = 0;
    for (String column : text.split(BETWEEN_COLUMNS, -1)) {
      String[] values = column.split(BETWEEN_VALUES, -1);
      if (values.length != VALUES) {
        throw new IllegalArgumentException(column);
      }
      int number = Integer.parseInt(values[0]);
      if (number < next || number >= schema.length()) {
        throw new IllegalArgumentException(column);
      }
      StructField field = schema.fields()[number];
      Precision stored = Precision.parse(values[2]);
      boolean isDouble = PrecisionPolicy.number(field.dataType()) instanceof DoubleType;
      boolean isFloat = PrecisionPolicy.number(field.dataType()) instanceof FloatType;
      if (!isDouble && (!isFloat || stored == Precision.FLOAT32)) {
        throw new IllegalArgumentException(column);
      }
      columns.add(
          new ColumnPrecision(
              number,
              field.name(),
              Precision.parse(values[1]),
              stored,
              Double.parseDouble(values[3]),
              Double.parseDouble(values[4]),
              Long.parseLong(values[5])));
      next = number + 1;
    }
    return List.copyOf(columns);
  }

  /** The precision that every column of the schema is stored with. */
  static List<Precision> stored(List<ColumnPrecision> columns, StructType schema) {
    List<Precision> all = new ArrayList<>(Collections.nCopies(schema.length(), Precision.EXACT));
    columns.forEach(c -> all.set(c.column, c.stored));
    return all;
  }

  /** For people. */
  @Override
  public String toString() {
    return "%s %s%s, worst error %s relative, %s absolute, %s saved"
        .formatted(
            name,
            asked,
            stored == asked ? "" : ", " + stored + " where that did not fit",
            rounded(maxRelativeError),
            rounded(maxAbsoluteError),
            Utils.bytesToString(savedBytes));
  }

  private static String rounded(double error) {
    return error == 0 ? "0" : String.format(Locale.ROOT, "%.2g", error);
  }
}
