// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoFunction;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** How a function is memoised. Immutable; starts at {@link #defaults}. */
public final class MemoOptions implements Serializable {
  private static final Duration DEFAULT_LEASE = Duration.ofMinutes(2);

  /** The answer of a row whose call fails for good. Errors are never kept. */
  public enum OnError {
    /** The task fails, as with any other function. */
    FAIL,
    /** The row gets null; the error is counted in the ledger, and logged now and then. */
    NULL,
    /**
     * The task goes on with its other rows, whose results are kept, and then fails with the number
     * of failed calls and the first error.
     */
    REPORT
  }

  /** Something that follows from a result; serializable, as executors evaluate it. */
  @FunctionalInterface
  public interface OfResult<T> extends Serializable {
    T of(@Nullable Object result);
  }

  // Assigned by with() before anybody else sees the object.
  private String name = "";
  private String version = "";
  private String tag = "";
  private @Nullable Duration ttl;
  private @Nullable OfResult<Duration> ttlOf;
  private int @Nullable [] keyOf;
  private boolean cacheNulls = true;
  private TreeMap<String, String> params = new TreeMap<>();
  private int retries;
  private Duration backOff = Duration.ZERO;
  private double callsPerSecond;
  private OnError onError = OnError.FAIL;
  private double price;
  private @Nullable OfResult<Double> priceOf;
  private Duration lease = DEFAULT_LEASE;
  private long maxBytes = Long.MAX_VALUE;

  private MemoOptions() {}

  private MemoOptions(MemoOptions other) {
    name = other.name;
    version = other.version;
    tag = other.tag;
    ttl = other.ttl;
    ttlOf = other.ttlOf;
    keyOf = other.keyOf;
    cacheNulls = other.cacheNulls;
    params = other.params;
    retries = other.retries;
    backOff = other.backOff;
    callsPerSecond = other.callsPerSecond;
    onError = other.onError;
    price = other.price;
    priceOf = other.priceOf;
    lease = other.lease;
    maxBytes = other.maxBytes;
  }

  /** Kept for ever, keyed by all arguments, nulls too; one attempt, and errors fail the task. */
  public static MemoOptions defaults() {
    return new MemoOptions();
  }

  private MemoOptions with(Consumer<MemoOptions> change) {
    MemoOptions copy = new MemoOptions(this);
    change.accept(copy);
    return copy;
  }

  /** The name in the ledger, in selectors and in plans; by default that of the class or method. */
  public MemoOptions withName(String value) {
    String oneLine = oneLine("name", value);
    return with(o -> o.name = oneLine);
  }

  /** Part of the key, beside the code, not instead of it. */
  public MemoOptions withVersion(String value) {
    String oneLine = oneLine("version", value);
    return with(o -> o.version = oneLine);
  }

  /**
   * A label for the ledger and for selectors, or several separated by commas; no part of the key.
   */
  public MemoOptions withTag(String value) {
    String joined = MemoFunction.joinedTags(oneLine("tag", value));
    return with(o -> o.tag = joined);
  }

  /** As {@link #withTag}, for several. */
  public MemoOptions withTags(String... values) {
    return withTag(String.join(",", values));
  }

