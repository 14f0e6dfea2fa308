// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.IgnoredSettings;
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
import org.jspecify.annotations.Nullable;

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

  /** Tells the driver what its host holds, and at its end waits for what is still to be written. */
  private static final class Executor implements ExecutorPlugin {
    private final ExecutorInventory inventory =
        new ExecutorInventory(
            conf -> Settings.of(CacheApplication.asMap(conf)).store(), CacheApplication::release);

    @Override
    public void init(PluginContext context, Map<String, String> extraConf) {
      inventory.init(context, extraConf);
    }

    @Override
    public void shutdown() {
      inventory.shutdown();
      RemoteTier.closeAll();
    }
  }

  private static final class Driver implements DriverPlugin {
    private @Nullable ClusterDirectory cluster;

    /**
     * @throws IllegalArgumentException on a bad configuration value, which stops the application
     *     before it has done anything
     */
    @Override
    public Map<String, String> init(SparkContext context, PluginContext pluginContext) {
      Settings settings = Settings.of(CacheApplication.asMap(context.conf()));
      if (!context.isLocal()) {
        cluster =
            ClusterDirectory.start(context, settings.lookupWait(), settings.driverDirectory());
      }
      RemoteTier.check(settings.remote(), context.hadoopConfiguration());
      IgnoredSettings unused = IgnoredSettings.parse(settings.ignoredSettings());
      Set<String> extensions =
          new LinkedHashSet<>(List.of(context.conf().get(EXTENSIONS, "").split(",")));
      extensions.remove("");
      extensions.add(DiskCacheExtensions.class.getName());
      context.conf().set(EXTENSIONS, String.join(",", extensions));
      return Map.of();
    }

    @Override
    public @Nullable Object receive(Object message) {
      return cluster == null ? null : cluster.receive(message);
    }

    @Override
    public void shutdown() {
      if (cluster != null) {
        cluster.stop();
      }
    }
  }
}
