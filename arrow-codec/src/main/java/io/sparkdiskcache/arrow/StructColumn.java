// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.vectorized.ColumnVector;

/** Structs, and what Spark reads as structs: calendar intervals and variants. */
@Internal
public final class StructColumn extends MappedColumn {
  private final MappedColumn[] fields;

  StructColumn(Slots slots, MappedColumn[] fields) {
    super(slots);
    this.fields = fields;
  }

  @Override
  public ColumnVector getChild(int ordinal) {
    return fields[ordinal];
  }
}
