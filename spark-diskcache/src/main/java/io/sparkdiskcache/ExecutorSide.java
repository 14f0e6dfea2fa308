// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.cluster.ExecutorInventory;
import io.sparkdiskcache.conf.Settings;
import io.sparkdiskcache.fingerprint.EnvironmentIdentity;
import io.sparkdiskcache.relation.CacheApplication;
import io.sparkdiskcache.remote.RemoteTier;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;

/**
 * Tells the driver what its host holds, and at its end waits for what is still to be written, and
 * closes what is open. Of a driver that runs the tasks itself {@link CacheApplication} does that.
 */
final class ExecutorSide implements ExecutorPlugin {
  private boolean inDriver;
  private final ExecutorInventory inventory =
      new ExecutorInventory(
          conf -> Settings.of(CacheApplication.asMap(conf)).store(),
          CacheApplication::release,
          ExecutorSide::otherEnvironment);

  /** The difference between the environment here and the one that the driver's keys hold for. */
  private static Optional<String> otherEnvironment(SortedMap<String, String> driver) {
    return EnvironmentIdentity.difference(driver)
        .map(
            other ->
                "its %s is '%s' and the driver's is '%s', so that its rows may be others. Start executors with the driver's Java, time zone, locale and character set."
                    .formatted(other.name(), other.here(), other.there()));
  }

  @Override
  public void init(PluginContext context, Map<String, String> extraConf) {
    inDriver = context.executorID().equals("driver");
    inventory.init(context, extraConf);
  }

  @Override
  public void shutdown() {
    inventory.shutdown();
    RemoteTier.closeAll();
    if (!inDriver) {
      CacheApplication.endExecutor();
    }
  }
}