  /** A result older than this is not used. Holds for what is kept already, too. */
  public MemoOptions withTtl(Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw new IllegalArgumentException(
          "Cannot keep results for " + value + ": expected more than zero.");
    }
    return with(o -> o.ttl = value);
  }

  /** How long a result is kept, by the result; zero for not at all. */
  public MemoOptions withTtlOf(OfResult<Duration> value) {
    return with(o -> o.ttlOf = value);
  }

  /** Which arguments count, from 0: the results must not depend on the others. */
  public MemoOptions withKeyOf(int... indices) {
    int[] sorted = Arrays.stream(indices).sorted().distinct().toArray();
    if (sorted.length == 0 || sorted[0] < 0) {
      throw new IllegalArgumentException(
          "Cannot use arguments %s as the key: expected one or more indices from 0."
              .formatted(Arrays.toString(indices)));
    }
    return with(o -> o.keyOf = sorted);
  }

  /** Whether null is a result like any other. */
  public MemoOptions withCacheNulls(boolean value) {
    return with(o -> o.cacheNulls = value);
  }

  /** Part of the key: what else decides on the result, such as a model's name. */
  public MemoOptions withParam(String key, String value) {
    return withParams(Map.of(key, value));
  }

  /** As {@link #withParam}, for several. */
  public MemoOptions withParams(Map<String, String> values) {
    TreeMap<String, String> all = new TreeMap<>(params);
    values.forEach((key, value) -> all.put(wellFormed(key), wellFormed(value)));
    return with(o -> o.params = all);
  }

  /**
   * Calls again after an exception.
   *
   * @param backOff the wait before the first further attempt; it doubles with each
   */
  public MemoOptions withRetries(int count, Duration backOff) {
    if (count < 0 || backOff.isNegative()) {
      throw new IllegalArgumentException(
          "Cannot retry %d times after %s: expected zero or more.".formatted(count, backOff));
    }
    return with(
        o -> {
          o.retries = count;
          o.backOff = backOff;
        });
  }

  /** At most that many calls a second, in each process. */
  public MemoOptions withRateLimit(double callsPerSecond) {
    if (!(callsPerSecond > 0)) {
      throw new IllegalArgumentException(
          "Cannot limit calls to %s a second: expected more than zero.".formatted(callsPerSecond));
    }
    return with(o -> o.callsPerSecond = callsPerSecond);
  }

  public MemoOptions withOnError(OnError value) {
    return with(o -> o.onError = value);
  }

  /** The price of a call, in any unit; for the ledger. */
  public MemoOptions withPrice(double perCall) {
    return with(o -> o.price = perCall);
  }

  /** The price of a call, by its result. */
  public MemoOptions withPriceOf(OfResult<Double> value) {
    return with(o -> o.priceOf = value);
  }

  /** Longer than a call with its retries takes; after that, others no longer wait for it. */
  public MemoOptions withLease(Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw new IllegalArgumentException(
          "Cannot lease a call for " + value + ": expected more than zero.");
    }
    return with(o -> o.lease = value);
  }

  /**
   * The bytes that the results of all functions of this name may take, nearly; the oldest are
   * removed. Keys, arguments and what else belongs to a result count as well.
   */
  public MemoOptions withMaxBytes(long value) {
    if (value <= 0) {
      throw new IllegalArgumentException(
          "Cannot keep results in %d bytes: expected more than zero.".formatted(value));
    }
    return with(o -> o.maxBytes = value);
  }

  private static String oneLine(String what, String value) {
    if (value.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException(
          "Cannot use a %s with control characters: '%s'.".formatted(what, value));
    }
    return wellFormed(value);
  }

  /** Keys are made of UTF-8, in which two texts that are not must not look the same. */
  private static String wellFormed(String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new IllegalArgumentException("Cannot use '%s': it is not Unicode.".formatted(text));
    }
    return text;
  }

  String name() {
    return name;
  }

  String version() {
    return version;
  }

  String tag() {
    return tag;
  }

  /** Milliseconds after which a result is too old. */
  long ttlMillis() {
    return ttl == null ? Long.MAX_VALUE : ttl.toMillis();
  }

  @Nullable OfResult<Duration> ttlOf() {
    return ttlOf;
  }

  /** Those of the indices of a function's arguments that count. */
  int[] keyOf(int arguments) {
    if (keyOf == null) {
      return IntStream.range(0, arguments).toArray();
    }
    if (keyOf[keyOf.length - 1] >= arguments) {
      throw new IllegalArgumentException(
          "Cannot use arguments %s as the key: the function has %d, from 0."
              .formatted(Arrays.toString(keyOf), arguments));
    }
    return keyOf.clone();
  }

  boolean cacheNulls() {
    return cacheNulls;
  }

  Map<String, String> params() {
    return params;
  }

  int retries() {
    return retries;
  }

  Duration backOff() {
    return backOff;
  }

  /** Zero for no limit. */
  double callsPerSecond() {
    return callsPerSecond;
  }

  OnError onError() {
    return onError;
  }

  double price(@Nullable Object result) {
    return priceOf == null ? price : priceOf.of(result);
  }

  Duration lease() {
    return lease;
  }

  /** {@link Long#MAX_VALUE} for no limit. */
  long maxBytes() {
    return maxBytes;
  }
}
