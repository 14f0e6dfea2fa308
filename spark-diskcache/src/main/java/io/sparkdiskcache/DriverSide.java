// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.cluster.ClusterDirectory;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.fingerprint.IgnoredSettings;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.remote.RemoteTier;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.jspecify.annotations.Nullable;

/** Checks the configuration, brings the extensions, and listens to executors. */
final class DriverSide implements DriverPlugin {
  private static final String EXTENSIONS = "spark.sql.extensions";

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
          ClusterDirectory.start(
              context,
              settings.lookupWait(),
              settings.driverDirectory(),
              EnvironmentIdentity::facts);
    }
    CacheApplication.redactKey(context.conf(), settings);
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
