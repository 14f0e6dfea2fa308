// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.remote.RemoteMemo;
import io.sparkdiskcache.remote.RemoteOptions;
import io.sparkdiskcache.remote.RemoteTier;
import java.io.Serializable;
import java.time.Duration;
import org.apache.spark.SparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import scala.reflect.ClassTag$;

/**
 * Where copies of results are, told to executors with the function. Hadoop's settings are a
 * broadcast, because a function goes with every task.
 */
@Internal
public final class MemoRemote implements Serializable {
  /** No remote tier. */
  public static final MemoRemote NONE = new MemoRemote(new RemoteOptions("", Duration.ZERO), null);

  private final RemoteOptions options;
  private final @Nullable Broadcast<SerializableConfiguration> conf;

  private MemoRemote(RemoteOptions options, @Nullable Broadcast<SerializableConfiguration> conf) {
    this.options = options;
    this.conf = conf;
  }

  /** That of an application, if it has one. */
  public static MemoRemote of(RemoteOptions options, SparkContext context) {
    return options.isSet()
        ? new MemoRemote(
            options,
            context.broadcast(
                new SerializableConfiguration(context.hadoopConfiguration()),
                ClassTag$.MODULE$.apply(SerializableConfiguration.class)))
        : NONE;
  }

  /** Null without a remote tier. */
  @Nullable RemoteMemo open() {
    return conf == null
        ? null
        : RemoteTier.of(options, conf.value().value()).map(RemoteTier::memo).orElse(null);
  }
}
