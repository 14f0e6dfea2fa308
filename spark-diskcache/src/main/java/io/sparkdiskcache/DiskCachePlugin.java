// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.shim.SparkLine;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.SparkPlugin;
import org.jspecify.annotations.Nullable;

/**
 * The one line of configuration: {@code spark.plugins=io.sparkdiskcache.DiskCachePlugin}. Registers
 * {@link DiskCacheExtensions} with every session, and checks the configuration when the application
 * starts. Does nothing on a line of Spark that this jar was not built for.
 */
public final class DiskCachePlugin implements SparkPlugin {

  @Override
  public @Nullable DriverPlugin driverPlugin() {
    return SparkLine.isSupported() ? new DriverSide() : null;
  }

  @Override
  public @Nullable ExecutorPlugin executorPlugin() {
    return SparkLine.isSupported() ? new ExecutorSide() : null;
  }
}
