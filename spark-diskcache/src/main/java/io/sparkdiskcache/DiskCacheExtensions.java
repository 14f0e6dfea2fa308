// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.shim.SparkLine;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.SparkSessionExtensionsProvider;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Registers with a Spark session: one optimizer rule, one columnar rule, and the table functions
 * {@code diskcache_entries()} and {@code diskcache_stats()}. Found by Spark through the service
 * file, or named in {@code spark.sql.extensions}, or brought by {@link DiskCachePlugin}; whatever
 * the combination, a session is registered with once. Does nothing on a line of Spark that this jar
 * was not built for.
 */
public final class DiskCacheExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit>
    implements SparkSessionExtensionsProvider {
  private static final Set<SparkSessionExtensions> REGISTERED =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  /**
   * @throws IllegalArgumentException on a bad configuration value. Spark only logs what comes out
   *     of a service file, so the rule says it again when the session plans its first query.
   */
  @Override
  public BoxedUnit apply(SparkSessionExtensions extensions) {
    if (SparkLine.isSupported() && REGISTERED.add(extensions)) {
      SessionRules.register(extensions);
    }
    return BoxedUnit.UNIT;
  }
}
