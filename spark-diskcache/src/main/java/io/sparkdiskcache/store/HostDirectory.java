// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.file.Path;

/**
 * Where this host keeps what all hosts are told to keep in one directory. As {@code
 * SPARK_LOCAL_DIRS} does for Spark, an environment variable speaks for the host.
 */
public final class HostDirectory {
  private static final String VARIABLE = "SPARK_DISKCACHE_DIR";

  private HostDirectory() {}

  /** The directory of this host in place of the configured one, if the host names one. */
  public static Path at(Path configured) {
    String ofHost = System.getenv(VARIABLE);
    return ofHost == null || !Path.of(ofHost).isAbsolute() ? configured : Path.of(ofHost);
  }
}
