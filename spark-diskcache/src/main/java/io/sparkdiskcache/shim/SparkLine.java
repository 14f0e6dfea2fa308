// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The line of Spark that this jar is built for. Asked by everything that Spark or Python enter by,
 * before a class is loaded that another line may lack: there the cache does nothing, and says so
 * once.
 */
@Internal
public final class SparkLine {
  private static final String FILE = "spark-line.properties";

  /** The line of the build's profile. */
  static final String BUILT_FOR = builtFor();

  private static final Logger log = LoggerFactory.getLogger(SparkLine.class);
  private static final AtomicBoolean TOLD = new AtomicBoolean();

  private SparkLine() {}

  private static String builtFor() {
    Properties properties = new Properties();
    try (InputStream in = SparkLine.class.getResourceAsStream(FILE)) {
      if (in == null) {
        throw new IllegalStateException(FILE + " is missing in the jar");
      }
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException("Cannot read " + FILE + " in the jar", e);
    }
    return properties.getProperty("line");
  }

  /** Whether the cache works with the Spark of this process; if not, the first call warns. */
  public static boolean isSupported() {
    String found = org.apache.spark.package$.MODULE$.SPARK_VERSION();
    boolean supported = isSupported(found);
    if (!supported && !TOLD.getAndSet(true)) {
      log.warn(sentence(found));
    }
    return supported;
  }

  /** Whether a version is of the line: 4.2, 4.2.1, 4.2.1-vendor, 4.2.2.dev0, but not 4.20. */
  static boolean isSupported(String version) {
    return version.startsWith(BUILT_FOR)
        && (version.length() == BUILT_FOR.length()
            || version.charAt(BUILT_FOR.length()) == '.'
            || version.charAt(BUILT_FOR.length()) == '-');
  }

  static String sentence(String found) {
    return "built for Spark %s, found %s; nothing is cached by spark-diskcache"
        .formatted(BUILT_FOR, found);
  }
}
