// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;

/** Facts of a table that Spark tells since 4.1. */
final class TableFacts {
  private TableFacts() {}

  static String id(Table table) {
    return String.valueOf(table.id());
  }

  static String version(Table table) {
    return String.valueOf(table.version());
  }

  static String timeTravel(DataSourceV2Relation relation) {
    return String.valueOf(relation.timeTravelSpec());
  }
}
