// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Floats and doubles of an entry that need not be exact, whatever they are stored as. Every entry
 * of a relation may store a column otherwise, but generated code knows one class: so this is the
 * class of all floating-point columns of such a relation, those stored as declared included.
 */
@Internal
public final class LoweredColumn extends MappedColumn {
  private final Kind kind;
  private final long data;

  LoweredColumn(Slots slots, Kind kind, long data) {
    super(slots);
    this.kind = kind;
    this.data = data;
  }

  @Override
  ArrowViews.@Nullable Buffers arrow() {
    return ArrowViews.Buffers.fixed(
        slots, kind, type instanceof FloatType ? Kind.FLOAT32 : Kind.FLOAT64, data);
  }

  @Override
  public float getFloat(int rowId) {
    return switch (kind) {
      case FLOAT16 -> half(rowId);
      case BFLOAT16 -> bfloat(rowId);
      default -> Platform.getFloat(null, data + ((long) rowId << 2));
    };
  }

  @Override
  public double getDouble(int rowId) {
    return kind == Kind.FLOAT64
        ? Platform.getDouble(null, data + ((long) rowId << 3))
        : getFloat(rowId);
  }

  @Override
  public float[] getFloats(int rowId, int count) {
    float[] values = new float[count];
    switch (kind) {
      case FLOAT16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = half(rowId + i);
        }
      }
      case BFLOAT16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = bfloat(rowId + i);
        }
      }
      default ->
          Platform.copyMemory(
              null,
              data + ((long) rowId << 2),
              values,
              Platform.FLOAT_ARRAY_OFFSET,
              (long) count * Float.BYTES);
    }
    return values;
  }

  @Override
  public double[] getDoubles(int rowId, int count) {
    double[] values = new double[count];
    switch (kind) {
      case FLOAT16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = half(rowId + i);
        }
      }
      case BFLOAT16 -> {
        for (int i = 0; i < count; i++) {
          values[i] = bfloat(rowId + i);
        }
      }
      case FLOAT32 -> {
        for (int i = 0; i < count; i++) {
          values[i] = Platform.getFloat(null, data + ((long) (rowId + i) << 2));
        }
      }
      default ->
          Platform.copyMemory(
              null,
              data + ((long) rowId << 3),
              values,
              Platform.DOUBLE_ARRAY_OFFSET,
              (long) count * Double.BYTES);
    }
    return values;
  }

  private float half(int rowId) {
    return HalfFloats.halfToFloat(Platform.getShort(null, data + ((long) rowId << 1)));
  }

  private float bfloat(int rowId) {
    return HalfFloats.bfloatToFloat(Platform.getShort(null, data + ((long) rowId << 1)));
  }
}
