// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.StringJoiner;
import java.util.TreeMap;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;

/**
 * In what less a column can be stored without loss, as other readers of Arrow understand it: whole
 * numbers and decimals in fewer bytes, doubles as floats where every one is a float, strings as
 * numbers of a dictionary. Top-level columns only. {@link Compaction} chooses by the values.
 */
final class Encodings {
  private static final String BETWEEN_COLUMNS = ";";
  private static final String BETWEEN_VALUES = ":";

  private Encodings() {}

  /** The kinds that a column of the type may be stored as, narrowest first, its own last. */
  static List<Kind> of(DataType type) {
    if (type instanceof LongType) {
      return List.of(Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64);
    } else if (type instanceof IntegerType) {
      return List.of(Kind.INT8, Kind.INT16, Kind.INT32);
    } else if (type instanceof ShortType) {
      return List.of(Kind.INT8, Kind.INT16);
    } else if (type instanceof DoubleType) {
      return List.of(Kind.FLOAT32, Kind.FLOAT64);
    } else if (type instanceof DecimalType decimal) {
      return ofDecimal(decimal.scale());
    } else if (type instanceof StringType) {
      return List.of(Kind.DICTIONARY8, Kind.DICTIONARY16, Kind.DICTIONARY32, Kind.STRING);
    }
    Kind kind = ColumnLayout.kindOf(type);
    return kind == null ? List.of() : List.of(kind);
  }

  /** Other readers do not all know a decimal whose scale is more than its precision. */
  private static List<Kind> ofDecimal(int scale) {
    if (scale <= digits(Kind.DECIMAL32)) {
      return List.of(Kind.DECIMAL32, Kind.DECIMAL64, Kind.DECIMAL);
    }
    return scale <= digits(Kind.DECIMAL64)
        ? List.of(Kind.DECIMAL64, Kind.DECIMAL)
        : List.of(Kind.DECIMAL);
  }

  /** How many digits a decimal of the kind has room for. */
  static int digits(Kind kind) {
    return switch (kind) {
      case DECIMAL32 -> 9;
      case DECIMAL64 -> 18;
      case DECIMAL -> DecimalType.MAX_PRECISION();
      default -> throw new IllegalArgumentException("No decimal: " + kind);
    };
  }

  /** As kept in a file's footer. */
  static String encode(SortedMap<Integer, Kind> encodings) {
    StringJoiner encoded = new StringJoiner(BETWEEN_COLUMNS);
    encodings.forEach(
        (column, kind) ->
            encoded.add(column + BETWEEN_VALUES + kind.name().toLowerCase(Locale.ROOT)));
    return encoded.toString();
  }

  /**
   * Reads the text that {@link #encode} made of columns of the schema.
   *
   * @throws IllegalArgumentException if it is no such text
   */
  static SortedMap<Integer, Kind> decode(String text, StructType schema) {
    SortedMap<Integer, Kind> encodings = new TreeMap<>();
    for (String column : text.split(BETWEEN_COLUMNS, -1)) {
      String[] values = column.split(BETWEEN_VALUES, -1);
      int number = Integer.parseInt(values[0]);
      Kind kind = Kind.valueOf(values[1].toUpperCase(Locale.ROOT));
      DataType type = schema.fields()[number].dataType();
      if (values.length != 2
          || !of(type).contains(kind)
          || kind == ColumnLayout.kindOf(type)
          || encodings.put(number, kind) != null) {
        throw new IllegalArgumentException(column);
      }
    }
    return encodings;
  }

  /** The columns among them that have dictionaries, in the order of these. */
  static List<Integer> dictionaries(Map<Integer, Kind> encodings) {
    return encodings.entrySet().stream()
        .filter(column -> column.getValue().isDictionary())
        .map(Map.Entry::getKey)
        .sorted()
        .toList();
  }
}
