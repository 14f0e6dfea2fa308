// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;

/** How the bytes of geometries and geographies are written: Spark 4.0 and 4.1 keep none. */
final class SpatialValues {
  /** Spark 4.1 has the types, but other values. */
  static final boolean WRITES_SPATIAL = false;

  private SpatialValues() {}

  static void writeOpaque(
      VariableWidthWriters.BytesWriter out, SpecializedGetters in, int ordinal) {
    throw new UnsupportedOperationException("geometries and geographies");
  }
}
