// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Which columns are kept with fewer bits, and how far a value may move by that. Meant are columns
 * of type float and double and arrays of these at any depth; all others are exact whatever a
 * pattern says, those below structs, maps and user-defined types included.
 *
 * <p>A pattern is a column's name, in which {@code *} stands for any text. Of several that match
 * the name itself counts most, then the pattern with most other characters, then the more exact
 * precision; so their order is of no meaning.
 *
 * @param columns pattern to precision
 * @param maxRelativeError of every value, as a share of its magnitude; infinite for any
 * @param maxAbsoluteError of every value; infinite for any. If both bounds are given both hold
 */
@Internal
public record PrecisionPolicy(
    Map<String, Precision> columns, double maxRelativeError, double maxAbsoluteError)
    implements Serializable {

  /** Everything bit for bit. */
  public static final PrecisionPolicy EXACT =
      new PrecisionPolicy(Map.of(), Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);

  private static final String ANY = "*";

  public PrecisionPolicy {
    columns = Map.copyOf(columns);
    if (!(maxRelativeError >= 0) || !(maxAbsoluteError >= 0)) {
      throw new IllegalArgumentException(
          "Cannot keep errors below %s relative and %s absolute: a bound is 0 or more"
              .formatted(maxRelativeError, maxAbsoluteError));
    }
  }

  /**
   * The patterns of a text such as {@code embedding=float16,price*=float32}; a precision alone is
   * meant for all columns.
   *
   * @throws IllegalArgumentException if it is no such text
   */
  public static Map<String, Precision> parse(String text) {
    Map<String, Precision> columns = new TreeMap<>();
    for (String term : text.split(",", -1)) {
      int at = term.lastIndexOf('=');
      String pattern = at < 0 ? ANY : term.substring(0, at).strip();
      if (pattern.isEmpty()
          || columns.put(pattern, Precision.parse(term.substring(at + 1))) != null) {
        throw new IllegalArgumentException(term);
      }
    }
    return columns;
  }

  /** The precision asked for, of every column; {@link Precision#EXACT} where it changes nothing. */
  public List<Precision> of(StructType schema) {
    List<Precision> precisions = new ArrayList<>(schema.length());
    for (StructField field : schema.fields()) {
      precisions.add(of(field.name(), number(field.dataType())));
    }
    return precisions;
  }

  private Precision of(String name, DataType number) {
    boolean isDouble = number instanceof DoubleType;
    if (!isDouble && !(number instanceof FloatType)) {
      return Precision.EXACT;
    }
    Precision asked =
        columns.entrySet().stream()
            .filter(column -> matches(column.getKey(), name))
            .max(
                Comparator.<Map.Entry<String, Precision>>comparingInt(
                        column -> weight(column.getKey()))
                    .thenComparing(Map.Entry::getValue, Comparator.reverseOrder()))
            .map(Map.Entry::getValue)
            .orElse(Precision.EXACT);
    return asked == Precision.FLOAT32 && !isDouble ? Precision.EXACT : asked;
  }

  private static boolean matches(String pattern, String name) {
    return pattern.equals(name)
        || (pattern.contains(ANY)
            && Pattern.compile(Pattern.quote(pattern).replace(ANY, "\\E.*\\Q"), Pattern.DOTALL)
                .matcher(name)
                .matches());
  }

  private static int weight(String pattern) {
    return pattern.contains(ANY) ? pattern.replace(ANY, "").length() : Integer.MAX_VALUE;
  }

  /** The type of an array's elements, at any depth; any other type itself. */
  static DataType number(DataType type) {
    return type instanceof ArrayType array ? number(array.elementType()) : type;
  }

  /** Whether any column of the schema may lose bits. */
  public boolean lowers(StructType schema) {
    return of(schema).stream().anyMatch(precision -> precision != Precision.EXACT);
  }

  /**
   * The part of the policy that matters for a schema, as text; the same text only for the same
   * values. Names are for people, the number of a column comes first.
   */
  public String describe(StructType schema) {
    if (!lowers(schema)) {
      return Precision.EXACT.toString();
    }
    StringJoiner asked = new StringJoiner(",");
    StringJoiner names = new StringJoiner(", ");
    List<Precision> precisions = of(schema);
    for (int i = 0; i < precisions.size(); i++) {
      if (precisions.get(i) != Precision.EXACT) {
        asked.add(i + "=" + precisions.get(i));
        names.add(schema.fields()[i].name());
      }
    }
    return "%s;relative %s,absolute %s;%s"
        .formatted(asked, maxRelativeError, maxAbsoluteError, names);
  }
}
