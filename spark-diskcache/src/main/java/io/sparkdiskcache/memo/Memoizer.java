// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.fingerprint.MemoizableFunction;
import io.sparkdiskcache.store.MemoFunction;
import java.io.Serializable;
import java.util.List;
import java.util.function.Function;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.api.java.UDF3;
import org.apache.spark.sql.api.java.UDF4;
import org.apache.spark.sql.api.java.UDF5;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.jspecify.annotations.Nullable;

/**
 * Makes column functions that call a user's function once per distinct input. Made on the driver,
 * where everything that cannot be memoised is refused with an {@link IllegalArgumentException}:
 * functions without an identity, parameters and return types without an encoding.
 */
@SuppressWarnings({
  "unchecked", // the types of a function are those of the columns it is used on
  "overloads" // a lambda needs a cast to UDF1 or Function
})
@Internal
public final class Memoizer {
  private final ClassLoader loader;
  private final String directory;
  private final MemoRemote remote;

  /**
   * @param loader sees the user's classes
   * @param directory the cache directory; empty to keep nothing, where the cache is off
   * @param remote where copies of results are
   */
  public Memoizer(ClassLoader loader, String directory, MemoRemote remote) {
    this.loader = loader;
    this.directory = directory;
    this.remote = remote;
  }

  /** A column function of one argument. */
  public UserDefinedFunction memoize(UDF1<?, ?> function, DataType type, MemoOptions options) {
    UDF1<@Nullable Object, @Nullable Object> f =
        (UDF1<@Nullable Object, @Nullable Object>) function;
    return one(make(function, 1, a -> f.call(a[0]), type, options), type);
  }

  /** As for a {@link UDF1}; the function must be serializable. */
  public UserDefinedFunction memoize(Function<?, ?> function, DataType type, MemoOptions options) {
    if (!(function instanceof Serializable)) {
      throw new IllegalArgumentException(
          "Cannot memoize %s: it is not serializable, and executors need it. Use a UDF1, or cast it to (Function<A, B> & Serializable)."
              .formatted(function.getClass().getName()));
    }
    Function<@Nullable Object, @Nullable Object> f =
        (Function<@Nullable Object, @Nullable Object>) function;
    return one(make(function, 1, a -> f.apply(a[0]), type, options), type);
  }

  private static UserDefinedFunction one(MemoizedFunction memo, DataType type) {
    UDF1<@Nullable Object, @Nullable Object> udf = a -> memo.call(a);
    return functions.udf(udf, type).withName(memo.name());
  }

  /** A column function of two arguments. */
  public UserDefinedFunction memoize(UDF2<?, ?, ?> function, DataType type, MemoOptions options) {
    UDF2<@Nullable Object, @Nullable Object, @Nullable Object> f =
        (UDF2<@Nullable Object, @Nullable Object, @Nullable Object>) function;
    MemoizedFunction memo = make(function, 2, x -> f.call(x[0], x[1]), type, options);
    UDF2<@Nullable Object, @Nullable Object, @Nullable Object> udf = (a, b) -> memo.call(a, b);
    return functions.udf(udf, type).withName(memo.name());
  }

  /** A column function of three arguments. */
  public UserDefinedFunction memoize(
      UDF3<?, ?, ?, ?> function, DataType type, MemoOptions options) {
    UDF3<@Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object> f =
        (UDF3<@Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object>) function;
    MemoizedFunction memo = make(function, 3, x -> f.call(x[0], x[1], x[2]), type, options);
    UDF3<@Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object> udf =
        (a, b, c) -> memo.call(a, b, c);
    return functions.udf(udf, type).withName(memo.name());
  }

  /** A column function of four arguments. */
  public UserDefinedFunction memoize(
      UDF4<?, ?, ?, ?, ?> function, DataType type, MemoOptions options) {
    UDF4<@Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object>
        f =
            (UDF4<
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object>)
                function;
    MemoizedFunction memo = make(function, 4, x -> f.call(x[0], x[1], x[2], x[3]), type, options);
    UDF4<@Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object, @Nullable Object>
        udf = (a, b, c, d) -> memo.call(a, b, c, d);
    return functions.udf(udf, type).withName(memo.name());
  }

  /** A column function of five arguments. */
  public UserDefinedFunction memoize(
      UDF5<?, ?, ?, ?, ?, ?> function, DataType type, MemoOptions options) {
    UDF5<
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object>
        f =
            (UDF5<
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object,
                    @Nullable Object>)
                function;
    MemoizedFunction memo =
        make(function, 5, x -> f.call(x[0], x[1], x[2], x[3], x[4]), type, options);
    UDF5<
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object,
            @Nullable Object>
        udf = (a, b, c, d, e) -> memo.call(a, b, c, d, e);
    return functions.udf(udf, type).withName(memo.name());
  }

  private MemoizedFunction make(
      Object function,
      int arguments,
      MemoizedFunction.Call call,
      DataType type,
      MemoOptions options) {
    Values values = new Values(type);
    MemoizableFunction identity = MemoizableFunction.of(function, loader);
    String name = options.name().isEmpty() ? identity.name() : options.name();
    requireEncodable(name, identity.parameters(), options.keyOf(arguments));
    MemoFunction named =
        new MemoFunction(
            identity.digest(),
            name,
            options.version(),
            options.tag(),
            String.join("\n", identity.code()));
    return new MemoizedFunction(
        call, named, identity.proof(), options, values, arguments, directory, remote);
  }

  private static void requireEncodable(String name, List<Class<?>> parameters, int[] keyOf) {
    for (int index : keyOf) {
      if (index < parameters.size() && !Arguments.mayEncode(parameters.get(index))) {
        throw new IllegalArgumentException(
            "Cannot memoize %s: argument %d is a %s, which has no canonical encoding. Pass strings, numbers, dates, timestamps, binary, or arrays and rows of these."
                .formatted(name, index, parameters.get(index).getName()));
      }
    }
  }
}
