// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.apache.spark.sql.types.DataType;

/** Types that not every Spark line has, by the names of their classes. */
final class LaterTypes {
  private static final String PACKAGE = "org.apache.spark.sql.types.";

  private LaterTypes() {}

  /** {@code TIME}, since 4.1. */
  static boolean isTime(DataType type) {
    return is(type, "TimeType");
  }

  /** Geometry and geography, since 4.1. */
  static boolean isSpatial(DataType type) {
    return is(type, "GeometryType") || is(type, "GeographyType");
  }

  private static boolean is(DataType type, String name) {
    return type.getClass().getName().equals(PACKAGE + name);
  }
}
