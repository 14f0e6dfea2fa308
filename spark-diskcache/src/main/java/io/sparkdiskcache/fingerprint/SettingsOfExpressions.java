// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.lang.reflect.Field;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.CsvToStructs;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.In;
import org.apache.spark.sql.catalyst.expressions.InSet;
import org.apache.spark.sql.catalyst.expressions.XmlToStructs;
import org.apache.spark.sql.execution.InSubqueryExec;

/**
 * Settings that expressions read when they are made and keep in a field that is no argument.
 *
 * <p>An expression inside a view is made under the settings the view was created with, so the
 * session's settings do not say what it kept. A test finds all classes whose constructor reads a
 * setting.
 */
final class SettingsOfExpressions {
  private static final Map<Class<?>, String> FIELDS =
      Map.of(
          Cast.class, "legacyCastToStr",
          In.class, "legacyNullInEmptyBehavior",
          InSet.class, "legacyNullInEmptyBehavior",
          InSubqueryExec.class, "legacyNullInEmptyBehavior",
          CsvToStructs.class, "nameOfCorruptRecord",
          XmlToStructs.class, "nameOfCorruptRecord");

  /** They keep it since Spark 4.3. */
  private static final Set<Class<?>> LATER = Set.of(InSubqueryExec.class);

  private SettingsOfExpressions() {}

  /** The setting that {@code expression} keeps; empty if its class keeps nothing. */
  static Optional<Object> of(Expression expression) {
    String name = FIELDS.get(expression.getClass());
    if (name == null) {
      return Optional.empty();
    }
    try {
      Field field = expression.getClass().getDeclaredField(name);
      field.setAccessible(true);
      return Optional.of(field.get(expression));
    } catch (ReflectiveOperationException | RuntimeException e) {
      if (e instanceof NoSuchFieldException && LATER.contains(expression.getClass())) {
        return Optional.empty();
      }
      throw RefusedException.of(
          Refusal.Code.EXPRESSION,
          "",
          "the setting "
              + name
              + " kept by "
              + expression.getClass().getName()
              + " cannot be read: "
              + e);
    }
  }
}
