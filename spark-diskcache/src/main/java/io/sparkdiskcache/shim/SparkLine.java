// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The line of Spark that this jar is bound to. Asked by everything that Spark or Python enter by,
 * before a class is loaded that another line may lack: there the cache does nothing, and says so
 * once.
 */
@Internal
public final class SparkLine {
  /** The line of {@code spark.version} in the build. */
  static final String BUILT_FOR = "4.2";

  private static final Logger log = LoggerFactory.getLogger(SparkLine.class);
  private static final AtomicBoolean TOLD = new AtomicBoolean();

  private SparkLine() {}

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
