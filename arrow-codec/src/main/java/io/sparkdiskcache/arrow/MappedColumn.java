// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/**
 * A vector that reads a mapped file by address. Subclasses are final and named in {@link
 * ArrowCachedBatchSerializer#vectorTypes}, so that generated code calls them directly; they are
 * public for generated code only. A slot number is not checked: it has to be one of the vector's.
 * Closing does nothing: the memory lives as long as the vector can be reached.
 */
@Internal
public abstract class MappedColumn extends ColumnVector {
  final Slots slots;
  private final boolean hasNull;
  private final long validity;

  MappedColumn(Slots slots) {
    // The type has no user-defined part: the search for one, which the constructor would make for
    // every vector of every batch, is left out.
    super(null);
    this.type = slots.type();
    this.slots = slots;
    this.hasNull = slots.nulls() > 0;
    this.validity = slots.validity();
  }

  @Override
  public final void close() {}

  /** The column as Arrow has it, see {@link ArrowViews}; null if that takes building rows. */
  ArrowViews.@Nullable Buffers arrow() {
    return null;
  }

  @Override
  public final boolean hasNull() {
    return hasNull;
  }

  @Override
  public final int numNulls() {
    return slots.nulls();
  }

  @Override
  public boolean isNullAt(int rowId) {
    return hasNull && (Platform.getByte(null, validity + (rowId >> 3)) >> (rowId & 7) & 1) == 0;
  }

  @Override
  public boolean getBoolean(int rowId) {
    throw otherType("boolean");
  }

  @Override
  public byte getByte(int rowId) {
    throw otherType("byte");
  }

  @Override
  public short getShort(int rowId) {
    throw otherType("short");
  }

  @Override
  public int getInt(int rowId) {
    throw otherType("int");
  }

  @Override
  public long getLong(int rowId) {
    throw otherType("long");
  }

  @Override
  public float getFloat(int rowId) {
    throw otherType("float");
  }

  @Override
  public double getDouble(int rowId) {
    throw otherType("double");
  }

  @Override
  public ColumnarArray getArray(int rowId) {
    throw otherType("array");
  }

  @Override
  public ColumnarMap getMap(int rowId) {
    throw otherType("map");
  }

  @Override
  public Decimal getDecimal(int rowId, int precision, int scale) {
    throw otherType("decimal");
  }

  @Override
  public UTF8String getUTF8String(int rowId) {
    throw otherType("string");
  }

  @Override
  public byte[] getBinary(int rowId) {
    throw otherType("binary");
  }

  @Override
  public ColumnVector getChild(int ordinal) {
    throw otherType("child");
  }

  private UnsupportedOperationException otherType(String wanted) {
    return new UnsupportedOperationException(
        "Cannot get a " + wanted + " from a column of type " + type.simpleString());
  }
}
