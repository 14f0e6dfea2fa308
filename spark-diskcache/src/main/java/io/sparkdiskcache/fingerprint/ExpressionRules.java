// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.CsvToStructs;
import org.apache.spark.sql.catalyst.expressions.CurrentCatalog;
import org.apache.spark.sql.catalyst.expressions.CurrentDatabase;
import org.apache.spark.sql.catalyst.expressions.CurrentDate;
import org.apache.spark.sql.catalyst.expressions.CurrentPath;
import org.apache.spark.sql.catalyst.expressions.CurrentTime;
import org.apache.spark.sql.catalyst.expressions.CurrentTimeZone;
import org.apache.spark.sql.catalyst.expressions.CurrentTimestampLike;
import org.apache.spark.sql.catalyst.expressions.CurrentUser;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionImplUtils;
import org.apache.spark.sql.catalyst.expressions.ExpressionWithRandomSeed;
import org.apache.spark.sql.catalyst.expressions.JsonToStructs;
import org.apache.spark.sql.catalyst.expressions.LocalTimestamp;
import org.apache.spark.sql.catalyst.expressions.Nondeterministic;
import org.apache.spark.sql.catalyst.expressions.PythonFuncExpression;
import org.apache.spark.sql.catalyst.expressions.ScalaUDF;
import org.apache.spark.sql.catalyst.expressions.UserDefinedExpression;
import org.apache.spark.sql.catalyst.expressions.XmlToStructs;
import org.apache.spark.sql.catalyst.expressions.objects.DecodeUsingSerializer;
import org.apache.spark.sql.catalyst.expressions.objects.EncodeUsingSerializer;
import org.apache.spark.sql.catalyst.expressions.objects.InvokeLike;
import org.apache.spark.sql.catalyst.expressions.objects.StaticInvoke;
import org.apache.spark.sql.catalyst.expressions.variant.VariantGet;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.execution.aggregate.ScalaAggregator;
import org.apache.spark.sql.types.DataType;

/**
 * Which expressions may be cached, and which of them look at the calendar.
 *
 * <p>Spark's {@code deterministic} flag is necessary and not enough: {@code aes_encrypt} draws a
 * random vector under {@code deterministic = true}, and a string like {@code 12:30} parsed to a
 * timestamp means half past twelve <em>today</em>, in casts and in CSV and JSON readers alike. The
 * latter are common in good plans, so they are not refused: the date becomes part of the key.
 */
final class ExpressionRules {
  /** Replaced by literals before a plan is executed; one that is left would be read per run. */
  private static final List<Class<?>> CURRENT =
      List.of(
          CurrentTimestampLike.class,
          CurrentDate.class,
          CurrentTime.class,
          CurrentTimeZone.class,
          CurrentUser.class,
          CurrentDatabase.class,
          CurrentCatalog.class,
          CurrentPath.class,
          LocalTimestamp.class);

  /** Parse text, in their own way or as a cast does. */
  private static final List<Class<?>> PARSERS =
      List.of(
          Cast.class,
          CsvToStructs.class,
          JsonToStructs.class,
          XmlToStructs.class,
          VariantGet.class,
          InvokeLike.class);

  private static final Set<String> RANDOM_STATIC_METHODS = Set.of("aesEncrypt");

  /** Sketches that throw coins when they are compacted. */
  private static final String RANDOM_SKETCHES =
      "org.apache.spark.sql.catalyst.expressions.aggregate.KllSketchAgg";

  private final Encoding encoding;
  private final ZoneId sessionZone;

  ExpressionRules(Encoding encoding, ZoneId sessionZone) {
    this.encoding = encoding;
    this.sessionZone = sessionZone;
  }

  /** Refuses the expression itself; its children are checked when they are encoded. */
  void check(Expression expression) {
    Class<?> type = expression.getClass();
    if (!SparkClasses.isSparkSql(type)) {
      throw encoding.refused(
          Refusal.Code.EXPRESSION, "expression " + type.getName() + " is not part of Spark SQL");
    }
    if (expression instanceof UserDefinedExpression user
        && !(expression instanceof PythonFuncExpression)
        && !(expression instanceof ScalaUDF)
        && !(expression instanceof ScalaAggregator)) {
      throw encoding.refused(
          Refusal.Code.FUNCTION,
          "function " + user.name() + " (" + type.getName() + ") has no code identity");
    }
    if (expression instanceof EncodeUsingSerializer
        || expression instanceof DecodeUsingSerializer) {
      throw encoding.refused(
          Refusal.Code.EXPRESSION,
          "rows hold objects serialized by Kryo or Java, whose bytes have no stable meaning");
    }
    if (expression instanceof PythonFuncExpression python && !python.udfDeterministic()) {
      throw encoding.refused(
          Refusal.Code.NON_DETERMINISTIC, PythonFunctions.declaredNonDeterministic(python));
    }
    if (isRandom(expression)) {
      throw encoding.refused(
          Refusal.Code.NON_DETERMINISTIC,
          expression.prettyName() + " gives other rows in another run");
    }
    noteDependenceOnToday(expression);
  }

  private static boolean isRandom(Expression expression) {
    return !expression.deterministic()
        || expression instanceof Nondeterministic
        || expression instanceof ExpressionWithRandomSeed
        || isAny(expression, CURRENT)
        || expression.getClass().getName().startsWith(RANDOM_SKETCHES)
        || (expression instanceof StaticInvoke call
            && call.staticObject() == ExpressionImplUtils.class
            && RANDOM_STATIC_METHODS.contains(call.functionName()));
  }

  private void noteDependenceOnToday(Expression expression) {
    if (!isAny(expression, PARSERS) || !TypeEncoder.holdsTimestamp(expression.dataType())) {
      return;
    }
    for (Expression child : ScalaInterop.list(expression.children())) {
      if (!child.resolved() || readsText(child.dataType())) {
        Optional<String> zone =
            expression instanceof Cast cast
                ? ScalaInterop.optional(cast.timeZoneId())
                : Optional.empty();
        encoding.dependsOnToday(zone.map(DateTimeUtils::getZoneId).orElse(sessionZone));
        return;
      }
    }
  }

  private static boolean readsText(DataType type) {
    return TypeEncoder.holdsText(type);
  }

  private static boolean isAny(Object value, List<Class<?>> types) {
    return types.stream().anyMatch(type -> type.isInstance(value));
  }
}
