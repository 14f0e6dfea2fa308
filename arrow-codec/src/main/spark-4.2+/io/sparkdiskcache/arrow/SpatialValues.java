// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.types.BinaryView;

/** How the bytes of geometries and geographies are written: as views, since Spark 4.2. */
final class SpatialValues {
  static final boolean WRITES_SPATIAL = true;

  private SpatialValues() {}

  static void writeOpaque(VariableWidthWriters.BytesWriter out, SpecializedGetters in, int ordinal)
      throws IOException {
    BinaryView value = in.getBinaryView(ordinal);
    out.append(value.getBaseObject(), value.getBaseOffset(), value.numBytes());
  }
}
