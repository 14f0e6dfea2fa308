// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Where the store's messages go: to SLF4J, which Spark brings, and where there is none, as under
 * the command line, warnings to the standard error. Bundling SLF4J instead could shadow Spark's.
 */
final class Log {
  private static final boolean HAS_SLF4J = hasSlf4j();

  private final @Nullable Object logger; // of SLF4J; typed where it is known to be there

  private Log(@Nullable Object logger) {
    this.logger = logger;
  }

  static Log of(Class<?> type) {
    return new Log(HAS_SLF4J ? Slf4j.logger(type) : null);
  }

  private static boolean hasSlf4j() {
    try {
      Class.forName("org.slf4j.Logger", false, Log.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /** A last argument that is a throwable is logged with its stack. */
  void warn(String pattern, @Nullable Object... arguments) {
    if (logger != null) {
      Slf4j.warn(logger, pattern, arguments);
    } else {
      System.err.println("warning: " + filled(pattern, arguments));
    }
  }

  void info(String pattern, @Nullable Object... arguments) {
    if (logger != null) {
      Slf4j.info(logger, pattern, arguments);
    }
  }

  void debug(String pattern, @Nullable Object... arguments) {
    if (logger != null) {
      Slf4j.debug(logger, pattern, arguments);
    }
  }

  private static String filled(String pattern, @Nullable Object... arguments) {
    StringBuilder text = new StringBuilder();
    int from = 0;
    for (Object argument : arguments) {
      int at = pattern.indexOf("{}", from);
      if (at < 0) {
        break;
      }
      text.append(pattern, from, at).append(argument);
      from = at + 2;
    }
    return text.append(pattern, from, pattern.length()).toString();
  }

  /** Loaded only where SLF4J is. */
  private static final class Slf4j {
    static Object logger(Class<?> type) {
      return LoggerFactory.getLogger(type);
    }

    static void warn(Object logger, String pattern, @Nullable Object... arguments) {
      ((org.slf4j.Logger) logger).warn(pattern, arguments);
    }

    static void info(Object logger, String pattern, @Nullable Object... arguments) {
      ((org.slf4j.Logger) logger).info(pattern, arguments);
    }

    static void debug(Object logger, String pattern, @Nullable Object... arguments) {
      ((org.slf4j.Logger) logger).debug(pattern, arguments);
    }
  }
}
