// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import io.sparkdiskcache.annotation.Internal;
import java.util.function.Function;

/**
 * One configuration key.
 *
 * @param key the whole key, starting with {@code spark.diskcache.}
 * @param defaultText the default as a user would write it
 * @param allowed what a value may be, for people
 * @param doc what it does, in one or two sentences
 * @param scope whether it is read once per application or for each query
 * @param parser text to value; throws IllegalArgumentException on anything else
 */
@Internal
public record ConfEntry<T>(
    String key,
    String defaultText,
    String allowed,
    String doc,
    Scope scope,
    Function<String, T> parser) {

  /** Thrown by a parser for a value that is allowed, and cannot be used in this process: why. */
  static final class UnusableValue extends IllegalArgumentException {
    UnusableValue(String reason) {
      super(reason);
    }
  }

  /** When a value is read. */
  public enum Scope {
    /** Read once, when the application first needs the cache. */
    APPLICATION,
    /** Read from the session whenever a relation is planned. */
    SESSION
  }

  /**
   * The value of a text.
   *
   * @throws IllegalArgumentException naming key, value and what is allowed
   */
  public T parse(String text) {
    try {
      return parser.apply(text.trim());
    } catch (UnusableValue e) {
      throw new IllegalArgumentException(
          "Cannot use '" + text + "' for " + key + ": " + e.getMessage() + ".", e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "Cannot use '" + text + "' for " + key + ": it must be " + allowed + ".", e);
    }
  }
}
