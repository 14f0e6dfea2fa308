// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import org.apache.spark.sql.connector.catalog.Table;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;

/** Facts of a table that Spark 4.0 does not tell, as of one that has none of them. */
final class TableFacts {
  private TableFacts() {}

  static String id(Table table) {
    return "null";
  }

  static String version(Table table) {
    return "null";
  }

  static String timeTravel(DataSourceV2Relation relation) {
    return "None";
  }
}
