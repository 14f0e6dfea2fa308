// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.LinkedHashSet;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.types.ObjectType;
import scala.Option;
import scala.Product;

/**
 * Options of expressions that parse text, wherever Spark keeps them: among the arguments, or in an
 * evaluator inside a literal that is invoked.
 */
final class ParserOptions {
  private static final String TIME_ZONE = "timezone";
  private static final Set<String> ZONE_ARGUMENTS = Set.of("timeZoneId", "zoneStr");

  private ParserOptions() {}

  /** The options by name, in lower case. */
  static SortedMap<String, String> of(Expression expression) {
    SortedMap<String, String> options = new TreeMap<>();
    walk((Product) expression, options, new LinkedHashSet<>());
    return options;
  }

  /** Every time zone that text without one may be read in, besides the session's. */
  static Set<String> zones(Expression expression) {
    SortedMap<String, String> options = new TreeMap<>();
    Set<String> zones = new LinkedHashSet<>();
    walk((Product) expression, options, zones);
    String named = options.get(TIME_ZONE);
    if (named != null) {
      zones.add(named);
    }
    return zones;
  }

  private static void walk(Product product, SortedMap<String, String> options, Set<String> zones) {
    for (int i = 0; i < product.productArity(); i++) {
      Object value = product.productElement(i);
      if (value instanceof scala.collection.Map<?, ?> map) {
        ScalaInterop.map(map)
            .forEach(
                (key, element) ->
                    options.put(
                        String.valueOf(key).toLowerCase(Locale.ROOT), String.valueOf(element)));
      } else if (value instanceof Literal literal && literal.dataType() instanceof ObjectType) {
        if (literal.value() instanceof Product evaluator) {
          walk(evaluator, options, zones);
        }
      } else if (value instanceof Option<?> option
          && option.isDefined()
          && option.get() instanceof String zone
          && ZONE_ARGUMENTS.contains(product.productElementName(i))) {
        zones.add(zone);
      } else if (value instanceof Product nested
          && !(value instanceof Expression)
          && !(value instanceof scala.collection.Iterable<?>)
          && SparkClasses.isSparkSql(value.getClass())) {
        walk(nested, options, zones);
      }
    }
  }
}
