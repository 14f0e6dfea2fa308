// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.ApplyFunctionExpression;
import org.apache.spark.sql.catalyst.expressions.CurrentCatalog;
import org.apache.spark.sql.catalyst.expressions.CurrentDatabase;
import org.apache.spark.sql.catalyst.expressions.CurrentDate;
import org.apache.spark.sql.catalyst.expressions.CurrentTimeZone;
import org.apache.spark.sql.catalyst.expressions.CurrentTimestampLike;
import org.apache.spark.sql.catalyst.expressions.CurrentUser;
import org.apache.spark.sql.catalyst.expressions.DistributedSequenceID;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionImplUtils;
import org.apache.spark.sql.catalyst.expressions.ExpressionWithRandomSeed;
import org.apache.spark.sql.catalyst.expressions.LocalTimestamp;
import org.apache.spark.sql.catalyst.expressions.Nondeterministic;
import org.apache.spark.sql.catalyst.expressions.PrintToStderr;
import org.apache.spark.sql.catalyst.expressions.PythonFuncExpression;
import org.apache.spark.sql.catalyst.expressions.TransformExpression;
import org.apache.spark.sql.catalyst.expressions.UserDefinedExpression;
import org.apache.spark.sql.catalyst.expressions.VariableReference;
import org.apache.spark.sql.catalyst.expressions.aggregate.V2Aggregator;
import org.apache.spark.sql.catalyst.expressions.objects.DecodeUsingSerializer;
import org.apache.spark.sql.catalyst.expressions.objects.EncodeUsingSerializer;
import org.apache.spark.sql.catalyst.expressions.objects.StaticInvoke;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
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
  /** Their code is the user's, or another library's. */
  private static final List<Class<?>> FUNCTIONS =
      List.of(
          PythonFuncExpression.class,
          UserDefinedExpression.class,
          ApplyFunctionExpression.class,
          TransformExpression.class,
          V2Aggregator.class);

  /**
   * Random, dependent on how the input is cut, or replaced by literals before a plan is executed:
   * one that is left would be read per run. The sketches throw coins when they are compacted.
   */
  private static final Set<Class<?>> NOT_REPEATABLE =
      SparkClasses.ofThisLine(
          Set.of(
              Nondeterministic.class,
              ExpressionWithRandomSeed.class,
              DistributedSequenceID.class,
              CurrentTimestampLike.class,
              CurrentDate.class,
              CurrentTimeZone.class,
              CurrentUser.class,
              CurrentDatabase.class,
              CurrentCatalog.class,
              LocalTimestamp.class,
              VariableReference.class),
          "org.apache.spark.sql.catalyst.expressions.CurrentTime",
          "org.apache.spark.sql.catalyst.expressions.CurrentPath",
          "org.apache.spark.sql.catalyst.expressions.LocalTimestampNanos",
          "org.apache.spark.sql.catalyst.expressions.KllSketchMergeBase",
          "org.apache.spark.sql.catalyst.expressions.aggregate.KllSketchAggBigint",
          "org.apache.spark.sql.catalyst.expressions.aggregate.KllSketchAggDouble",
          "org.apache.spark.sql.catalyst.expressions.aggregate.KllSketchAggFloat",
          "org.apache.spark.sql.catalyst.expressions.aggregate.KllMergeAggBase");

  private static final String XSD_PATH = "rowValidationXSDPath";

  private static final Set<String> RANDOM_STATIC_METHODS = Set.of("aesEncrypt");

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
    Optional<AllowList.Rule> rule = AllowList.rule(type);
    if (rule.isEmpty()) {
      throw refused(expression, refusal(type));
    }
    if (expression instanceof PythonFuncExpression python && !python.udfDeterministic()) {
      throw encoding.refused(
          Refusal.Code.NON_DETERMINISTIC, PythonFunctions.declaredNonDeterministic(python));
    }
    if (!expression.deterministic() || isRandom(expression)) {
      throw refused(expression, Refusal.Code.NON_DETERMINISTIC);
    }
    if (expression instanceof StaticInvoke call) {
      checkTarget(call);
    }
    if (rule.get() == AllowList.Rule.EXPRESSION_PARSES) {
      refuseSchemaFiles(expression);
      noteDependenceOnToday(expression);
    }
  }

  /** Why an expression of Spark's that is not on the list is refused. */
  static Refusal.Code refusal(Class<?> type) {
    if (isAny(type, FUNCTIONS)) {
      return Refusal.Code.FUNCTION;
    }
    if (isAny(type, NOT_REPEATABLE)) {
      return Refusal.Code.NON_DETERMINISTIC;
    }
    return type == PrintToStderr.class ? Refusal.Code.SIDE_EFFECT : Refusal.Code.EXPRESSION;
  }

  private RefusedException refused(Expression expression, Refusal.Code code) {
    String name = expression.prettyName();
    String type = expression.getClass().getName();
    return encoding.refused(
        code,
        switch (code) {
          case FUNCTION ->
              "function "
                  + (expression instanceof UserDefinedExpression user ? user.name() : name)
                  + " ("
                  + type
                  + ") has no code identity";
          case NON_DETERMINISTIC -> name + " gives other rows in another run";
          case SIDE_EFFECT -> name + " prints, which it would not when rows are reused";
          default ->
              expression instanceof EncodeUsingSerializer
                      || expression instanceof DecodeUsingSerializer
                  ? "rows hold objects serialized by Kryo or Java, whose bytes have no stable meaning"
                  : "expression " + name + " (" + type + ") is not known";
        });
  }

  /** Encoders call methods of many classes; what is Spark's must be known. */
  private void checkTarget(StaticInvoke call) {
    Class<?> target = call.staticObject();
    if (call.scalarFunction().isDefined()
        || (SparkClasses.isSparkSql(target) && !AllowList.mayInvoke(target))) {
      throw encoding.refused(
          Refusal.Code.EXPRESSION,
          "function " + target.getName() + "." + call.functionName() + " is not known");
    }
  }

  /** Options may name a file whose content decides about rows. */
  private void refuseSchemaFiles(Expression expression) {
    if (ParserOptions.of(expression).keySet().stream().anyMatch(XSD_PATH::equalsIgnoreCase)) {
      throw encoding.refused(
          Refusal.Code.SOURCE,
          expression.prettyName()
              + " reads the file named by its option "
              + XSD_PATH
              + "; parse without it");
    }
  }

  private static boolean isRandom(Expression expression) {
    return expression instanceof StaticInvoke call
        && call.staticObject() == ExpressionImplUtils.class
        && RANDOM_STATIC_METHODS.contains(call.functionName());
  }

  private void noteDependenceOnToday(Expression expression) {
    if (!TypeEncoder.holdsTimestamp(expression.dataType())) {
      return;
    }
    for (Expression child : ScalaInterop.list(expression.children())) {
      if (!child.resolved() || readsText(child.dataType())) {
        encoding.dependsOnToday(sessionZone);
        ParserOptions.zones(expression)
            .forEach(zone -> encoding.dependsOnToday(DateTimeUtils.getZoneId(zone)));
        return;
      }
    }
  }

  private static boolean readsText(DataType type) {
    return TypeEncoder.holdsText(type);
  }

  private static boolean isAny(Class<?> type, Collection<Class<?>> types) {
    return types.stream().anyMatch(known -> known.isAssignableFrom(type));
  }
}
