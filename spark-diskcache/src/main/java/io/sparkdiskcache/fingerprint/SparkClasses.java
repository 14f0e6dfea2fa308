// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.net.URL;
import java.security.CodeSource;
import java.util.HashSet;
import java.util.Set;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/**
 * Who wrote a class, told by where it was loaded from: package names prove nothing, since anyone
 * may put classes into {@code org.apache.spark.sql} to reach what is private there.
 */
final class SparkClasses {
  private static final Set<String> SPARK_SQL =
      locations(SparkPlan.class, Expression.class, DataType.class, UTF8String.class);
  private static final Set<String> SCALA = locations(scala.Option.class);

  private static final ClassValue<Boolean> IS_SPARK_SQL =
      new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
          return type.getName().startsWith("org.apache.spark.") && within(type, SPARK_SQL);
        }
      };

  private SparkClasses() {}

  /** Whether a class is part of Spark's sql, catalyst, sql-api or unsafe jar. */
  static boolean isSparkSql(Class<?> type) {
    return IS_SPARK_SQL.get(type);
  }

  /** Whether a class comes with the JDK or with Scala: its code is covered by their versions. */
  static boolean isPlatform(Class<?> type) {
    Class<?> element = type;
    while (element.isArray()) {
      element = element.getComponentType();
    }
    ClassLoader loader = element.getClassLoader();
    return loader == null
        || loader == ClassLoader.getPlatformClassLoader()
        || (element.getName().startsWith("scala.") && within(element, SCALA));
  }

  /**
   * Classes of Spark by this line of it.
   *
   * @param always those that every line has
   * @param names of others; those that this line lacks are left out
   */
  static Set<Class<?>> ofThisLine(Set<Class<?>> always, String... names) {
    ClassLoader loader = SparkPlan.class.getClassLoader();
    Set<Class<?>> found = new HashSet<>(always);
    for (String name : names) {
      if (loader.getResource(name.replace('.', '/') + ".class") != null) {
        found.add(named(name, loader));
      }
    }
    return Set.copyOf(found);
  }

  private static Class<?> named(String name, ClassLoader loader) {
    try {
      return Class.forName(name, false, loader);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(
          "Spark's class " + name + " is there but cannot be loaded", e);
    }
  }

  /** A lambda or method reference: a class the JVM spun, with no identity of its own. */
  static boolean isLambda(Class<?> type) {
    return type.isHidden() || type.getName().contains("$$Lambda");
  }

  static @Nullable URL location(Class<?> type) {
    CodeSource source = type.getProtectionDomain().getCodeSource();
    return source == null ? null : source.getLocation();
  }

  private static boolean within(Class<?> type, Set<String> locations) {
    URL location = location(type);
    return location != null && locations.contains(location.toExternalForm());
  }

  private static Set<String> locations(Class<?>... witnesses) {
    Set<String> found = new HashSet<>();
    for (Class<?> witness : witnesses) {
      URL location = location(witness);
      if (location != null) {
        found.add(location.toExternalForm());
      }
    }
    return Set.copyOf(found);
  }
}
