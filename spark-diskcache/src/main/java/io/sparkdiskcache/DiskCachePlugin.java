// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.remote.RemoteTier;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * The one line of configuration: {@code spark.plugins=io.sparkdiskcache.DiskCachePlugin}. Registers
 * {@link DiskCacheExtensions} with every session, and checks the configuration when the application
 * starts.
 */
public final class DiskCachePlugin implements SparkPlugin {
  private static final String EXTENSIONS = "spark.sql.extensions";

  @Override
  public DriverPlugin driverPlugin() {
    return new Driver();
  }

  @Override
  public ExecutorPlugin executorPlugin() {
    return new Executor();
  }

  private static final class Executor implements ExecutorPlugin {
    @Override
    public void shutdown() {
      RemoteTier.closeAll(); // waits for what is still to be written
    }
  }

  private static final class Driver implements DriverPlugin {
    /**
     * @throws IllegalArgumentException on a bad configuration value, which stops the application
     *     before it has done anything
     */
    @Override
    public Map<String, String> init(SparkContext context, PluginContext pluginContext) {
      Settings settings = Settings.of(CacheApplication.asMap(context.conf()));
      RemoteTier.check(settings.remote(), context.hadoopConfiguration());
      Set<String> extensions =
          new LinkedHashSet<>(List.of(context.conf().get(EXTENSIONS, "").split(",")));
      extensions.remove("");
      extensions.add(DiskCacheExtensions.class.getName());
      context.conf().set(EXTENSIONS, String.join(",", extensions));
      return Map.of();
    }
  }
}
