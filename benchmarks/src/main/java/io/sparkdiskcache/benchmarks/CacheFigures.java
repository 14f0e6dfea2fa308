// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Optional;
import org.apache.spark.sql.SparkSession;

/**
 * The figures that the cache gives of itself. The same job runs with and without the cache's jar,
 * so the class is looked up by name; that it is missing is the ordinary state of a plain run.
 */
record CacheFigures(long hits, long computed) {
  private static final String API = "io.sparkdiskcache.DiskCache";

  static Optional<CacheFigures> of(SparkSession spark) throws ReflectiveOperationException {
    Class<?> api;
    try {
      api = Class.forName(API);
    } catch (ClassNotFoundException plainSpark) {
      return Optional.empty();
    }
    Method of =
        Arrays.stream(api.getMethods())
            .filter(method -> method.getName().equals("of") && method.getParameterCount() == 1)
            .findFirst()
            .orElseThrow(() -> new NoSuchMethodException(API + ".of(SparkSession)"));
    Object cache = of.invoke(null, spark);
    Object stats = api.getMethod("stats").invoke(cache);
    return Optional.of(new CacheFigures(count(stats, "hits"), count(stats, "computed")));
  }

  private static long count(Object stats, String name) throws ReflectiveOperationException {
    return ((Number) stats.getClass().getMethod(name).invoke(stats)).longValue();
  }
}
