// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.shim;

import io.sparkdiskcache.annotation.Internal;
import org.apache.arrow.compression.CommonsCompressionFactory;
import org.apache.arrow.vector.compression.CompressionCodec;
import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;

/** Calls that Spark has since 4.1. */
@Internal
public final class LaterApi {
  private LaterApi() {}

  public static String id(Table table) {
    return String.valueOf(table.id());
  }

  public static String version(Table table) {
    return String.valueOf(table.version());
  }

  public static String timeTravel(DataSourceV2Relation relation) {
    return String.valueOf(relation.timeTravelSpec());
  }

  public static CompressionCodec.Factory compression() {
    return CommonsCompressionFactory.INSTANCE;
  }
}
